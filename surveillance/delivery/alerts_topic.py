"""The alerts topic: compacted, keyed by alert id, each alert's revisions in order."""

import json
from collections.abc import Iterator, Mapping
from threading import Lock
from typing import Any

from surveillance.delivery.channel import Around, Channel, Mistake
from surveillance.delivery.parcel import Parcel, Send
from surveillance.events.topics import ALERTS_TOPIC
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.producer import Publisher
from surveillance.use_case.receiver import Receiver


class AlertsTopic:
    """Sends notices to the alerts topic and waits for the brokers' acknowledgement."""

    def __init__(self, brokers: Brokers | str, prefix: str = "") -> None:
        self._brokers = brokers
        self._topic = prefix + ALERTS_TOPIC
        self._publisher: Publisher | None = None
        self._lock = Lock()

    def send(self, parcel: Parcel) -> None:
        """Raises DeliveryFailed or BrokerUnreachable; a repeat has the same key and content."""
        self._publish(parcel.about, {**parcel.content, "idempotency_key": parcel.key})

    def _publish(self, alert_id: str, message: Mapping[str, Any]) -> None:
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(self._brokers)
            publisher = self._publisher
        publisher.publish_and_wait(self._topic, alert_id.encode(), json.dumps(message).encode())

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._publisher is not None:
            self._publisher.close()


def _check(receiver: Receiver) -> Iterator[Mistake]:
    if receiver.address:
        yield "address", "the alerts topic has none", "Remove it"


def _open(_receiver: Receiver, around: Around) -> Send:
    return around.alerts_topic


# No digest: the topic is compacted by alert, and whoever reads it counts for itself.
OFFERED = Channel(_check, lambda _receiver, _settings: (), _open, digests=False)
