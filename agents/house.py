"""What the agents ask of the service: eight verbs, all synchronous, all safe to repeat."""

from collections.abc import Sequence
from typing import Protocol

from surveillance.events.message import Message
from surveillance.intake import Readings
from surveillance.kafka.brokers import Brokers


class House(Protocol):
    """The service, as surveillance.service builds it. Each verb raises Outage where it must wait."""

    @property
    def topics(self) -> Sequence[str]:
        """The names of every topic that events arrive on."""

    def read(self, messages: Sequence[Message]) -> Readings | None:
        """Reads messages ahead of their `ingest`; never raises."""

    def ingest(self, messages: Sequence[Message], *, read: Readings | None = None) -> object:
        """Stores the messages and the offsets they had in one transaction; refuses bad ones itself."""

    def evaluate_next(self) -> bool:
        """Evaluates one pending evaluation; False where none is due."""

    def draw_ahead(self) -> bool:
        """Draws what the looks of today will be compared with; False: it leaves nothing for later."""

    def deliver_due(self) -> bool:
        """Sends the notices that are due; False where there was none."""

    def send_receipts(self) -> bool:
        """Answers partners on their receipts topics; False where nothing is owed."""

    def repair(self) -> bool:
        """Handles the offsets that no worker handled; False where there were none."""

    def tick(self) -> bool:
        """Stores the clock ticks that are due; False where there was none."""


class Connection(Protocol):
    """The settings that the agents read."""

    @property
    def kafka(self) -> Brokers: ...
    @property
    def consumer_group(self) -> str: ...
    @property
    def batch_messages(self) -> int: ...
    @property
    def ingest_lanes(self) -> int: ...
    @property
    def batch_wait_seconds(self) -> float: ...
    @property
    def fetch_wait_ms(self) -> int: ...
