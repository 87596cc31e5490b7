"""What was taken from whom, on disk until the audit chain has it.

The chain has one end and lies in a database that others write to: a submission does not wait for it. Files by
the hour, a line for each submission, and beside each file how far the chain has it:

    taken/2024-03-01T09.jsonl    only ever appended to, each line in one step
    taken/2024-03-01T09.entered  a number of bytes

A process that dies between the two writes enters a submission twice, never not at all.
"""

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from surveillance.events.topics import Kind
from surveillance.submitting.spool import open_private, room

MOST_AT_ONCE = 1_000
_FINISHED_AFTER = timedelta(hours=2)  # nobody writes to an hour's file any more


@dataclass(frozen=True)
class Taken:
    """A submission that was accepted. `by`: the account; `ids`: record@version, where they are few."""

    id: str
    at: datetime
    by: str
    partner: str
    kind: Kind
    records: int
    ids: tuple[str, ...] = ()


Enter = Callable[[Sequence[Taken]], None]
"""Enters submissions into the audit chain, all of them or none."""


@dataclass(frozen=True)
class TakenLog:
    """A directory that processes of one machine may share."""

    directory: Path

    def __post_init__(self) -> None:
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(self, taken: Taken) -> None:
        """Raises SpoolFull."""
        line = json.dumps(asdict(taken) | {"at": taken.at.isoformat()}).encode() + b"\n"
        with room(), open_private(self.directory / f"{_hour(taken.at)}.jsonl", append=True) as file:
            file.write(line)

    def hand_over(self, enter: Enter, now: datetime) -> int:
        """Enters what is not entered yet, the oldest first; how many. Raises what `enter` raises."""
        with open_private(self.directory / "lock", append=True) as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return 0  # another process is at it
            return sum(self._hand_over(path, enter, now) for path in sorted(self.directory.glob("*.jsonl")))

    def _hand_over(self, path: Path, enter: Enter, now: datetime) -> int:
        entered = path.with_suffix(".entered")
        begin, count = int(entered.read_text()) if entered.exists() else 0, 0
        for lines in _groups(path, begin):
            taken = [_read(line) for line in lines]
            enter(taken)
            begin, count = begin + sum(map(len, lines)), count + len(taken)
            _replace(entered, str(begin))
        if path.stem < _hour(now - _FINISHED_AFTER):
            path.unlink()
            entered.unlink(missing_ok=True)
        return count


def _groups(path: Path, begin: int) -> Iterator[list[bytes]]:
    """The whole lines from a place on."""
    with path.open("rb") as file:
        file.seek(begin)
        while lines := [line for line in islice(file, MOST_AT_ONCE) if line.endswith(b"\n")]:
            yield lines


def _read(line: bytes) -> Taken:
    fields = json.loads(line)
    return Taken(**{**fields, "at": datetime.fromisoformat(fields["at"]), "ids": tuple(fields["ids"])})


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        new.unlink()
    with open_private(new) as file:
        file.write(text.encode())
    os.replace(new, path)


def _hour(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H}"
