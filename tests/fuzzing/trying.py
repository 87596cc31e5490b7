"""Tries inputs on parsers: never an error that is not declared, and within bounds of time and memory."""

import random
import resource
import shutil
import signal
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fuzzing.mutating import mutated
from fuzzing.parsers import Parser, check_words

CPU_SECONDS = 3.0  # for one input: nine of ten take a thousandth of it
HANGS_SECONDS = 60
MOST_GROWTH_MB = 400


class Hangs(BaseException):
    """An input that a parser does not come to an end with."""


@dataclass
class Tally:
    """What became of a parser's inputs. `failures`: one input of each kind of failure, with its words."""

    tried: int = 0
    refused: int = 0
    slowest_seconds: float = 0.0
    failures: dict[str, bytes] = field(default_factory=dict)
    kinds: Counter[str] = field(default_factory=Counter)


def try_parser(parser: Parser, inputs: int, seed: int) -> Tally:
    """Every seed as it is, then so many changed ones. The same seed tries the same inputs."""
    rng, tally = random.Random(f"{parser.name} {seed}"), Tally()
    memory = _megabytes()
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    before = signal.signal(signal.SIGALRM, _hang)
    try:
        for number in range(inputs):
            content = parser.seeds[number] if number < len(parser.seeds) else mutated(parser.seeds, rng)
            _try_one(parser, content, folder, tally)
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        shutil.rmtree(folder)
    if _megabytes() - memory > MOST_GROWTH_MB:
        tally.failures["memory"] = f"grew by {_megabytes() - memory} MB".encode()
    return tally


def _try_one(parser: Parser, content: bytes, folder: Path, tally: Tally) -> None:
    signal.alarm(HANGS_SECONDS)
    began = time.process_time()
    tally.tried += 1
    try:
        parser.read(content, folder)
    except parser.declared as error:
        tally.refused += 1
        try:
            check_words(error)
        except AssertionError as wordless:
            tally.failures.setdefault(f"words: {wordless}"[:200], content)
    except (Exception, Hangs) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
        tally.kinds[kind] += 1
        tally.failures.setdefault(kind, content)
    took = time.process_time() - began
    tally.slowest_seconds = max(tally.slowest_seconds, took)
    if took > CPU_SECONDS:
        tally.failures.setdefault(f"took {took:.1f} s", content)


def _hang(_number: int, _frame: FrameType | None) -> None:
    raise Hangs


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
