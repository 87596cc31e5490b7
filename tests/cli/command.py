"""The command as people run it: arguments in, exit code and words out."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Ran:
    """How a command ended. `words` are what it said on both outputs, lines joined."""

    code: int
    out: str
    err: str

    @property
    def words(self) -> str:
        return " ".join(f"{self.out} {self.err}".split())


Run = Callable[..., Ran]


def run_apart(*arguments: object, seconds: float = 150, **environment: str) -> Ran:
    """Runs a command in a process of its own, as a shell does."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SURVEILLANCE_")}
    done = subprocess.run(
        [sys.executable, "-m", "surveillance", *map(str, arguments)],
        cwd=ROOT,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        timeout=seconds,
    )
    return Ran(done.returncode, done.stdout, done.stderr)
