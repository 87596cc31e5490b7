"""A message as it was read from a Kafka topic, before anything is known about what it says."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a topic-partition.

    `received_at` is the Kafka timestamp (UTC): the time at which the broker took the message. It is
    never the time at which something occurred or was reported.
    """

    topic: str
    partition: int
    offset: int
    received_at: datetime
    value: bytes | None
