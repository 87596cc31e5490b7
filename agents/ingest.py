"""The one agent: batches of the partners' messages into the service. Bytes in, offsets out."""

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog

from agents.app import CHUNKS, App
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
        most = min(CHUNKS, settings.batch_messages)
        storing: asyncio.Future[None] = asyncio.ensure_future(asyncio.sleep(0))
        try:
            # noack: what is not stored when the worker stops stays uncommitted and is read again.
            async for events in stream.noack_take(most, within=settings.batch_wait_seconds):
                messages = [to_message(record) for event in events for record in event.message.value.records]
                # A batch is read while the one before it is stored; they are stored one after the other.
                read = await in_thread("read", partial(house.read, messages))
                await asyncio.shield(storing)
                storing = asyncio.ensure_future(store_and_acknowledge(stream, events, messages, read))
        finally:
            await finish(storing)

    async def store_and_acknowledge(
        stream: Any, events: Sequence[Any], messages: Sequence[Message], read: Readings | None
    ) -> None:
        await store(house, messages, stopping, read)
        if stopping.is_set():
            return  # perhaps not stored: not acknowledged
        for event in events:
            await stream.ack(event)
        stored()


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
