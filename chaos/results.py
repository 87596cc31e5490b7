"""Results, a line of JSON for each schedule: what is there already for the same code is not done again."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from chaos import ROOT

CODE = ("surveillance", "agents", "config", "chaos")


@dataclass(frozen=True)
class Result:
    """What became of one schedule. events: on topics. repaired: offsets that the ledger's repair handled.
    judged: it came to its end; else nobody knows what was lost."""

    seed: int
    number: int
    code: str
    judged: bool = True
    lost: int = 0
    doubled: int = 0
    broken: tuple[str, ...] = ()
    events: int = 0
    repaired: int = 0
    seconds: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return bool(self.lost or self.doubled or self.broken) or not self.judged


def fingerprint(root: Path = ROOT) -> str:
    """Of everything that a schedule's end may depend on: the service, its configuration and the harness."""
    digest = hashlib.sha256()
    for folder in CODE:
        files = (path for path in (root / folder).rglob("*") if path.is_file())
        for path in sorted(files):
            if "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def append(path: Path, result: Result) -> None:
    """Adds a result as a line of its own, also after one that was cut when a process died."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write("\n" + json.dumps(asdict(result)) + "\n")


def read(path: Path) -> Iterator[Result]:
    """All results of a file, of whatever code; a line that was cut is left out."""
    if not path.exists():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            found = json.loads(line)
        except ValueError:
            continue
        yield Result(**{**found, "broken": tuple(found["broken"])})


def done(path: Path, seed: int, code: str) -> dict[int, Result]:
    """By number, the last result of each schedule of a seed under this code."""
    return {one.number: one for one in read(path) if (one.seed, one.code) == (seed, code)}


def last_line(results: Iterable[Result]) -> str:
    """The line that a run ends with; of a schedule that did not come to its end it says nothing."""
    held = [result for result in results if result.judged]
    return f"{len(held)} schedules, {sum(r.lost for r in held)} lost, {sum(r.doubled for r in held)} doubled"


def summary(results: Iterable[Result]) -> list[str]:
    """What else there is to say, a line each: repairs, times, and every schedule that failed."""
    held = list(results)
    if not held:
        return []
    needed = [one for one in held if one.repaired]
    seconds = sorted(one.seconds for one in held)
    lines = [
        f"{sum(one.events for one in held)} messages on topics",
        f"the ledger's repair had to work in {len(needed)} of {len(held)} schedules, for "
        f"{sum(one.repaired for one in held)} messages, at most {max(one.repaired for one in held)} in one",
        f"seconds a schedule: median {seconds[len(seconds) // 2]:.0f}, longest {seconds[-1]:.0f}",
    ]
    return lines + [
        f"FAILED seed {r.seed} schedule {r.number}: {'; '.join(r.broken)}" for r in held if r.failed
    ]
