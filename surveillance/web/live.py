"""Which alerts change, told to everybody who listens: one look at the database a second for all of them."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic

import structlog
from starlette.concurrency import run_in_threadpool

from surveillance.store.queue import Revision

LOOK_SECONDS = 1.0
STREAM_SECONDS = 600.0
WAITING_AT_MOST = 1_000

log = structlog.get_logger(__name__)
Look = Callable[[Mapping[str, int]], Mapping[str, Revision]]
Changed = tuple[str, Revision]
Missed = Callable[[], bool]


def nothing_missed() -> bool:
    """For who has read nothing yet."""
    return False


@dataclass(eq=False)
class Watcher:
    """Looks for changed alerts while anybody listens, and not otherwise. Belongs to one event loop."""

    look: Look
    every_seconds: float = LOOK_SECONDS
    looks: int = 0
    _known: dict[str, int] = field(default_factory=dict)
    _listeners: set["asyncio.Queue[Changed]"] = field(default_factory=set)
    _watching: "asyncio.Task[None] | None" = None
    _looked: asyncio.Event = field(default_factory=asyncio.Event)

    async def changes(
        self, missed: Missed = nothing_missed, stream_seconds: float = STREAM_SECONDS
    ) -> AsyncIterator[Changed | None]:
        """What changes from now on; first None where something changed since the listener read last.

        It ends after a while: whoever goes on listening is asked who they are. A listener who takes nothing
        for very long is let go, for the same reason. `missed` is asked when every later change will be told:
        between the two nothing is lost.
        """
        ends_at = monotonic() + stream_seconds
        with self._listening() as waiting:
            await self._looked.wait()
            if await _is_true(missed):
                yield None
            while not waiting.full():
                try:
                    yield await asyncio.wait_for(waiting.get(), ends_at - monotonic())
                except TimeoutError:
                    return

    @contextmanager
    def _listening(self):  # type: ignore[no-untyped-def]
        waiting: asyncio.Queue[Changed] = asyncio.Queue(WAITING_AT_MOST)
        self._listeners.add(waiting)
        if self._watching is None:
            self._looked = asyncio.Event()
            self._watching = asyncio.create_task(self._watch())
        try:
            yield waiting
        finally:
            self._listeners.discard(waiting)
            if not self._listeners and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    async def _watch(self) -> None:
        self._known = {}
        await self._look(tell=False)
        while True:
            await asyncio.sleep(self.every_seconds)
            await self._look(tell=True)

    async def _look(self, tell: bool) -> None:
        try:
            found = await run_in_threadpool(self.look, self._known)
        except Exception as problem:  # the database is away: the next look tells of everything
            log.warning("cannot look for changed alerts", problem=type(problem).__name__)
            return
        finally:
            self.looks += 1
            self._looked.set()
        self._known |= {alert_id: now.revision for alert_id, now in found.items()}
        for listener in self._listeners if tell else ():
            for changed in found.items():
                with suppress(asyncio.QueueFull):
                    listener.put_nowait(changed)


async def _is_true(missed: Missed) -> bool:
    """With the database away nobody knows: then the listener had better read again."""
    try:
        return await run_in_threadpool(missed)
    except Exception as problem:
        log.warning("cannot look for missed alerts", problem=type(problem).__name__)
        return True
