"""A service that only remembers what it was asked, for tests of the agents."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from surveillance.events.message import Message
from surveillance.kafka.brokers import Brokers, as_brokers

Place = tuple[str, int, int]


@dataclass(frozen=True)
class Settings:
    brokers: Brokers | str
    consumer_group: str
    batch_messages: int = 100
    ingest_lanes: int = 2
    batch_wait_seconds: float = 0.02
    fetch_wait_ms: int = 20

    @property
    def kafka(self) -> Brokers:
        return as_brokers(self.brokers)


@dataclass
class FakeHouse:
    """Remembers every (topic, partition, offset) that reached `ingest`, and when."""

    topics: Sequence[str]
    before_ingest: Callable[[Sequence[Message]], None] = lambda _: None
    stored: Counter[Place] = field(default_factory=Counter)
    values: dict[Place, bytes | None] = field(default_factory=dict)
    stored_at: dict[Place, float] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, messages: Sequence[Message]) -> None:
        self.calls["read"] += len(messages)

    def ingest(self, messages: Sequence[Message], *, read: None = None) -> None:
        assert read is None  # as our own `read` said
        self.before_ingest(messages)
        with self._lock:
            for message in messages:
                place = (message.topic, message.partition, message.offset)
                self.stored[place] += 1
                self.values[place] = message.value
                self.stored_at.setdefault(place, time.time())

    def evaluate_next(self) -> bool:
        self.calls["evaluate"] += 1
        return False

    def draw_ahead(self) -> bool:
        return False

    def deliver_due(self) -> bool:
        self.calls["deliver"] += 1
        return False

    def send_receipts(self) -> bool:
        return False

    def repair(self) -> bool:
        self.calls["repair"] += 1
        return False

    def tick(self) -> bool:
        self.calls["tick"] += 1
        return False
