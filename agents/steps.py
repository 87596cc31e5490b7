"""Running the service's synchronous steps beside the event loop, never inside it."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog

from surveillance.log import place_of
from surveillance.service import Outage

T = TypeVar("T")

FINISH_SECONDS = 3.0
FIRST_BACKOFF_S, LONGEST_BACKOFF_S = 0.2, 10.0

log = structlog.get_logger(__name__)


def in_thread(name: str, step: Callable[[], T]) -> "asyncio.Future[T]":
    """Runs the step in a thread of its own.

    A daemon thread, not an executor's: the interpreter waits for an executor's threads when it exits,
    and a long evaluation would hold up a worker that was told to stop.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def settle(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is None:
            future.set_result(result)  # type: ignore[arg-type]
        else:
            future.set_exception(error)

    def work() -> None:
        result, error = None, None
        try:
            result = step()
        except BaseException as raised:
            error = raised
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=work, name=name, daemon=True).start()
    return future


async def finish(*tasks: "asyncio.Future[T]", seconds: float = FINISH_SECONDS) -> None:
    """Gives tasks that are in hand some seconds to end by themselves, for who is cancelled meanwhile."""
    await asyncio.wait(tasks, timeout=seconds)


async def forever(
    name: str,
    step: Callable[[], object],
    stopping: asyncio.Event,
    pause_s: float,
    wake: asyncio.Event | None = None,
    then: Callable[[], None] | None = None,
) -> None:
    """Repeats the step until `stopping`: at once while it returns something true, else after a pause.

    `wake` cuts the pause short; `then` is called after each step that did something. Never raises: a
    step that fails is logged, and repeated after a growing pause.
    """
    failures = 0
    while not stopping.is_set():
        worked = False
        try:
            worked = bool(await in_thread(name, step))
            failures = 0
        except Exception as error:
            failures += 1
            report(name, error, failures)
        if worked and then is not None:
            then()
        if not worked:
            await pause(max(pause_s, backoff(failures)), stopping, None if failures else wake)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: 0, then 0.2 doubling to 10."""
    return min(LONGEST_BACKOFF_S, FIRST_BACKOFF_S * 2.0 ** (min(failures, 16) - 1)) if failures else 0.0


def report(name: str, error: Exception, failures: int) -> None:
    """Logs a failure: an outage as such, anything else as a defect with its place in the code.

    The text of a defect is not logged: it may hold values.
    """
    if isinstance(error, Outage):
        log.warning("waiting", step=name, failures=failures, reason=str(error))
    else:
        log.error("defect", step=name, failures=failures, error=type(error).__name__, place=place_of(error))


async def pause(seconds: float, stopping: asyncio.Event, wake: asyncio.Event | None = None) -> None:
    """Returns after so many seconds, or when either event is set; `wake` is cleared."""
    waits: list[Awaitable[bool]] = [stopping.wait(), *([wake.wait()] if wake is not None else [])]
    tasks = [asyncio.ensure_future(w) for w in waits]
    try:
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
    if wake is not None:
        wake.clear()
