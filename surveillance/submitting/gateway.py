"""The gateway: a submission is refused with all its faults, or accepted whole and published.

One record is whole by itself and goes straight to the broker; more than one lie on disk first, so that a
process which dies in the middle of them goes on. What the broker does not acknowledge in time stays on disk,
is answered as pending, and is published in order once it is back. Every message has its record's key and
version: that one was published twice changes nothing.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from threading import Event

import structlog

from surveillance.configuration import Configuration
from surveillance.events.columns import ColumnsError
from surveillance.events.refusal import Fault
from surveillance.events.topics import topic_name
from surveillance.submitting.feed import Feed
from surveillance.submitting.outgoing import Outgoing
from surveillance.submitting.outlet import Outlet
from surveillance.submitting.spool import Draft, Heading, Kept, Spool, State, new_id
from surveillance.submitting.staging import Staging
from surveillance.submitting.taken import Enter, Taken, TakenLog

log = structlog.get_logger(__name__)

MOST_RECORDS = 100_000
MOST_FAULTS = 5_000  # that are told one by one; the rest are counted
MOST_IDS = 1_000
MOST_IDS_ENTERED = 20  # records of a submission that the audit chain names one by one
GROUP = 64  # submissions that are under way at a time while the spool is drained
DRAIN_SECONDS = 1.0
TIDY_SECONDS = 600.0


@dataclass(frozen=True)
class RowFault:
    """A rule that a row breaks; no value of the row stands in it."""

    row: int
    fault: Fault


@dataclass(frozen=True)
class Refusal:
    """Why nothing of a submission was accepted. `left_out`: faults that are only counted."""

    rows: int
    bad_rows: int
    faults: tuple[RowFault, ...]
    left_out: int = 0


@dataclass(frozen=True)
class Accepted:
    """A submission that ends in its topic. `ids`: record@version of its first records."""

    id: str
    state: State
    records: int
    ids: tuple[str, ...]


@dataclass
class _Judging:
    """What has been found of the rows so far."""

    rows: int = 0
    bad_rows: int = 0
    left_out: int = 0
    faults: list[RowFault] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def refuse(self, row: int, faults: Sequence[Fault]) -> None:
        self.bad_rows += 1
        room = max(0, MOST_FAULTS - len(self.faults))
        self.faults += [RowFault(row, fault) for fault in faults[:room]]
        self.left_out += len(faults) - len(faults[:room])

    @property
    def refusal(self) -> Refusal:
        return Refusal(self.rows, self.bad_rows, tuple(self.faults), self.left_out)


@dataclass(frozen=True)
class _Single:
    """One message, whole by itself."""

    topic: str
    message: Outgoing

    def messages(self) -> list[Outgoing]:
        return [self.message]


@dataclass(frozen=True)
class _Held:
    """A kept submission as messages for its topic."""

    kept: Kept

    @property
    def topic(self) -> str:
        return self.kept.heading.topic

    def messages(self) -> Iterable[Outgoing]:
        return self.kept.messages()


class Gateway:
    """Takes submissions. One a process; several processes of a machine may share a spool."""

    def __init__(
        self,
        configuration: Configuration,
        spool: Spool,
        outlet: Outlet,
        clock: Callable[[], datetime],
        prefix: str = "",
        most_bytes: int = 50_000_000,
    ) -> None:
        self.configuration, self.spool, self.most_bytes = configuration, spool, most_bytes
        self._outlet, self._clock, self._prefix = outlet, clock, prefix
        # Topics of which something waits in the spool: what is new waits behind it.
        self._away = spool.topics_waiting()
        self._tidied_at = 0.0
        self._taken = TakenLog(spool.directory / "taken")

    @property
    def staged(self) -> Staging:
        """Where uploads lie that somebody looks at before they are sent."""
        return Staging(self.spool.directory / "staged", self.spool.keys)

    def look(self, feed: Feed) -> Refusal:
        """Every fault of a file; one without any would be accepted."""
        judging = _Judging()
        self._judge(feed, judging, lambda _: None)
        return judging.refusal

    def submit(self, feed: Feed, by: str) -> Accepted | Refusal:
        """Accepts all rows of a file, or none. Raises ColumnsError where none can be read, and SpoolFull.

        What is accepted is noted for the audit chain before anybody is told.
        """
        done = self._submit(feed, by)
        if isinstance(done, Accepted):
            ids = done.ids if done.records <= MOST_IDS_ENTERED else ()
            self._taken.add(Taken(done.id, self._clock(), by, feed.partner.id, feed.kind, done.records, ids))
        return done

    def _submit(self, feed: Feed, by: str) -> Accepted | Refusal:
        judging = _Judging()
        topic = topic_name(feed.kind, feed.partner.id, self._prefix, feed.backfill)
        with ExitStack() as stack:
            writing = _Writing(self.spool, stack)
            self._judge(feed, judging, writing.add)
            if judging.bad_rows or not judging.rows:
                return judging.refusal
            if writing.first is not None and writing.draft is None and topic not in self._away:
                if self._outlet.publish([_Single(topic, writing.first)]) == [True]:
                    return self._published(_heading(new_id(), feed, topic, judging, by), judging)
                self._away.add(topic)
            draft = writing.on_disk()
            kept = self.spool.keep(draft, _heading(draft.id, feed, topic, judging, by))
        return Accepted(kept.heading.id, self._send(kept), judging.rows, tuple(judging.ids))

    def state(self, partner: str, identity: str) -> tuple[State, int] | None:
        """Whether a submission of a partner waits or is published, and its records; None: there is none."""
        return self.spool.find(partner, identity)

    def drain(self) -> int:
        """Publishes what waits, the oldest first, and returns how much still does. One process at a time."""
        with self.spool.alone() as mine:
            waiting = self.spool.waiting()
            if mine:
                self._away = self._drain(waiting)
                waiting = self.spool.waiting()
        if not waiting:
            self._away = set()
        return len(waiting)

    def enter(self, enter: Enter) -> int:
        """Hands what was accepted to the audit chain; returns how many submissions."""
        return self._taken.hand_over(enter, self._clock())

    def run(self, stop: Event, enter: Enter) -> None:
        """Drains until it is told to stop: the loop of one thread of each web process."""
        steps: dict[str, Callable[[], object]] = {
            "spool not drained": self._step,
            "submissions not in the audit chain yet": lambda: self.enter(enter),
        }
        while not stop.wait(DRAIN_SECONDS):
            for fault, step in steps.items():
                try:
                    step()
                except Exception as problem:  # the loop must go on: what is kept waits for it
                    log.error(fault, problem=type(problem).__name__)
        self._outlet.close()

    def _step(self) -> None:
        self.drain()
        self._outlet.close_retired()
        if time.monotonic() - self._tidied_at > TIDY_SECONDS:
            self.spool.tidy(self._clock())
            self._tidied_at = time.monotonic()

    def _judge(self, feed: Feed, judging: _Judging, take: Callable[[Outgoing], None]) -> None:
        for row in feed.judged(self.configuration.gazetteer, self._clock()):
            judging.rows += 1
            if judging.rows > MOST_RECORDS:
                raise ColumnsError([f"the file: has more than {MOST_RECORDS:,} records; send it in parts"])
            if row.outgoing is None:
                judging.refuse(row.line, row.faults)
            elif not judging.bad_rows:
                take(row.outgoing)
                judging.ids += [row.outgoing.id] if len(judging.ids) < MOST_IDS else []

    def _published(self, heading: Heading, judging: _Judging) -> Accepted:
        self.spool.receipt(heading)
        return Accepted(heading.id, "published", judging.rows, tuple(judging.ids))

    def _send(self, kept: Kept) -> State:
        """Publishes what was just kept, unless older ones wait before it."""
        if kept.heading.topic not in self._away:
            if self._outlet.publish([_Held(kept)]) == [True]:
                self.spool.settle(kept)
                return "published"
            self._away.add(kept.heading.topic)
        kept.file.close()
        return "pending"

    def _drain(self, waiting: Sequence[str]) -> set[str]:
        """Publishes each topic's in order, as far as it takes them; returns the topics that do not."""
        refused: set[str] = set()
        left = iter(waiting)
        while group := list(islice(left, GROUP)):
            held = [kept for identity in group if (kept := self.spool.hold(identity)) is not None]
            trying = [kept for kept in held if kept.heading.topic not in refused]
            for kept, taken in zip(trying, self._outlet.publish([_Held(k) for k in trying]), strict=True):
                if taken:
                    self.spool.settle(kept)
                else:
                    refused.add(kept.heading.topic)
            for kept in held:
                kept.file.close()
        if refused:
            log.warning("submissions wait", topics=sorted(refused))
        return refused


def _heading(identity: str, feed: Feed, topic: str, judging: _Judging, by: str) -> Heading:
    return Heading(identity, feed.partner.id, feed.kind, topic, judging.rows, by)


@dataclass
class _Writing:
    """The messages of a submission: one is held, more are written to a draft."""

    spool: Spool
    stack: ExitStack
    first: Outgoing | None = None
    draft: Draft | None = None

    def add(self, message: Outgoing) -> None:
        if self.first is None:
            self.first = message
        else:
            self.on_disk().add(message)

    def on_disk(self) -> Draft:
        """The draft, the first message included."""
        if self.draft is None:
            self.draft = self.stack.enter_context(self.spool.draft())
            if self.first is not None:
                self.draft.add(self.first)
        return self.draft
