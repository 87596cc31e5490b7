"""Partitions in lanes: what is stored at once, and what waits for what."""

import asyncio
import threading
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from fakes import FakeHouse

from agents.ingest import Lane, store
from surveillance.events.message import Message
from surveillance.intake import Readings


def chunk(partition: int, offset: int) -> Any:
    """One of Faust's messages: a chunk of one of Kafka's."""
    record = SimpleNamespace(topic="t", partition=partition, offset=offset, timestamp=0, value=b"{}")
    return SimpleNamespace(message=SimpleNamespace(value=SimpleNamespace(records=[record])))


def lanes(house: FakeHouse, number: int, chunks: int) -> list[Lane]:
    async def stored(_: Sequence[Any], messages: Sequence[Message], read: Readings | None) -> None:
        await store(house, messages, asyncio.Event(), read)

    return [Lane(house, chunks, stored) for _ in range(number)]


def test_batches_of_two_lanes_are_stored_at_once() -> None:
    together = threading.Barrier(2, timeout=10.0)  # nobody passes alone
    house = FakeHouse([], before_ingest=lambda _: together.wait() and None)

    async def main() -> None:
        both = lanes(house, 2, 1)
        await asyncio.gather(*(lane.take([chunk(n, 0)]) for n, lane in enumerate(both)))
        await asyncio.gather(*(lane.storing for lane in both))

    asyncio.run(main())
    assert set(house.stored) == {("t", 0, 0), ("t", 1, 0)}


def test_batches_of_a_lane_are_stored_in_order_one_after_the_other() -> None:
    inside: list[int] = []
    order: list[int] = []

    def alone(messages: Sequence[Message]) -> None:
        inside.append(1)
        assert len(inside) == 1
        order.extend(message.offset for message in messages)
        time.sleep(0.02)
        inside.pop()

    house = FakeHouse([], before_ingest=alone)

    async def main() -> None:
        (lane,) = lanes(house, 1, 2)
        await lane.take([chunk(0, offset) for offset in range(5)])
        await lane.take([chunk(0, 5)])
        await lane.storing

    asyncio.run(main())
    assert order == [0, 1, 2, 3, 4, 5]
    assert house.calls["read"] == len(house.stored) == 6


def test_the_next_batch_of_a_lane_is_read_while_one_is_stored() -> None:
    read_two, overlapped = threading.Event(), []
    house = FakeHouse([], before_ingest=lambda _: overlapped.append(read_two.wait(10.0)))
    read = house.read

    def told(messages: Sequence[Message]) -> None:
        read(messages)
        if house.calls["read"] == 2:
            read_two.set()

    house.read = told  # type: ignore[method-assign]

    async def main() -> None:
        (lane,) = lanes(house, 1, 1)
        await lane.take([chunk(0, 0), chunk(0, 1)])
        await lane.storing

    asyncio.run(main())
    assert overlapped == [True, True]
