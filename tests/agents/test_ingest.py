import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from types import SimpleNamespace

import structlog
from fakes import FakeHouse

from agents.ingest import store, to_message
from surveillance.events.message import Message
from surveillance.kafka.reader import to_message as read_again
from surveillance.service import Outage

MESSAGES = [Message("incidents.v1.north", 0, n, datetime(2026, 1, 1, tzinfo=UTC), b"{}") for n in range(3)]


def test_a_batch_is_tried_again_until_the_outage_ends() -> None:
    attempts: list[int] = []

    def unreachable_twice(_: Sequence[Message]) -> None:
        attempts.append(1)
        if len(attempts) < 3:
            raise Outage("no database")

    house = FakeHouse([], before_ingest=unreachable_twice)
    asyncio.run(store(house, MESSAGES, asyncio.Event()))
    assert len(attempts) == 3
    assert set(house.stored.values()) == {1}


def test_a_stop_ends_the_wait_for_an_outage() -> None:
    def unreachable(_: Sequence[Message]) -> None:
        raise Outage("no database")

    async def main() -> None:
        stopping = asyncio.Event()
        waiting = asyncio.ensure_future(store(FakeHouse([], unreachable), MESSAGES, stopping))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        stopping.set()
        await asyncio.wait_for(waiting, 1.0)

    asyncio.run(main())


def test_a_defect_neither_stops_the_stream_nor_has_its_text_logged() -> None:
    def defective(_: Sequence[Message]) -> None:
        raise ValueError("a value of the message")

    with structlog.testing.capture_logs() as logs:
        asyncio.run(store(FakeHouse([], defective), MESSAGES, asyncio.Event()))
    assert [line["event"] for line in logs] == ["defect", "batch left to the repair"]
    assert logs[0]["error"] == "ValueError"
    assert "a value of the message" not in repr(logs)


def test_a_message_has_the_same_time_whether_streamed_or_fetched_again() -> None:
    for milliseconds in (0, 1_795_320_147_487, 1_795_320_147_001, 999_999_999_999):
        place = {"topic": "incidents.v1.north", "partition": 1, "offset": 2, "value": None}
        streamed = to_message(SimpleNamespace(**place, timestamp=milliseconds))
        assert streamed == read_again(SimpleNamespace(**place, timestamp=milliseconds))
        assert streamed.received_at.microsecond == milliseconds % 1000 * 1000


def test_a_time_that_no_calendar_holds_is_1970() -> None:
    for milliseconds in (-1, -(2**63), 2**63 - 1):
        place = {"topic": "incidents.v1.north", "partition": 1, "offset": 2, "value": None}
        assert read_again(SimpleNamespace(**place, timestamp=milliseconds)).received_at.year == 1970
        assert to_message(SimpleNamespace(**place, timestamp=milliseconds)).received_at.year == 1970
