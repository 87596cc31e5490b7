"""The one agent: batches of the partners' messages into the service. Bytes in, offsets out."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

import structlog

from agents.app import App, batch_chunks
from agents.house import Connection, House
from agents.steps import backoff, finish, in_thread, pause, report
from surveillance.events.message import Message
from surveillance.intake import Readings
from surveillance.kafka.reader import moment
from surveillance.narrate import spans
from surveillance.service import Outage

log = structlog.get_logger(__name__)


def add_ingest(
    app: App, settings: Connection, house: House, stopping: asyncio.Event, stored: Callable[[], None]
) -> None:
    """Adds the agent. `stored` is called after each batch.

    The agent never raises: an exception in an agent drops the batch in hand for good. The stream waits
    for each batch, which is the backpressure.
    """
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}

    @app.agent(app.topic(*house.topics, internal=False, allow_empty=True, **raw), name="ingest")  # type: ignore[untyped-decorator]
    async def ingest(stream: Any) -> None:
        async def store_and_acknowledge(
            events: Sequence[Any], messages: Sequence[Message], read: Readings | None
        ) -> None:
            await store(house, messages, stopping, read)
            if stopping.is_set():
                return  # perhaps not stored: not acknowledged
            for event in events:
                await stream.ack(event)
            stored()

        batch = batch_chunks(settings)
        lanes = [Lane(house, batch, store_and_acknowledge) for _ in range(settings.ingest_lanes)]
        lane_of: dict[Any, Lane] = {}
        # Half of what fills every lane, for some have more than others, and a rest costs as a batch does.
        most = batch * (len(lanes) + 1) // 2
        try:
            # noack: what is not stored when the worker stops stays uncommitted and is read again.
            async for events in stream.noack_take(most, within=settings.batch_wait_seconds):
                by_lane: defaultdict[Lane, list[Any]] = defaultdict(list)
                for event in events:
                    next_lane = lanes[len(lane_of) % len(lanes)]
                    by_lane[lane_of.setdefault(event.message.tp, next_lane)].append(event)
                await asyncio.gather(*(lane.take(some) for lane, some in by_lane.items()))
        finally:
            await finish(*(lane.storing for lane in lanes))


Storing = Callable[[Sequence[Any], Sequence[Message], Readings | None], Awaitable[None]]


class Lane:
    """Some of the partitions. Their batches are stored one after the other, beside those of other lanes."""

    def __init__(self, house: House, chunks: int, store: Storing) -> None:
        """`chunks`: so many of Faust's messages are a batch."""
        self._house, self._chunks, self._store = house, chunks, store
        self.storing: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.storing.set_result(None)

    async def take(self, events: Sequence[Any]) -> None:
        """Returns when all but the last batch is stored: the next is read meanwhile."""
        for first in range(0, len(events), self._chunks):
            some = events[first : first + self._chunks]
            messages = [to_message(record) for event in some for record in event.message.value.records]
            read = await in_thread("read", partial(self._house.read, messages))
            await asyncio.shield(self.storing)
            self.storing = asyncio.ensure_future(self._store(some, messages, read))


async def store(
    house: House, messages: Sequence[Message], stopping: asyncio.Event, read: Readings | None = None
) -> None:
    """Has the batch ingested, waiting through outages. Never raises.

    Returns early, with the batch not stored, once `stopping` is set. A defect that the service could not
    turn into a dead letter is logged; its offsets stay out of the ledger, and the repair tries again.
    """
    failures = 0
    while True:
        try:
            await in_thread("ingest", lambda: house.ingest(messages, read=read))
            return
        except Outage as outage:
            failures += 1
            report("ingest", outage, failures)
            await pause(backoff(failures), stopping)
            if stopping.is_set():
                return
        except Exception as defect:
            report("ingest", defect, 1)
            log.error("batch left to the repair", offsets=spans(messages))
            return


def to_message(record: Any) -> Message:
    """Kafka's record as our message. Its key is of no concern: partners choose it."""
    return Message(record.topic, record.partition, record.offset, moment(record.timestamp), record.value)
