"""A body that somebody sends, a piece at a time, never larger than allowed: a small one is held in memory, a
larger one as a file on disk."""

import io
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import BinaryIO, Literal, Protocol

from fastapi import Request
from starlette.exceptions import HTTPException

from surveillance.submitting.gateway import Gateway
from surveillance.submitting.spool import new_id
from surveillance.submitting.staging import Body, Writable

SMALL_BYTES = 1 << 16


class Place(Protocol):
    """Where a body is written to, once."""

    @contextmanager
    def create(self) -> Iterator[Writable]: ...


@dataclass
class Held:
    """A body until it is handed on: `file` is on disk only once it is larger than SMALL_BYTES."""

    file: Body
    _small: io.BytesIO | None = None

    @property
    def name(self) -> str:
        """As it is called here."""
        return self.file.name

    def open(self, mode: Literal["rb"], /) -> BinaryIO:
        """Its bytes."""
        return self.file.open(mode) if self._small is None else io.BytesIO(self._small.getvalue())

    @contextmanager
    def create(self) -> Iterator[Writable]:
        """To write it. Raises SpoolFull."""
        with ExitStack() as stack:
            writing = _Growing(self.file, stack)
            yield writing
            self._small = writing.small


@dataclass
class _Growing:
    """Writes to memory, and to the file from the piece on that makes it too large for that."""

    file: Body
    stack: ExitStack
    _to: Writable = field(default_factory=io.BytesIO)

    @property
    def small(self) -> io.BytesIO | None:
        """What is in memory; None: it is in the file."""
        return self._to if isinstance(self._to, io.BytesIO) else None

    def write(self, piece: bytes, /) -> None:
        if (small := self.small) is not None and small.tell() + len(piece) > SMALL_BYTES:
            self._to = self.stack.enter_context(self.file.create())
            self._to.write(small.getvalue())
        self._to.write(piece)


@contextmanager
def received(gateway: Gateway) -> Iterator[Held]:
    """A body that is gone afterwards, and that only this user can read."""
    body = Held(gateway.staged.body(new_id()))
    try:
        yield body
    finally:
        body.file.path.unlink(missing_ok=True)


async def receive(request: Request, body: Place, most_bytes: int) -> None:
    """Writes the body. Raises a 413 where it is too large, before more of it is taken, and SpoolFull."""
    if _said_length(request) > most_bytes:
        raise HTTPException(413)
    await write(request.stream(), body, most_bytes)


async def write(pieces: AsyncIterator[bytes], body: Place, most_bytes: int) -> None:
    """Writes pieces to a new body. Raises a 413 where they are too many, and SpoolFull."""
    taken = 0
    with body.create() as file:
        async for piece in pieces:
            taken += len(piece)
            if taken > most_bytes:
                raise HTTPException(413)
            file.write(piece)


def _said_length(request: Request) -> int:
    said = request.headers.get("content-length", "0")
    return int(said) if said.isdecimal() else 0
