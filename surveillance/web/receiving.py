"""A body that somebody sends as a file on disk: a piece at a time, never larger than allowed."""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

from fastapi import Request
from starlette.exceptions import HTTPException

from surveillance.submitting.gateway import Gateway
from surveillance.submitting.spool import new_id
from surveillance.submitting.staging import Body


@contextmanager
def received(gateway: Gateway) -> Iterator[Body]:
    """A place for a file that is gone afterwards, where only this user can read it."""
    upload = new_id()
    try:
        yield gateway.staged.body(upload)
    finally:
        gateway.staged.remove(upload)


async def receive(request: Request, body: Body, most_bytes: int) -> None:
    """Writes the body. Raises a 413 where it is too large, before more of it is taken, and SpoolFull."""
    if _said_length(request) > most_bytes:
        raise HTTPException(413)
    await write(request.stream(), body, most_bytes)


async def write(pieces: AsyncIterator[bytes], body: Body, most_bytes: int) -> None:
    """Writes pieces to a new file. Raises a 413 where they are too many, and SpoolFull."""
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
