"""A test record: checked like any other and answered, and then nothing more comes of it."""

from dataclasses import dataclass
from datetime import datetime

from surveillance.events.message import Message
from surveillance.events.refusal import Fault
from surveillance.events.topics import Kind, Source


@dataclass(frozen=True, slots=True)
class Trial:
    """The answer to one test record, unique by topic, partition and offset.

    Without `faults` it would have been accepted; `record_id` is the partner's own, None where it would not.
    It is no record: no line list, no count and no measure of a partner knows of it.
    """

    topic: str
    partition: int
    offset: int
    partner: str
    kind: Kind
    received_at: datetime
    record_id: str | None
    faults: tuple[Fault, ...] = ()


def trial(message: Message, source: Source, record_id: str | None, faults: tuple[Fault, ...] = ()) -> Trial:
    """The answer to a message that is a test record."""
    return Trial(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        partner=source.partner,
        kind=source.kind,
        received_at=message.received_at,
        record_id=record_id,
        faults=faults,
    )
