"""How far each topic was handled: the broker's offsets beside the ledger's, and what is owed.

A worker's consumer may skip messages in a rebalance, and a crash may lose what it had fetched. Any offset
below a log's end that stays out of the ledger for some seconds is therefore fetched again.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from surveillance.kafka.admin import ClusterState, Offsets, describe
from surveillance.kafka.brokers import Brokers
from surveillance.store.ledger import LogPlace, Position, gaps

log = structlog.get_logger(__name__)


class TopicMissing(RuntimeError):
    """A partner's topic does not exist at the broker."""


@dataclass
class TopicLogs:
    """The partners' topics as the broker last described them."""

    brokers: Brokers | str
    topics: tuple[str, ...]
    _state: ClusterState | None = None

    def refresh(self) -> ClusterState:
        """Asks the broker; topics that are missing are said, and the others go on."""
        self._state = describe(self.brokers, self.topics)
        if self._state.missing:
            log.error("topics are missing; run: surveillance topics create", topics=self._state.missing)
        return self._state

    def place(self, topic: str, partition: int) -> LogPlace:
        """The log that a message of this topic and partition belongs to. Raises TopicMissing."""
        state = self._state or self.refresh()
        if topic not in state.topics:
            self._state = None  # it may be there by the next message
            raise TopicMissing(f"no topic {topic}; run: surveillance topics create")
        return LogPlace(state.cluster_id, topic, state.topics[topic].id, partition)

    def ends(self) -> dict[LogPlace, Offsets]:
        """Where every log begins and ends, as of now."""
        state = self.refresh()
        return {
            LogPlace(state.cluster_id, name, topic.id, partition): offsets
            for name, topic in state.topics.items()
            for partition, offsets in topic.partitions.items()
        }


@dataclass(frozen=True, slots=True)
class _Sample:
    at: datetime
    top: int
    end: int


@dataclass
class Watch:
    """Remembers where logs stood, to tell what is still on its way from what was skipped.

    Unhandled offsets below the highest handled one were skipped; those above it are owed only where
    nothing was handled for `patience`, else a worker that has a backlog would read it twice.
    """

    patience: timedelta
    _samples: dict[LogPlace, deque[_Sample]] = field(default_factory=dict)

    def owed(self, position: Position, end: int, now: datetime) -> tuple[range, ...]:
        """The offsets that should have been handled by now; takes a sample for the next call."""
        top = position.handled.spans[-1][1] if position.handled.spans else position.mark
        samples = self._samples.setdefault(position.place, deque())
        while len(samples) > 1 and samples[1].at <= now - self.patience:
            samples.popleft()
        oldest = samples[0] if samples and samples[0].at <= now - self.patience else None
        samples.append(_Sample(now, top, end))
        if oldest is None:
            return ()
        return gaps(position, oldest.end if top == oldest.top else min(oldest.top, end))


def count(ranges: Iterable[range]) -> int:
    """How many offsets the ranges hold."""
    return sum(len(r) for r in ranges)
