"""From an event's fields to the partner's topic: checked as the service does, confirmed by the broker."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from surveillance.events.decode import decode
from surveillance.events.envelope import as_test
from surveillance.events.topics import Source, topic_name
from surveillance.geography.lookup import Gazetteer
from surveillance.kafka.brokers import Brokers, as_brokers
from surveillance.kafka.knock import BrokerUnreachable
from surveillance.kafka.ports import listens
from surveillance.kafka.producer import DeliveryFailed, Publisher
from surveillance.submitting.rows import encode

Deliver = Callable[[str, bytes], None]
"""Takes a record's id and an event; returns once it is safe. Raises Away."""

DELIVERY_SECONDS = 10.0


class Away(RuntimeError):
    """Nobody has confirmed the event: send it again later."""


@dataclass(frozen=True)
class Partner:
    """On whose behalf an adapter publishes."""

    id: str
    organisation: str


def checked(
    fields: Mapping[str, Any], partner: Partner, gazetteer: Gazetteer, version: int, now: datetime
) -> bytes:
    """The event as it travels. Raises Refused where the service would refuse it."""
    value = encode({**fields, "version": version, "reporter_org": partner.organisation})
    event = decode(value, Source("admission", partner.id), partner.organisation, now)
    gazetteer.resolve(event.model_dump(mode="json"))
    return value


def tested(value: bytes, partner: Partner, version: int) -> bytes:
    """A checked event as a test record: the service answers it, and it is never counted."""
    return encode(as_test(json.loads(value), "admission", partner.id, version))


class ToTopic:
    """Publishes on the partner's topic. Connects when it first has to, and again after an outage."""

    def __init__(self, brokers: Brokers | str, partner: str, prefix: str = "") -> None:
        self._brokers, self._topic = as_brokers(brokers), topic_name("admission", partner, prefix)
        self._publisher: Publisher | None = None

    def __call__(self, key: str, value: bytes) -> None:
        try:
            if self._publisher is None:
                if not any(map(listens, self._brokers.servers)):
                    raise BrokerUnreachable("nothing listens")  # told at once: a sender waits for its answer
                self._publisher = Publisher(self._brokers, DELIVERY_SECONDS)
            self._publisher.publish_and_wait(self._topic, key.encode(), value)
        except (BrokerUnreachable, DeliveryFailed) as error:
            raise Away("no broker confirmed the event") from error

    def close(self) -> None:
        if self._publisher is not None:
            self._publisher.close()
