"""The alerts topic: compacted, keyed by alert id, each alert's revisions in order."""

import json
from collections.abc import Mapping
from threading import Lock
from typing import Any

from surveillance.events.topics import ALERTS_TOPIC
from surveillance.kafka.producer import Publisher

CHANNEL = "alerts-topic"


class AlertsTopic:
    """Sends notices to the alerts topic and waits for the brokers' acknowledgement."""

    def __init__(self, brokers: str, prefix: str = "") -> None:
        self._brokers = brokers
        self._topic = prefix + ALERTS_TOPIC
        self._publisher: Publisher | None = None
        self._lock = Lock()

    def send(self, alert_id: str, message: Mapping[str, Any]) -> None:
        """Raises DeliveryFailed or BrokerUnreachable; a repeat has the same key and content."""
        with self._lock:
            if self._publisher is None:
                self._publisher = Publisher(self._brokers)
            publisher = self._publisher
        publisher.publish_and_wait(self._topic, alert_id.encode(), json.dumps(message).encode())

    def close(self) -> None:
        """Ends the connection, if there is one."""
        if self._publisher is not None:
            self._publisher.close()
