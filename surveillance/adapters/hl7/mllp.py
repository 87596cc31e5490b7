"""MLLP over TCP, with or without TLS: frames in, an answer to each in order.

Source: HL7 Implementation Support Guide, "Minimal Lower Layer Protocol": <VT> message <FS><CR>. A sender may
put several frames into one packet or one into many; whatever stands between frames is dropped.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable

import structlog

from surveillance.adapters.hl7.answer import DATA_TYPE, Reason
from surveillance.adapters.hl7.receiver import Receiver

log = structlog.get_logger(__name__)

START, END = b"\x0b", b"\x1c\r"
MOST_BYTES = 262_144
IDLE_SECONDS = 600.0
MOST_CONNECTIONS = 64

_TOO_LONG = Reason(DATA_TYPE, "", f"a message has at most {MOST_BYTES} bytes")


class TooLong(ValueError):
    """A frame is longer than any message may be; where it ends cannot be known."""


async def frames(reader: asyncio.StreamReader, idle_seconds: float) -> AsyncIterator[bytes]:
    """The messages that arrive, until the sender closes or says nothing for long. Raises TooLong.

    The reader's limit has to be MOST_BYTES.
    """
    while True:
        try:
            block = await asyncio.wait_for(reader.readuntil(END), idle_seconds)
        except asyncio.LimitOverrunError:
            raise TooLong from None
        except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
            return
        # What stands before the last start is noise, or a message that was broken off and is sent again.
        _, started, message = block.removesuffix(END).rpartition(START)
        if started:
            yield message


async def serve(
    receiver: Receiver,
    host: str,
    port: int,
    *,
    tls: ssl.SSLContext | None = None,
    idle_seconds: float = IDLE_SECONDS,
    ready: Callable[[int], None] = lambda _: None,
) -> None:
    """Listens until it is cancelled; `ready` is told the port. What was begun to be answered is answered."""
    conversing: dict[asyncio.Task[None], asyncio.StreamReader] = {}

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(conversing) >= MOST_CONNECTIONS:
            log.warning("too many connections: one was closed", most=MOST_CONNECTIONS)
            await _close(writer)
            return
        task = asyncio.ensure_future(_converse(receiver, reader, writer, idle_seconds))
        conversing[task] = reader
        task.add_done_callback(conversing.pop)
        await asyncio.shield(task)

    server = await asyncio.start_server(connected, host, port, limit=MOST_BYTES, ssl=tls)
    ready(int(server.sockets[0].getsockname()[1]))
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        for reader in conversing.values():
            reader.feed_eof()
        await asyncio.gather(*conversing, return_exceptions=True)


async def _converse(
    receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, idle_seconds: float
) -> None:
    try:
        async for message in frames(reader, idle_seconds):
            # The broker is waited for on a thread: other senders are heard meanwhile.
            writer.write(START + await asyncio.to_thread(receiver.answer, message) + END)
            await writer.drain()
    except TooLong:
        writer.write(START + receiver.refuse(_TOO_LONG) + END)
    except (ConnectionError, ssl.SSLError):
        log.info("a sender went away before its answer")
    finally:
        await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    try:
        await asyncio.wait_for(writer.wait_closed(), 5.0)
    except (ConnectionError, ssl.SSLError, TimeoutError):
        return
