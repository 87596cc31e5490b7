"""Reading exact offsets of a partition again, apart from the worker's own consumer."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from kafka.errors import OffsetOutOfRangeError

from kafka import KafkaConsumer, TopicPartition
from surveillance.events.message import Message
from surveillance.kafka.admin import as_unreachable, consumer
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.knock import BrokerUnreachable

_POLL_MS = 200
_YEAR_9000_MS = 221_845_392_000_000


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a partition holds of the offsets that were asked for.

    Every offset from the first one asked for up to `next_offset` is in exactly one of the three:
    `messages`; `absent`, which the broker holds no message for (compacted, or a transaction's marker);
    `lost`, which lie before the start of the log. `next_offset` is where to go on, if before the end.
    """

    messages: tuple[Message, ...]
    absent: tuple[range, ...]
    lost: tuple[range, ...]
    next_offset: int


def read_range(
    brokers: Brokers | str,
    topic: str,
    partition: int,
    begin: int,
    end: int,
    most: int = 1000,
    seconds: float = 10.0,
) -> Fetched:
    """Reads the offsets begin..end-1, at most `most` messages and for at most `seconds`.

    Stops early, without an error, at the end of the log. Raises BrokerUnreachable where no broker
    answers or nothing at all arrived in time.
    """
    place = TopicPartition(topic, partition)
    deadline = time.monotonic() + seconds
    with consumer(brokers, max_poll_records=most) as reader, as_unreachable(brokers):
        reader.assign([place])
        log_begin = int(reader.beginning_offsets([place])[place])
        start = min(max(begin, log_begin), end)
        reader.seek(place, start)
        records, reached = _read(reader, place, start, end, most, deadline)
        if reached == begin < end and reader.highwater(place) is None:
            raise BrokerUnreachable(f"{brokers} sent nothing of {topic}/{partition} within {seconds:g} s")
    return Fetched(
        messages=tuple(to_message(r) for r in records),
        absent=_gaps(start, reached, [r.offset for r in records]),
        lost=(range(begin, start),) if start > begin else (),
        next_offset=reached,
    )


def to_message(record: Any) -> Message:
    """A kafka-python record as ours. Its key is of no concern: partners choose it."""
    return Message(record.topic, record.partition, record.offset, moment(record.timestamp), record.value)


def moment(timestamp_ms: float) -> datetime:
    """A Kafka timestamp as a time. 1970 for one that no calendar holds.

    On topics that keep the sender's time it is whatever the sender chose. An event that claims to have
    occurred after it was received is refused, so 1970 leads to a dead letter, always the same one.
    """
    if not 0 <= timestamp_ms < _YEAR_9000_MS:
        return datetime.fromtimestamp(0, UTC)
    return datetime.fromtimestamp(timestamp_ms / 1000, UTC)


def _read(
    reader: KafkaConsumer, place: TopicPartition, start: int, end: int, most: int, deadline: float
) -> tuple[list[Any], int]:
    """The records of start..end-1 and the offset up to which nothing more can come."""
    records: list[Any] = []
    position = start
    while position < end and len(records) < most and time.monotonic() < deadline:
        try:
            batch = reader.poll(_POLL_MS, max_records=most - len(records)).get(place, [])
        except OffsetOutOfRangeError:  # the log was cut while we read: the next call sees where it starts
            break
        records += [r for r in batch if r.offset < end]
        position = int(reader.position(place))
        highwater = reader.highwater(place)
        if not batch and highwater is not None and position >= highwater:
            break
    return records, min(position, end)


def _gaps(begin: int, end: int, present: list[int]) -> tuple[range, ...]:
    """The ranges of begin..end-1 that hold none of the ascending offsets `present`."""
    edges = [begin - 1, *present, end]
    return tuple(range(a + 1, b) for a, b in pairwise(edges) if b - a > 1)
