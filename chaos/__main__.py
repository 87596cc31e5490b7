"""make chaos SCHEDULES=n SEED=s: runs schedules, goes on where an earlier run ended, says what it found."""

import argparse
import shutil
import signal
import sys
import tempfile
from pathlib import Path

from chaos.house import write_config
from chaos.playing import play
from chaos.results import Result, append, done, fingerprint, last_line, summary
from chaos.schedule import draw
from chaos.servers import Servers

RESULTS = Path("var/chaos/results.jsonl")


def main() -> int:
    """The exit code: 1 where any invariant failed."""
    asked = _asked()
    numbers = range(asked.first, asked.first + asked.schedules)
    if asked.show:
        print("\n".join(str(draw(asked.seed, number)) for number in numbers))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no server is left running
    code = fingerprint()
    known = {} if asked.again else done(asked.results, asked.seed, code)
    missing = [number for number in numbers if number not in known]
    if missing and not asked.report:
        known |= run(asked.seed, missing, asked.results, code)
    chosen = [known[number] for number in numbers if number in known]
    which = f"seed {asked.seed}, schedules {numbers[0]} to {numbers[-1]}, code {code}"
    print("\n".join((which, *summary(chosen))))
    print(last_line(chosen))
    return int(any(one.failed for one in chosen))


def run(seed: int, numbers: list[int], results: Path, code: str) -> dict[int, Result]:
    """Plays schedules on the same servers, and keeps each result at once."""
    played = {}
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    directory.chmod(0o755)
    config_dir = write_config(directory / "config")
    kept = results.parent / "failed"
    with Servers(directory) as servers:
        for number in numbers:
            schedule = draw(seed, number)
            print(schedule, flush=True)
            place = directory / f"{seed}-{number}"
            played[number] = play(schedule, servers, place, config_dir, code)
            append(results, played[number])
            _tell(played[number])
            if place.exists():
                shutil.move(place, kept / f"{code}-{seed}-{number}")
    shutil.rmtree(directory, ignore_errors=True)
    return played


def _tell(result: Result) -> None:
    end = "; ".join(("FAILED", *result.broken)) if result.failed else "held"
    counts = f"{result.seconds:.0f} s, {result.events} messages, {result.repaired} repaired"
    print(f"  -> {end} ({counts})", flush=True)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--schedules", type=int, default=10, help="how many")
    parser.add_argument("--seed", type=int, default=1, help="what they are drawn from")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where results are kept")
    parser.add_argument("--show", action="store_true", help="print the schedules, and run nothing")
    parser.add_argument("--report", action="store_true", help="say what has a result, and run nothing")
    parser.add_argument("--again", action="store_true", help="run also what has a result of this code")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
