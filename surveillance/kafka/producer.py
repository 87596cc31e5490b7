"""Publishing with kafka-python: every message is confirmed by all in-sync replicas or reported."""

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from kafka.errors import AuthorizationError, KafkaError

from kafka import KafkaProducer
from surveillance.kafka.admin import ANSWER_SECONDS, CLIENT_ID, RECONNECT_MOST_MS, as_unreachable, not_allowed
from surveillance.kafka.brokers import Brokers, as_brokers
from surveillance.kafka.knock import knock

Report = Callable[[str | None], None]
"""Is told None for a delivered message, else why it was not. It may run on another thread."""


class DeliveryFailed(RuntimeError):
    """The broker did not confirm a message."""


class Publisher:
    """Sends messages in order; a retry within the client neither doubles nor reorders them.

    Its own thread delivers; `publish` returns before the message is delivered, `flush` waits for all.
    """

    def __init__(
        self,
        brokers: Brokers | str,
        delivery_seconds: float = 30.0,
        answer_seconds: float | None = None,
    ) -> None:
        """Raises BrokerUnreachable if no broker answers in time, BrokerRefuses if one turns us away."""
        self._brokers = as_brokers(brokers)
        knock(self._brokers)
        with as_unreachable(brokers):
            self._producer = KafkaProducer(
                **self._brokers.options(),
                client_id=CLIENT_ID,
                acks="all",
                enable_idempotence=True,
                linger_ms=5,
                compression_type=None,
                delivery_timeout_ms=int(delivery_seconds * 1000),
                request_timeout_ms=int(delivery_seconds * 1000 / 2),
                max_block_ms=int(delivery_seconds * 1000),
                bootstrap_timeout_ms=int((answer_seconds or ANSWER_SECONDS) * 1000),
                reconnect_backoff_max_ms=RECONNECT_MOST_MS,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        self._delivery_seconds = delivery_seconds

    def check_topic(self, topic: str) -> None:
        """Raises BrokerRefuses where this user may not publish there: once, not for every message."""
        with as_unreachable(self._brokers):
            self._producer.partitions_for(topic)

    def publish(self, topic: str, key: bytes | None, value: bytes | None, report: Report) -> None:
        """Hands one message over; `report` is called exactly once, also for one refused at once."""
        try:
            sent = self._producer.send(topic, key=key, value=value)
        except (KafkaError, ValueError, TypeError) as error:
            report(self._reason(error))
            return
        sent.add_callback(lambda _: report(None))
        sent.add_errback(lambda error: report(self._reason(error)))

    def publish_and_wait(self, topic: str, key: bytes | None, value: bytes | None) -> int:
        """Publishes one message and returns its offset; raises DeliveryFailed if it is not confirmed."""
        try:
            sent = self._producer.send(topic, key=key, value=value)
            return int(sent.get(timeout=self._delivery_seconds).offset)
        except KafkaError as error:
            raise DeliveryFailed(f"topic {topic}: {self._reason(error)}") from error

    def flush(self) -> None:
        """Waits until every message handed over is delivered or reported."""
        self._producer.flush(timeout=2 * self._delivery_seconds)

    def close(self) -> None:
        self._producer.close(timeout=self._delivery_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _reason(self, error: Any) -> str:
        if isinstance(error, AuthorizationError):
            return not_allowed(self._brokers, error)
        return f"{type(error).__name__}: {error}"
