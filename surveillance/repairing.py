"""The repair: what should have been handled and was not is fetched from the broker and handled."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog

from surveillance import observe
from surveillance.events.message import Message
from surveillance.kafka.admin import Offsets
from surveillance.kafka.reader import read_range
from surveillance.offsets import TopicLogs, Watch, count
from surveillance.store import ledger
from surveillance.store.database import Store
from surveillance.store.ledger import LogPlace, Position

log = structlog.get_logger(__name__)


@dataclass
class Repair:
    """Compares the ledger with the logs. `answered` is called when the broker has said where logs end."""

    store: Store
    logs: TopicLogs
    watch: Watch
    ingest: Callable[[Sequence[Message]], None]
    answered: Callable[[], None]
    unhandled: int | None = None
    """Messages of all topics that nobody has handled, as last counted; None: not yet."""

    def run(self, clock: Callable[[], datetime]) -> int:
        """Goes over every log once; returns how many offsets it settled."""
        # The ledger first: what is handled while the broker answers must not look like a shorter log.
        with self.store.reading() as tx:
            before = ledger.positions(tx)
        ends, now = self.logs.ends(), clock()
        self.answered()
        self._begin_logs(before, ends, now)
        with self.store.reading() as tx:
            positions = ledger.positions(tx, ends)
        repaired = 0
        for place, position in positions.items():
            owed = self.watch.owed(position, ends[place].end, now)
            closed = sum(self._fetch(place, gap, clock()) for gap in owed)
            observe.log_position(position, ends[place].end, count(owed) - closed)
            repaired += closed
        self.unhandled = sum(count(ledger.gaps(p, ends[place].end)) for place, p in positions.items())
        return repaired

    def _begin_logs(
        self, before: Mapping[LogPlace, Position], ends: Mapping[LogPlace, Offsets], now: datetime
    ) -> None:
        """A log that is new, or begins anew, is in the ledger before anything is owed of it."""
        for place, offsets in ends.items():
            known = before.get(place)
            if known is not None and offsets.end >= known.mark:
                continue
            with self.store.transaction() as tx:
                ledger.start_at(tx, place, offsets.begin, now)  # what had expired before is not owed
                if known is not None:
                    ledger.begin_epoch(tx, place, offsets.end, now)

    def _fetch(self, place: LogPlace, gap: range, now: datetime) -> int:
        """Fetches a gap and handles it; returns by how many offsets it is smaller now."""
        fetched = read_range(self.logs.brokers, place.topic, place.partition, gap.start, gap.stop)
        if fetched.messages:
            self.ingest(fetched.messages)
        with self.store.transaction() as tx:
            ledger.mark_absent(tx, place, fetched.absent, now)
            ledger.mark_lost(tx, place, fetched.lost, now)
            position = ledger.positions(tx, [place])[place]
        closed = len(gap) - count(position.handled.missing(gap.start, gap.stop))
        log.warning(
            "ledger repaired",
            topic=place.topic,
            partition=place.partition,
            owed=len(gap),
            repaired=closed,
            absent=count(fetched.absent),
            lost=count(fetched.lost),
        )
        return closed
