"""The receipts topics: each partner's messages answered, keyed by the message that is answered."""

import json
from collections.abc import Mapping, Sequence
from threading import Lock
from typing import Any

from surveillance.events.topics import receipts_topic
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.producer import DeliveryFailed, Publisher

Receipts = Sequence[Mapping[str, Any]]
"""As surveillance.events.receipt makes them."""


class ReceiptsTopics:
    """Sends receipts and waits until the brokers have all of them."""

    def __init__(self, brokers: Brokers | str, prefix: str = "") -> None:
        self._brokers, self._prefix = brokers, prefix
        self._publisher: Publisher | None = None
        self._lock = Lock()

    def send(self, owed: Sequence[tuple[str, Receipts]]) -> None:
        """Sends receipts to each partner; a repeat has the same keys and content.

        Raises DeliveryFailed or BrokerUnreachable.
        """
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(self._brokers)
        faults: list[str | None] = []
        for partner, receipts in owed:
            topic = receipts_topic(partner, self._prefix)
            for receipt in receipts:
                key = str(receipt["receipt_id"]).encode()
                self._publisher.publish(topic, key, json.dumps(receipt).encode(), faults.append)
        self._publisher.flush()
        failed = [fault for fault in faults if fault is not None]
        if failed or len(faults) < sum(len(receipts) for _, receipts in owed):
            raise DeliveryFailed(f"receipts: {failed[0] if failed else 'not confirmed in time'}")

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._publisher is not None:
            self._publisher.close()
