"""Refused messages read again from the partners' topics, after a fix: a dead letter keeps no payload."""

import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from surveillance import pipeline
from surveillance.configuration import Configuration
from surveillance.events.dead_letter import DeadLetter
from surveillance.events.message import Message
from surveillance.events.refusal import Fault
from surveillance.intake import Intake, read_message, refuse_erased
from surveillance.kafka.reader import Fetched
from surveillance.offsets import TopicMissing
from surveillance.store import audit, ledger
from surveillance.store.database import Store, Transaction
from surveillance.store.dead_letters import StoredLetter
from surveillance.store.ledger import LogPlace

_AT_ONCE = 1_000

ReadRange = Callable[[str, int, int, int, int], Fetched]
"""Reads a topic's partition: from one offset up to another (not included), so many messages at most."""


class Outcome(StrEnum):
    """What became of a dead letter that was to be read again."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # for the reasons that hold today
    GONE = "gone"  # retention has deleted it, or its topic was made anew
    ANOTHER = "another"  # another message lies at its offset, or the key of dead letters changed
    RESOLVED = "resolved"  # somebody was faster


@dataclass(frozen=True, slots=True)
class Reread:
    """One dead letter that was read again; `faults`: why it is refused today."""

    letter: StoredLetter
    outcome: Outcome
    faults: tuple[Fault, ...] = ()


@dataclass(frozen=True)
class Again:
    """Reads refused messages again. `by`: who asked; with `dry_run` nothing is stored."""

    configuration: Configuration
    store: Store
    place: Callable[[str, int], LogPlace]
    read: ReadRange
    dead_letter_key: bytes
    audit_key: bytes
    by: str
    prefix: str = ""
    dry_run: bool = False

    def all(self, letters: Iterable[StoredLetter], clock: Callable[[], datetime]) -> Iterator[Reread]:
        """What becomes of each, a transaction each: broken off and repeated, nothing is done twice."""
        by_log: defaultdict[LogPlace, list[StoredLetter]] = defaultdict(list)
        for one in letters:
            by_log[one.place].append(one)
        for place, of_log in sorted(by_log.items()):
            there = self._there(place, of_log)
            yield from (Reread(one, Outcome.GONE) for one in of_log if one not in there)
            for one, message in self._fetched(place, sorted(there, key=lambda s: s.letter.offset)):
                yield self._one(one, message, clock())

    def _there(self, place: LogPlace, letters: Sequence[StoredLetter]) -> list[StoredLetter]:
        """Those whose log is still the one that they were refused from."""
        try:
            if self.place(place.topic, place.partition) != place:
                return []
        except TopicMissing:
            return []
        with self.store.reading() as tx:
            epoch = ledger.epochs(tx, [place]).get(place)
        return [one for one in letters if one.epoch == epoch]

    def _fetched(
        self, place: LogPlace, letters: Sequence[StoredLetter]
    ) -> Iterator[tuple[StoredLetter, Message | None]]:
        """Each with its message, the offsets ascending; None where the log holds none."""
        waiting = list(letters)
        while waiting:
            first, end = waiting[0].letter.offset, waiting[-1].letter.offset + 1
            fetched = self.read(place.topic, place.partition, first, end, _AT_ONCE)
            found = {message.offset: message for message in fetched.messages}
            reached = max(fetched.next_offset, first + 1)  # so that an empty answer ends as well
            yield from ((s, found.get(s.letter.offset)) for s in waiting if s.letter.offset < reached)
            waiting = [s for s in waiting if s.letter.offset >= reached]

    def _one(self, stored: StoredLetter, message: Message | None, now: datetime) -> Reread:
        if message is None:
            return Reread(stored, Outcome.GONE)
        found = hmac.new(self.dead_letter_key, message.value or b"", hashlib.sha256).hexdigest()
        if not hmac.compare_digest(found, stored.letter.payload_hmac):
            return Reread(stored, Outcome.ANOTHER)
        # The broker's time of then: what was in the future then is refused as it was.
        same = replace(message, received_at=stored.letter.received_at)
        intake = Intake(self.place, self.dead_letter_key, now, self.prefix)
        read = self._would_read(same, intake) if self.dry_run else self._store(stored, same, intake)
        if read is None:
            return Reread(stored, Outcome.RESOLVED)
        if isinstance(read, DeadLetter):
            return Reread(stored, Outcome.REFUSED, read.faults)
        return Reread(stored, Outcome.ACCEPTED)

    def _would_read(self, message: Message, intake: Intake) -> object:
        with self.store.reading() as tx:
            read = {message: read_message(message, self.configuration, intake)}
            return refuse_erased(tx, read, intake)[message]

    def _store(self, stored: StoredLetter, message: Message, intake: Intake) -> object:
        def enter(tx: Transaction) -> None:
            letter = stored.letter
            facts = {
                "partner": letter.partner,
                "code": str(letter.code),
                "topic": letter.topic,
                "partition": letter.partition,
                "offset": letter.offset,
            }
            entry = audit.Entry(
                self.by, "replayed dead letter", f"dead-letter/{stored.id}", intake.now, facts
            )
            audit.append(tx, self.audit_key, entry)

        return pipeline.ingest_again(message, stored.id, self.configuration, self.store, intake, enter)
