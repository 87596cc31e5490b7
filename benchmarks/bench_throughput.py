"""How many messages a second a worker takes with full processing, beside a Faust agent that does nothing.

    python -m benchmarks.bench_throughput [--messages 40000] [--rounds 3]

One Apache Kafka, one PostgreSQL that writes to disk before it says so, and one backlog of the partners' mix:
new incidents and admissions, 2 % revisions, 2 % repeats, 1 % refused. The racers read it in turn, each as a
consumer group of its own, each worker into a database of its own, in several rounds, so that a machine that
becomes slower does so for all of them. A race runs from the assignment of the partitions to the last message:
counted, by an agent that does nothing; stored, by a worker.

    take         Faust's agent with our settings: batches, acknowledged together, and nothing done
    one          the same with Faust's plain `async for`
    chunks       nothing done with what our worker has of Faust: chunks of messages (agents/transport.py)
    daily        our worker with full processing; every use case is looked at at midnight
    every event  the same as shipped: the looks that the messages ask for run beside

The baseline is the faster of the first two. On a machine that others use, CPU seconds are steadier than the
wall.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from sqlalchemy import func, select

from benchmarks.bench_latency import servers
from benchmarks.processes import cpu_seconds

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from feed import make_mix, publish_over  # noqa: E402
from fleet import Fleet  # noqa: E402

from plugins.kafka_harness import ApacheKafka  # noqa: E402
from postgresql_server import PostgresqlServer  # noqa: E402
from surveillance.simulation.load import Truth  # noqa: E402
from surveillance.store import ledger, line_list, tables  # noqa: E402

IDLE = ("take", "one")
OURS = "chunks"
WORKERS = ("daily", "every event")
SHARE = 0.70
"""What a worker is to reach of the agent that does nothing."""
PREFIX = "race."
LIMIT_SECONDS = 600.0


@dataclass(frozen=True)
class Race:
    """What a racer took for the backlog: seconds from assignment to the end, CPU seconds by process."""

    messages: int
    seconds: float
    cpu: Mapping[str, float]

    @property
    def rate(self) -> float:
        """Messages a second."""
        return self.messages / self.seconds


@dataclass
class Track:
    """The servers with the backlog on them."""

    kafka: ApacheKafka
    server: PostgresqlServer
    directory: Path
    _races: int = 0

    def fleet(self, looks: str) -> Fleet:
        """A consumer group and a database that know nothing yet."""
        self._races += 1
        name = f"race_{self._races}"
        self.server.execute(f"CREATE DATABASE {name}")
        (self.directory / name).mkdir()
        options = {
            "partitions": 4,
            "consumer_group": name,
            "config_dir": write_config(self.directory / looks, looks),
        }
        return Fleet(
            self.directory / name, self.kafka.address, self.server.url(name), PREFIX, options=options
        )

    def cpu(self, racers: Mapping[str, int]) -> dict[str, float]:
        """CPU seconds until now, by process."""
        pids = {**racers, "Kafka": self.kafka.pid, "PostgreSQL": self.server.pid}
        return {name: cpu_seconds(pid) for name, pid in pids.items()}


def main() -> None:
    asked = _asked()
    with servers() as (kafka, server), tempfile.TemporaryDirectory() as directory:
        track = Track(kafka, server, Path(directory))
        with track.fleet("daily") as fleet:
            sent, truth = make_mix(fleet.configuration, asked.messages)
            publish_over(fleet.brokers, PREFIX, sent, asked.messages / 20_000)
        races: dict[str, list[Race]] = {racer: [] for racer in (*IDLE, OURS, *WORKERS)}
        for number in range(asked.rounds):
            for racer, of_racer in races.items():
                of_racer.append(run(track, racer, len(sent), truth))
                print(f"round {number + 1}, {racer}: {_words(of_racer[-1])}", flush=True)
        report(races)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def write_config(directory: Path, looks: str) -> Path:
    """The shipped configuration; `daily`: with every use case looked at at midnight and no sooner."""
    if directory.exists():
        return directory
    shutil.copytree(ROOT / "config", directory)
    for file in (directory / "use_cases").glob("*.yaml") if looks == "daily" else ():
        file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "looks": "daily"}))
    return directory


def run(track: Track, racer: str, messages: int, truth: Truth) -> Race:
    """One race."""
    if racer not in WORKERS:
        with track.fleet("daily") as fleet:
            return run_idle(track, fleet, racer, messages)
    with track.fleet(racer) as fleet:
        race = run_workers(track, fleet, ["only"], messages)
        fleet.stop_all()
        check(fleet, truth)
        return race


def run_idle(track: Track, fleet: Fleet, how: str, messages: int) -> Race:
    """The agent that does nothing; it says when it begins and ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.idle_agent", how, str(messages)],
        cwd=ROOT,
        env=os.environ | fleet.of_workers,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        lines = (line.strip() for line in process.stdout)
        next(line for line in lines if line == "assigned")
        began, before = time.monotonic(), track.cpu({"agent": process.pid})
        next(line for line in lines if line == "done")
        return _race(messages, began, before, track.cpu({"agent": process.pid}))
    finally:
        process.kill()
        process.wait()


def run_workers(track: Track, fleet: Fleet, names: list[str], messages: int) -> Race:
    """Workers that share the backlog, from the first assignment to the last message stored."""
    for name in names:
        fleet.start(name)
    for name in names:
        fleet.wait_until_reading(name, LIMIT_SECONDS, every_s=0.01)
    racers = {"agent": fleet.pid(names[0])}
    began, before = time.monotonic(), track.cpu(racers)
    wait_for_handled(fleet, messages)
    return _race(messages, began, before, track.cpu(racers))


def wait_for_handled(fleet: Fleet, messages: int) -> None:
    """Returns once the ledger has so many messages."""
    fleet.wait_until(lambda: handled(fleet) >= messages, LIMIT_SECONDS, "the backlog is stored", every_s=0.05)


def handled(fleet: Fleet) -> int:
    """How many messages the ledger has; no broker is asked."""
    with fleet.store.reading() as tx:
        found = ledger.positions(tx).values()
    return sum(p.mark + sum(end - first for first, end in p.handled.spans) for p in found)


def check(fleet: Fleet, truth: Truth) -> None:
    """Stops the benchmark where anything was lost or stored twice: speed is nothing then."""
    with fleet.store.reading() as tx:
        stored = line_list.count_records(tx)
        refused = tx.execute(select(func.count()).select_from(tables.dead_letters)).scalar_one()
    found = {"gaps": fleet.gaps(), "lost": fleet.lost(), "records": stored, "refused": refused}
    wanted = {"gaps": {}, "lost": 0, "records": len(truth.highest), "refused": sum(truth.refused.values())}
    if found != wanted or fleet.defects():
        raise SystemExit(f"stored {found}, wanted {wanted}; defects {fleet.defects()[:3]}")


def report(races: Mapping[str, list[Race]]) -> None:
    """Medians, and each racer's share of the baseline's rate round by round."""
    baseline = max(IDLE, key=lambda racer: _median(races[racer], lambda race: race.rate))
    print(f"\nmedians of {len(races[baseline])} rounds; the baseline is {baseline}")
    for racer, of_racer in races.items():
        shares = [one.rate / nothing.rate for one, nothing in zip(of_racer, races[baseline], strict=True)]
        middle = Race(
            of_racer[0].messages,
            _median(of_racer, lambda race: race.seconds),
            {name: statistics.median(race.cpu[name] for race in of_racer) for name in of_racer[0].cpu},
        )
        print(f"  {racer:12} {_words(middle)}, {statistics.median(shares):.0%} of nothing", flush=True)
        if racer in WORKERS:
            met = statistics.median(shares) >= SHARE
            print(f"    at least {SHARE:.0%}: {'yes' if met else 'NO'}")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{os.cpu_count()} processors, load {load}")


def _race(messages: int, began: float, before: Mapping[str, float], after: Mapping[str, float]) -> Race:
    cpu = {name: after[name] - before[name] for name in before}
    return Race(messages, time.monotonic() - began, cpu)


def _words(race: Race) -> str:
    used = ", ".join(f"{name} {cpu / race.messages * 1e6:.0f}" for name, cpu in race.cpu.items())
    return f"{race.rate:6.0f} messages a second; CPU microseconds a message: {used}"


def _median(races: list[Race], what: Callable[[Race], float]) -> float:
    return statistics.median(map(what, races))


if __name__ == "__main__":
    main()
