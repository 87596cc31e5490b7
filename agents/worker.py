"""The worker process: Faust and the loops in one event loop, until told to stop.

Faust's own Worker is not used: it takes over logging and standard output, and ends the process.
"""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress

import structlog

from agents.app import App, make_app
from agents.house import Connection, House
from agents.ingest import add_ingest
from agents.loops import Wakes, loops
from agents.steps import backoff, in_thread, pause
from surveillance.kafka.admin import missing_topics, wait_for_brokers
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.knock import BrokerRefuses, BrokerUnreachable
from surveillance.log import place_of

STREAM_STOP_SECONDS = 5.0
LOOP_STOP_SECONDS = 3.0
"""What a stop may take at most: together less than the ten seconds after which containers are killed."""
ASK_SECONDS = 1.5
SWITCH_SECONDS = 0.0005
"""How long a thread keeps the interpreter while another waits: the default of ten times that held up each of
the 40 statements that store a batch while a look was computing."""

log = structlog.get_logger(__name__)


class Worker:
    """One worker: `run` blocks until `stop` is called, from any thread, or a signal arrives."""

    def __init__(self, settings: Connection, house: House, started: Callable[[], None] | None = None) -> None:
        """`started` is called each time that partitions begin to be read."""
        self._settings, self._house = settings, house
        self._started = started or (lambda: None)
        self._told_to_stop = threading.Event()
        self._app: App | None = None
        self._wake: Callable[[], None] = lambda: None

    def run(self) -> int:
        """Runs the worker; returns the exit code: 0 when it was told to stop, 1 where it cannot run."""
        sys.setswitchinterval(SWITCH_SECONDS)
        return asyncio.run(self._run())

    def stop(self) -> None:
        """Has `run` finish the step in hand and return."""
        self._told_to_stop.set()
        self._wake()

    def assigned(self) -> frozenset[tuple[str, int]]:
        """The topic-partitions this worker reads now."""
        app = self._app
        if app is None or not app.started:
            return frozenset()
        with suppress(Exception):  # between start and assignment Faust has several ways to say: none yet
            return frozenset((tp.topic, tp.partition) for tp in app.consumer.assignment())
        return frozenset()

    async def _run(self) -> int:
        stopping = asyncio.Event()
        self._listen(stopping)
        if not await _topics_exist(self._settings.kafka, self._house.topics, stopping):
            return 0 if stopping.is_set() else 1
        wakes = Wakes()
        beside = [asyncio.ensure_future(loop) for loop in loops(self._house, wakes, stopping)]
        try:
            await self._stream_until(stopping, wakes)
        finally:
            stopping.set()
            await asyncio.wait(beside, timeout=LOOP_STOP_SECONDS)
        log.info("worker stopped")
        return 0

    async def _stream_until(self, stopping: asyncio.Event, wakes: Wakes) -> None:
        """Runs Faust, anew after each crash: losing the broker for long is one."""
        crashes = 0
        while not stopping.is_set():
            began = asyncio.get_running_loop().time()
            await self._stream_once(stopping, wakes)
            if stopping.is_set():
                return
            lasted = asyncio.get_running_loop().time() - began
            crashes = 1 if lasted > 60 else crashes + 1
            await pause(backoff(crashes), stopping)
            await _broker_answers(self._settings.kafka, stopping)

    async def _stream_once(self, stopping: asyncio.Event, wakes: Wakes) -> None:
        app = self._app = make_app(self._settings)
        app.on_partitions_assigned.connect(self._on_assigned)
        add_ingest(app, self._settings, self._house, stopping, wakes.stored.set)
        running = asyncio.ensure_future(_start_and_wait(app))
        told = asyncio.ensure_future(stopping.wait())
        await asyncio.wait({running, told}, return_when=asyncio.FIRST_COMPLETED)
        told.cancel()
        if not stopping.is_set():
            log.error("stream crashed, starting anew", error=type(app.crash_reason).__name__)
        await _end(app, running)
        self._app = None

    async def _on_assigned(self, _app: App, assigned: object, **_: object) -> None:
        log.info("partitions assigned", partitions=len(assigned))  # type: ignore[arg-type]
        self._started()

    def _listen(self, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()

        def wake() -> None:
            with suppress(RuntimeError):  # the loop is closed: it has stopped already
                loop.call_soon_threadsafe(stopping.set)

        self._wake = wake
        if self._told_to_stop.is_set():
            stopping.set()
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.add_signal_handler(number, stopping.set)


def run(settings: Connection, house: House) -> int:
    """Runs one worker until SIGTERM or SIGINT; returns the exit code."""
    return Worker(settings, house).run()


async def _start_and_wait(app: App) -> None:
    await app.start()
    await app.wait_until_stopped()


async def _end(app: App, running: "asyncio.Future[None]") -> None:
    """Stops Faust, within limits: a crashed app may never come to rest."""
    try:
        await asyncio.wait_for(app.stop(), STREAM_STOP_SECONDS)
    except Exception as error:
        log.warning("stream did not stop cleanly", error=type(error).__name__, place=place_of(error))
    app.consumer.abandon()
    running.cancel()
    await asyncio.wait({running}, timeout=1.0)


async def _topics_exist(brokers: Brokers, topics: object, stopping: asyncio.Event) -> bool:
    await _broker_answers(brokers, stopping, starting=True)
    while not stopping.is_set():
        try:
            missing = await in_thread("topics", lambda: missing_topics(brokers, topics))  # type: ignore[arg-type]
        except BrokerUnreachable:
            continue
        if missing:
            log.error("topics are missing; run: surveillance topics create", topics=missing)
        return not missing
    return False


async def _broker_answers(brokers: Brokers, stopping: asyncio.Event, starting: bool = False) -> None:
    """Waits until a broker answers, saying that it waits.

    A worker that starts raises BrokerRefuses where its settings are wrong; one that has worked waits: a
    certificate that ran out is renewed at the broker.
    """
    while not stopping.is_set():
        try:
            await in_thread("broker", lambda: wait_for_brokers(brokers, ASK_SECONDS))
            return
        except BrokerUnreachable as absent:
            if starting and isinstance(absent, BrokerRefuses):
                raise
            log.warning("waiting for the broker", reason=str(absent))
            await pause(1.0, stopping)
