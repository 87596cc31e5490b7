"""Faust's Kafka consumer with a fetch wait that can be chosen, and which hands on chunks of messages.

Faust fixes the wait at 1,500 ms. Apache Kafka answers a fetch as soon as there is a message, so the wait does
not matter there; the embedded broker answers only when the wait is over, so it is its latency.

Faust takes about as long over a message as we take to store it: two tasks, an event, sensors, an
acknowledgement. So what it takes for one message is a chunk of them, all of one partition, whose offset is
that of the last; to acknowledge it acknowledges all of them.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import ConsumerRecord
from faust.transport.drivers import aiokafka as driver
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from mode.threads import WorkerThread

END_SECONDS = 1.0


def transport_waiting(fetch_wait_ms: int) -> type[driver.Transport]:
    """Faust's own transport, but its consumer's fetches wait `fetch_wait_ms` at the broker."""

    class ConsumerThread(driver.AIOKafkaConsumerThread):
        logger = driver.logger
        Worker = _Thread

        def _create_worker_consumer(self, transport: Any) -> Any:
            consumer = super()._create_worker_consumer(transport)
            # aiokafka hands this to its fetcher when the consumer starts, which is later.
            consumer._fetch_max_wait_ms = fetch_wait_ms
            return consumer

    class Consumer(driver.Consumer):
        logger = driver.logger

        def _new_consumer_thread(self) -> Any:
            ours = asyncio.new_event_loop()  # Faust would close its own before its tasks have ended
            return ConsumerThread(self, loop=self.loop, thread_loop=ours, beacon=self.beacon)

        def abandon(self) -> None:
            """Ends the thread where it stands, if it was begun. One that was told to stop while it started,
            or as its broker went, may go on for ever: it kept its partitions, and its process from ending."""
            thread = self._thread._thread
            if thread is not None:
                thread.abandon()

    class Transport(driver.Transport):
        pass

    Transport.Consumer = Consumer
    return Transport


class _Thread(WorkerThread):
    """A consumer's thread, for which nobody waits longer than he likes: Faust would, in the event loop."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.daemon = True
        self._abandoned = False

    def run(self) -> None:
        try:
            super().run()
        except asyncio.CancelledError:  # of a fetch on its way to a broker that has just gone
            self.service.set_shutdown()
        except RuntimeError:
            if not self._abandoned:
                raise
        finally:
            _close(self.service.thread_loop)

    def stop(self) -> None:
        """Waits for its end, within limits."""
        self.join(END_SECONDS)

    def abandon(self) -> None:
        """Stops its event loop, whatever waits there; harmless where it has ended."""
        self._abandoned = True
        with suppress(RuntimeError):  # the loop is closed
            loop = self.service.thread_loop
            loop.call_soon_threadsafe(loop.stop)


def _close(loop: asyncio.AbstractEventLoop) -> None:
    """Closes a loop that was stopped; its tasks have a moment to end."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks, timeout=END_SECONDS))
    loop.close()


@dataclass(frozen=True, slots=True)
class Chunk:
    """Messages of a partition. `first`: where it begins, perhaps with offsets that compaction left out."""

    first: int
    records: tuple[ConsumerRecord, ...]


def transport_of_chunks(fetch_wait_ms: int, most: int) -> type[driver.Transport]:
    """The same; the value of each of Faust's messages is a Chunk of at most so many of Kafka's."""
    plain = transport_waiting(fetch_wait_ms)

    class Scheduler(DefaultSchedulingStrategy):
        def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
            return iter(super().iterate({tp: _split(of_tp, most) for tp, of_tp in records.items()}))

    class Consumer(plain.Consumer):  # type: ignore[name-defined]
        logger = driver.logger

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            self.scheduler = Scheduler()

        def _to_message(self, tp: TP, record: Any) -> Any:
            chunk: tuple[ConsumerRecord, ...] = record
            read, first = self._read_offset[tp], chunk[0].offset
            begins = first if read is None else min(first, read + 1)
            return super()._to_message(
                tp, replace(chunk[-1], key=None, value=Chunk(begins, chunk), headers=())
            )

        async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
            """What lies between two messages of Faust's is in the chunk, and acknowledged with it."""

        def ack(self, message: Any) -> bool:
            acked: bool = super().ack(message)
            if acked:
                tp, committed = message.tp, self._committed_offset[message.tp] or 0
                offsets = range(max(message.value.first, committed), message.offset)
                new = [offset for offset in offsets if offset not in self._acked_index[tp]]
                self._acked_index[tp].update(new)
                self._acked[tp].extend(new)
            return acked

    class Transport(plain):  # type: ignore[misc, valid-type]
        pass

    Transport.Consumer = Consumer
    return Transport


def _split(records: Sequence[ConsumerRecord], most: int) -> list[tuple[ConsumerRecord, ...]]:
    return [tuple(records[first : first + most]) for first in range(0, len(records), most)]
