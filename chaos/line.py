"""A loopback port before a server that can be slow, cut or half-open: what a network does to connections."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from surveillance.kafka.ports import free_port

_CHUNK = 65_536
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass(eq=False)
class _Connection:
    """Both ends of one connection, and the tasks that carry its bytes."""

    ends: list[asyncio.StreamWriter]
    dead: bool = False

    def reset(self) -> None:
        """Both ends see the connection broken, not closed."""
        for end in self.ends:
            end.transport.abort()


@dataclass
class _Weather:
    """How the line is now. seconds: each chunk waits so long; rate: bytes a second, None for all there is."""

    seconds: float = 0.0
    rate: float | None = None
    stalled: bool = False
    refused: bool = False
    open: set[_Connection] = field(default_factory=set)


class Line:
    """The line to `server`: a port on loopback, or a Unix socket. Whatever is wrong, `mend` ends."""

    def __init__(self, server: int | Path) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self._server = server
        self._weather = _Weather()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="line", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._do(self._listen())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._do(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def slow(self, seconds: float, rate: float | None = None) -> None:
        """Every chunk takes so long in each direction, and so many bytes a second pass."""

        def change(weather: _Weather) -> None:
            weather.seconds, weather.rate = seconds, rate

        self._change(change)

    def cut(self) -> None:
        """Resets every connection, and refuses new ones."""

        def change(weather: _Weather) -> None:
            weather.refused = True
            _reset(weather)

        self._change(change)

    def stall(self) -> None:
        """Half-open: connections stand, new ones too, and not one byte passes. They are reset by `mend`."""

        def change(weather: _Weather) -> None:
            weather.stalled = True
            for connection in weather.open:
                connection.dead = True

        self._change(change)

    def mend(self) -> None:
        """A good line again; what was half-open is reset."""

        def change(weather: _Weather) -> None:
            for connection in [c for c in weather.open if c.dead]:
                connection.reset()
            weather.seconds, weather.rate, weather.stalled, weather.refused = 0.0, None, False, False

        self._change(change)

    def _change(self, change: Callable[[_Weather], None]) -> None:
        async def apply() -> None:
            change(self._weather)

        self._do(apply())

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        done: Future[None] = asyncio.run_coroutine_threadsafe(work, self._loop)
        done.result(10)

    async def _listen(self) -> None:
        self._listening = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    async def _close(self) -> None:
        self._listening.close()
        _reset(self._weather)
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        weather = self._weather
        if weather.refused:
            writer.transport.abort()
            return
        connection = _Connection([writer], dead=weather.stalled)
        weather.open.add(connection)
        try:
            far_reader, far_writer = await self._reach()
            connection.ends.append(far_writer)
            await asyncio.gather(
                _pump(weather, connection, reader, far_writer), _pump(weather, connection, far_reader, writer)
            )
        except OSError:  # the server is away
            pass
        finally:
            connection.reset()
            weather.open.discard(connection)

    def _reach(self) -> Awaitable[Streams]:
        if isinstance(self._server, Path):
            return asyncio.open_unix_connection(str(self._server))
        return asyncio.open_connection("127.0.0.1", self._server)


async def _pump(
    weather: _Weather, connection: _Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    try:
        while chunk := await reader.read(_CHUNK):
            if weather.seconds or weather.rate:
                await asyncio.sleep(weather.seconds + len(chunk) / (weather.rate or float("inf")))
            if connection.dead:
                continue  # swallowed
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        if not connection.dead:
            writer.close()


def _reset(weather: _Weather) -> None:
    for connection in weather.open:
        connection.reset()
