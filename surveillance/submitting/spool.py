"""Submissions on disk until the broker has acknowledged them: what was accepted outlives kill and restart.

    <id>.part      being written: never read, and removed when nobody is writing it any more
    <id>.spool     accepted: a line that says what it is, then a line for each message
    receipts/      by the hour, one line for each submission that was published, without content
    staged/        uploads that somebody looks at before they are sent

A submission is complete once its name ends in .spool, which it gets after its bytes are on the disk. Whoever
publishes it holds a lock on the file, which a process that dies gives up. An id begins with the time, so that
names are in the order of arrival. All of it is sensitive: nobody but the service's own user may read it, and
where there are keys each message of a submission lies sealed, and so do uploads (staging).
"""

import errno
import fcntl
import json
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Literal

from surveillance.events.topics import Kind
from surveillance.sealing import SealFault, SealingKeys
from surveillance.submitting.outgoing import Outgoing

State = Literal["pending", "published"]
RECEIPTS_DAYS = 30
ABANDONED_SECONDS = 3600.0
MEASURED_SECONDS = 1.0
SMALLEST_BYTES = 4096  # what a file takes at least
_ID = re.compile(r"[0-9a-f]{16}-[0-9a-f]{16}")
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class SpoolFull(RuntimeError):
    """Nothing more can be kept: nothing of this submission was accepted."""


@dataclass(frozen=True)
class Heading:
    """What a submission is, without what it says. `by`: the account that sent it.
    `sealed`: whether its messages are."""

    id: str
    partner: str
    kind: Kind
    topic: str
    records: int
    by: str
    sealed: bool = False


@dataclass(frozen=True)
class Kept:
    """A submission that is held: nobody else publishes it as long as `file` is open."""

    heading: Heading
    path: Path
    file: BinaryIO
    keys: SealingKeys | None = None

    def messages(self) -> Iterator[Outgoing]:
        """What has to be published, in order. Raises SealFault."""
        self.file.seek(0)
        self.file.readline()
        for line in self.file:
            identity, key, value = self._opened(line.rstrip(b"\n")).split(b"\t", 2)
            yield Outgoing(identity.decode(), key, value)

    def _opened(self, line: bytes) -> bytes:
        if not self.heading.sealed:
            return line
        place = _place(self.heading.id)
        if self.keys is None:
            raise SealFault(
                f"{place} is sealed, and there are no keys. Set restricted_keys_file to the file of keys "
                "that was in use then"
            )
        return self.keys.open(line.decode(), place)


@dataclass
class Draft:
    """A submission that is being written: none of it counts before `Spool.keep`."""

    id: str
    path: Path
    file: BinaryIO
    keys: SealingKeys | None = None
    records: int = 0

    def add(self, message: Outgoing) -> None:
        """One more message. Raises SpoolFull."""
        line = b"\t".join((message.id.encode(), message.key, message.value))
        if self.keys is not None:
            line = self.keys.seal(line, _place(self.id)).encode()
        with room():
            self.file.write(line + b"\n")
        self.records += 1


class Spool:
    """A directory of submissions, which processes of one machine may share; `most_bytes`: of all of it.

    keys: what is handed in is sealed under the first of them; None: it lies plain."""

    def __init__(self, directory: Path, most_bytes: int, keys: SealingKeys | None = None) -> None:
        self.directory, self.most_bytes, self.keys = directory, most_bytes, keys
        self._measured = float("-inf"), 0
        for made in (directory, directory / "receipts", directory / "staged"):
            made.mkdir(mode=0o700, parents=True, exist_ok=True)
            made.chmod(0o700)

    @contextmanager
    def draft(self) -> Iterator[Draft]:
        """A new submission, which is gone afterwards unless it was kept. Raises SpoolFull."""
        if self.used_bytes() >= self.most_bytes:
            raise SpoolFull("the spool holds as much as it may")
        identity = new_id()
        path = self.directory / f"{identity}.part"
        with room(), open_private(path) as file:
            # The first line is written last: until then nobody knows how many records there are.
            file.write(_heading_line(Heading(identity, "", "incident", "", 0, "")))
            try:
                yield Draft(identity, path, file, self.keys)
            finally:
                with suppress(OSError):
                    path.unlink()

    def keep(self, draft: Draft, heading: Heading) -> Kept:
        """Accepts a draft: it is on the disk, under its name, when this returns. Raises SpoolFull."""
        path = draft.path.with_suffix(".spool")
        heading = replace(heading, sealed=draft.keys is not None)
        with room():
            draft.file.seek(0)
            draft.file.write(_heading_line(heading))
            draft.file.flush()
            os.fsync(draft.file.fileno())
            held = path.with_suffix(".part").open("rb")
            fcntl.flock(held, fcntl.LOCK_EX)
            draft.path.rename(path)
            self._sync()
        return Kept(heading, path, held, self.keys)

    def waiting(self) -> list[str]:
        """The ids of all that is kept, the oldest first."""
        return sorted(
            entry.name[:-6] for entry in os.scandir(self.directory) if entry.name.endswith(".spool")
        )

    def oldest_age_seconds(self) -> float:
        """For how long the oldest of what is kept has waited; 0: nothing is. An id begins with its time."""
        oldest = next(iter(self.waiting()), None)
        return 0.0 if oldest is None else max(0.0, time.time() - int(oldest[:16], 16) / 1e9)

    def topics_waiting(self) -> set[str]:
        """The topics of all that is kept."""
        topics = set()
        for identity in self.waiting():
            with suppress(FileNotFoundError), (self.directory / f"{identity}.spool").open("rb") as file:
                topics.add(_heading_of(file).topic)
        return topics

    def hold(self, identity: str) -> Kept | None:
        """A kept submission, held; None where somebody else publishes it, or has."""
        path = self.directory / f"{identity}.spool"
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        if not path.exists():  # it was published between the two steps
            file.close()
            return None
        return Kept(_heading_of(file), path, file, self.keys)

    def settle(self, kept: Kept) -> None:
        """The broker has all of it: a receipt stays, the content goes."""
        self.receipt(kept.heading)
        kept.path.unlink(missing_ok=True)
        kept.file.close()

    def receipt(self, heading: Heading) -> None:
        """Notes that a submission is published."""
        told = (heading.id, heading.partner, heading.kind, heading.records, heading.by)
        line = f"{' '.join(map(str, told))}\n".encode()
        with open_private(self._receipts(heading.id), append=True) as file:
            file.write(line)

    def find(self, partner: str, identity: str) -> tuple[State, int] | None:
        """Whether a partner's submission waits or is published, and its records; None: there is none.

        Receipts are looked at last: what is published meanwhile is found there.
        """
        if _ID.fullmatch(identity) is None:
            return None
        with suppress(FileNotFoundError), (self.directory / f"{identity}.spool").open("rb") as file:
            heading = _heading_of(file)
            return ("pending", heading.records) if heading.partner == partner else None
        return self._published(partner, identity)

    def used_bytes(self) -> int:
        """What lies here, receipts apart; measured once a second at most."""
        at, used = self._measured
        if time.monotonic() - at > MEASURED_SECONDS:
            entries = (e for d in (self.directory, self.directory / "staged") for e in os.scandir(d))
            used = sum(max(_size(entry), SMALLEST_BYTES) for entry in entries if entry.is_file())
            self._measured = time.monotonic(), used
        return used

    def tidy(self, now: datetime) -> None:
        """Removes what nobody finished and receipts that are old. Safe beside everything else."""
        old = time.time() - ABANDONED_SECONDS
        for path in (*self.directory.glob("*.part"), *(self.directory / "staged").iterdir()):
            with suppress(FileNotFoundError):
                if path.stat().st_mtime < old:
                    path.unlink()
        first = _hour(now - timedelta(days=RECEIPTS_DAYS))
        for path in (self.directory / "receipts").iterdir():
            if path.stem < first:
                path.unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no other process drains: one at a time keeps the order."""
        with open_private(self.directory / "drain.lock", append=True) as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True

    def _published(self, partner: str, identity: str) -> tuple[State, int] | None:
        wanted = f"{identity} {partner} ".encode()
        with suppress(FileNotFoundError), self._receipts(identity).open("rb") as file:
            line = next((line for line in file if line.startswith(wanted)), None)
            return None if line is None else ("published", int(line.split()[3]))
        return None

    def _receipts(self, identity: str) -> Path:
        made_at = datetime.fromtimestamp(int(identity[:16], 16) / 1e9, UTC)
        return self.directory / "receipts" / f"{_hour(made_at)}.txt"

    def _sync(self) -> None:
        """A new name is on the disk only when its directory is."""
        directory = os.open(self.directory, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def new_id() -> str:
    """The time and what nobody can guess."""
    return f"{time.time_ns():016x}-{secrets.token_hex(8)}"


def _place(identity: str) -> str:
    """What a sealed message is bound to: it opens in its own submission only."""
    return f"submission {identity}"


def open_private(path: Path, append: bool = False) -> BinaryIO:
    """A file that only this user can read, to be written."""
    flags = os.O_CREAT | os.O_WRONLY | (os.O_APPEND if append else os.O_EXCL)
    return os.fdopen(os.open(path, flags, 0o600), "ab" if append else "wb")


def _heading_line(heading: Heading) -> bytes:
    """Of one length for every heading, so that it can be written over."""
    return json.dumps(asdict(heading)).encode().ljust(1023) + b"\n"


def _heading_of(file: BinaryIO) -> Heading:
    file.seek(0)
    return Heading(**json.loads(file.readline()))


def _hour(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H}"


def _size(entry: "os.DirEntry[str]") -> int:
    try:
        return entry.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def room() -> Iterator[None]:
    """Says SpoolFull where the disk is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise SpoolFull("the disk is full") from error
