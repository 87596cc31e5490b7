"""The way from the gateway to the brokers: one producer a process, opened when it is first needed."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from threading import Condition, Lock
from typing import Protocol

from surveillance.kafka.brokers import Brokers
from surveillance.kafka.knock import BrokerUnreachable
from surveillance.kafka.producer import Publisher
from surveillance.submitting.outgoing import Outgoing

ANSWER_SECONDS = 5.0


class Batch(Protocol):
    """Messages for one topic."""

    @property
    def topic(self) -> str: ...

    def messages(self) -> Iterable[Outgoing]: ...


class Outlet:
    """Publishes and says what the broker has. Safe from several threads.

    `seconds`: the longest wait without any acknowledgement. A producer that failed is not used again.
    """

    def __init__(self, brokers: Brokers | str, seconds: float = ANSWER_SECONDS) -> None:
        self._brokers, self._seconds = brokers, seconds
        self._lock = Lock()
        self._publisher: Publisher | None = None
        self._retired: list[Publisher] = []
        self._failed_at = 0.0

    def publish(self, batches: Sequence[Batch]) -> list[bool]:
        """Of each batch, whether every message of it is acknowledged by all in-sync replicas.

        One of which it is not may be there in part, or be there later: publishing it again does no harm.
        """
        try:
            publisher = self._open()
        except BrokerUnreachable:
            return [False] * len(batches)
        awaited = _Awaited([batch.topic for batch in batches])
        for number, batch in enumerate(batches):
            for message in batch.messages():
                report = awaited.report(number)
                if awaited.failed(number):
                    report("not tried")  # the broker is away, or the topic is
                    break
                publisher.publish(batch.topic, message.key, message.value, report)
        acknowledged = awaited.all(self._seconds)
        if not all(acknowledged):
            self._retire(publisher)
        return acknowledged

    def close(self) -> None:
        """Ends every connection."""
        with self._lock:
            ended, self._retired = [*self._retired, *filter(None, [self._publisher])], []
            self._publisher = None
        _close(ended)

    def close_retired(self) -> None:
        """Ends the connections of producers that failed; it may take a while."""
        with self._lock:
            ended, self._retired = self._retired, []
        _close(ended)

    def _open(self) -> Publisher:
        arrived_at = time.monotonic()
        with self._lock:
            if self._failed_at > arrived_at:  # somebody else tried while this one waited to
                raise BrokerUnreachable(f"no broker answers at {self._brokers}")
            if self._publisher is None:
                try:
                    self._publisher = Publisher(self._brokers, self._seconds, answer_seconds=self._seconds)
                except BrokerUnreachable:
                    self._failed_at = time.monotonic()
                    raise
            return self._publisher

    def _retire(self, failed: Publisher) -> None:
        with self._lock:
            if self._publisher is failed:
                self._publisher = None
                self._retired.append(failed)


class _Awaited:
    """The acknowledgements that are still to come, by batch; a topic that failed once fails."""

    def __init__(self, topics: Sequence[str]) -> None:
        self._topics = topics
        self._changed = Condition()
        self._open: Counter[int] = Counter()
        self._failed: set[str] = set()
        self._bad: set[int] = set()
        self._at = time.monotonic()

    def report(self, batch: int) -> Callable[[str | None], None]:
        """What one message's outcome is told to."""
        with self._changed:
            self._open[batch] += 1

        def told(error: str | None) -> None:
            with self._changed:
                self._open[batch] -= 1
                self._at = time.monotonic()
                if error is not None:
                    self._failed.add(self._topics[batch])
                    self._bad.add(batch)
                self._changed.notify_all()

        return told

    def failed(self, batch: int) -> bool:
        with self._changed:
            return self._topics[batch] in self._failed

    def all(self, seconds: float) -> list[bool]:
        """Waits until all is told, or nothing was for so long."""
        with self._changed:
            self._at = time.monotonic()
            while self._open.total() and (left := self._at + seconds - time.monotonic()) > 0:
                self._changed.wait(left)
            return [not self._open[n] and n not in self._bad for n in range(len(self._topics))]


def _close(publishers: Iterable[Publisher]) -> None:
    for publisher in publishers:
        with suppress(Exception):  # it failed before: whatever it says now, it is not used again
            publisher.close()
