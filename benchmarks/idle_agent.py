"""A Faust agent that does nothing: what bench_throughput holds a worker against.

    python -m benchmarks.idle_agent take|one|chunks MESSAGES

The worker's own app (settings from the environment, as for `surveillance worker`): same topics, raw bytes.
`take` reads batches without acknowledging each event by itself and acknowledges them all, as our agent does;
`one` is Faust's plain `async for`, `chunks` what is below our agent. Prints `assigned` and, when it has seen
so many messages, `done`.
"""

import asyncio
import sys
from typing import Any

from agents.app import CHUNKS, make_app
from agents.transport import transport_waiting
from surveillance.configuration import load_configuration
from surveillance.settings import Settings


def main(how: str, messages: int) -> None:
    asyncio.run(_run(how, messages))


async def _run(how: str, messages: int) -> None:
    settings = Settings()
    topics = load_configuration(settings.config_dir).topics(settings.topic_prefix)
    app = make_app(settings)
    if how != "chunks":
        app.transport = transport_waiting(settings.fetch_wait_ms)(app.conf.broker_consumer, app)
        app.conf.stream_buffer_maxsize = settings.batch_messages
    app.on_partitions_assigned.connect(_say_assigned)
    seen, done = 0, asyncio.Event()
    raw = {"key_type": bytes, "value_type": bytes, "key_serializer": "raw", "value_serializer": "raw"}

    def count(number: int) -> None:
        nonlocal seen
        seen += number
        if seen >= messages:
            done.set()

    async def take(stream: Any) -> None:
        async for events in stream.noack_take(settings.batch_messages, within=settings.batch_wait_seconds):
            for event in events:
                await stream.ack(event)
            count(len(events))

    async def chunks(stream: Any) -> None:
        async for events in stream.noack_take(CHUNKS, within=settings.batch_wait_seconds):
            for event in events:
                await stream.ack(event)
            count(sum(len(event.message.value.records) for event in events))

    async def one(stream: Any) -> None:
        async for _ in stream:
            count(1)

    agents = {"take": take, "one": one, "chunks": chunks}
    app.agent(app.topic(*topics, internal=False, allow_empty=True, **raw))(agents[how])
    await app.start()
    await done.wait()
    print("done", flush=True)
    await app.stop()


async def _say_assigned(_app: Any, assigned: object, **_: object) -> None:
    if assigned:
        print("assigned", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
