"""The one agent: batches of the partners' messages into the service. Bytes in, offsets out."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from agents.app import App
from agents.house import Connection, House
from agents.steps import backoff, finish, in_thread, pause, report
from surveillance.events.message import Message
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
        # noack: what is not stored when the worker stops stays uncommitted and is read again.
        async for events in stream.noack_take(settings.batch_messages, within=settings.batch_wait_seconds):
            batch = asyncio.ensure_future(store_and_acknowledge(stream, events))
            await finish(batch)

    async def store_and_acknowledge(stream: Any, events: Sequence[Any]) -> None:
        await store(house, [to_message(event.message) for event in events], stopping)
        if stopping.is_set():
            return  # perhaps not stored: not acknowledged
        for event in events:
            await stream.ack(event)
        stored()


async def store(house: House, messages: Sequence[Message], stopping: asyncio.Event) -> None:
    """Has the batch ingested, waiting through outages. Never raises.

    Returns early, with the batch not stored, once `stopping` is set. A defect that the service could not
    turn into a dead letter is logged; its offsets stay out of the ledger, and the repair tries again.
    """
    failures = 0
    while True:
        try:
            await in_thread("ingest", lambda: house.ingest(messages))
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


def to_message(message: Any) -> Message:
    """Faust's message as ours. Its key is of no concern: partners choose it."""
    return Message(
        message.topic, message.partition, message.offset, moment(message.timestamp * 1000), message.value
    )
