"""A refused message is read again from its topic after a fix: stored once, or told why it is not."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from small_house import House, Logs, incident, message
from surveillance.events.message import Message
from surveillance.kafka.reader import Fetched
from surveillance.line_list.record import RecordKey
from surveillance.rereading import Again, Outcome
from surveillance.store import audit, dead_letters, ledger, line_list, pending, receipts
from surveillance.store.dead_letters import Wanted

KEY, AUDIT_KEY = b"a key for tests only", b"a" * 32


@dataclass
class Log:
    """One partition as a broker holds it; what lies below `begin` retention has deleted."""

    messages: Sequence[Message]
    begin: int = 0
    asked: list[tuple[int, int]] = field(default_factory=list)

    def read(self, topic: str, partition: int, first: int, end: int, most: int) -> Fetched:
        assert (topic, partition) == ("incidents.v1.alpha", 0)
        self.asked.append((first, end))
        there = [m for m in self.messages if max(first, self.begin) <= m.offset < end][:most]
        return Fetched(tuple(there), (), (), end if len(there) < most else there[-1].offset + 1)


def again(house: House, log: Log, **changes: Any) -> Again:
    place = Logs(house.configuration.topics()).place
    made = Again(house.configuration, house.store, place, log.read, KEY, AUDIT_KEY, "operator")
    return replace(made, **changes)


def run(one: Again, house: House, wanted: Wanted | None = None) -> list[tuple[int, Outcome]]:
    with house.store.reading() as tx:
        letters = dead_letters.found(tx, wanted or Wanted(open=True))
    return [(r.letter.letter.offset, r.outcome) for r in one.all(letters, lambda: house.now)]


def stored(house: House) -> set[str]:
    with house.store.reading() as tx:
        keys = [RecordKey("alpha", "incident", f"r{i}") for i in range(6)]
        return {key.record_id for key in line_list.versions_of(tx, keys)}


@pytest.fixture
def sent() -> list[Message]:
    """Five messages of an organisation whose code the operator wrote down wrongly, and one that is wrong."""
    good = [message(i, incident(f"r{i}", reporter_org="CLINIC-ALPHA-NHS")) for i in range(1, 6)]
    return [*good, message(7, incident("r0", sex="m"))]


@pytest.fixture
def mended(house: House, sent: list[Message]) -> House:
    """The house after the fix: all were refused, five of them would be accepted today."""
    house.ingest(*sent)
    assert stored(house) == set()
    alpha = house.configuration.partners["alpha"].model_copy(update={"organisation": "CLINIC-ALPHA-NHS"})
    partners = {**house.configuration.partners, "alpha": alpha}
    house.configuration = replace(house.configuration, partners=partners)
    return house


def test_what_is_valid_today_is_stored_and_what_is_not_says_why(mended: House, sent: list[Message]) -> None:
    done = run(again(mended, Log(sent)), mended)
    assert done == [(i, Outcome.ACCEPTED) for i in range(1, 6)] + [(7, Outcome.REFUSED)]
    assert stored(mended) == {f"r{i}" for i in range(1, 6)}
    with mended.store.reading() as tx:
        assert pending.waiting(tx) > 0, "its cases are looked at"
        audit.verify(tx, AUDIT_KEY)
        letters = dead_letters.listed(tx)
        entries = [audit.of_subject(tx, f"dead-letter/{one.id}") for one in letters]
    assert [one.resolved_by for one in letters] == [None, *["replay"] * 5]
    assert [len(of_letter) for of_letter in entries] == [0, 1, 1, 1, 1, 1]
    assert (entries[1][0].by, entries[1][0].act) == ("operator", "replayed dead letter")


def test_done_twice_nothing_changes(mended: House, sent: list[Message]) -> None:
    everything = Wanted()
    assert run(again(mended, Log(sent)), mended, everything)[0] == (1, Outcome.ACCEPTED)
    done = run(again(mended, Log(sent)), mended, everything)
    assert done == [(i, Outcome.RESOLVED) for i in range(1, 6)] + [(7, Outcome.REFUSED)]
    with mended.store.reading() as tx:
        versions = line_list.versions_of(tx, [RecordKey("alpha", "incident", "r1")])
    assert [len(some) for some in versions.values()] == [1]


def test_a_dry_run_says_the_same_and_stores_nothing(mended: House, sent: list[Message]) -> None:
    dry = run(again(mended, Log(sent), dry_run=True), mended)
    assert stored(mended) == set()
    assert dry == run(again(mended, Log(sent)), mended)


def test_what_retention_has_deleted_is_told_and_stays_unresolved(mended: House, sent: list[Message]) -> None:
    done = run(again(mended, Log(sent, begin=3)), mended)
    assert done[:2] == [(1, Outcome.GONE), (2, Outcome.GONE)]
    assert stored(mended) == {"r3", "r4", "r5"}
    with mended.store.reading() as tx:
        assert [one.letter.offset for one in dead_letters.found(tx, Wanted(open=True))] == [7, 2, 1]


def test_a_log_that_began_anew_holds_nothing_of_before(mended: House, sent: list[Message]) -> None:
    place = Logs(mended.configuration.topics()).place("incidents.v1.alpha", 0)
    with mended.store.transaction() as tx:
        ledger.mark(tx, place, [0], mended.now)
        assert ledger.begin_epoch(tx, place, 0, mended.now)
    log = Log(sent)
    assert {outcome for _, outcome in run(again(mended, log), mended)} == {Outcome.GONE}
    assert log.asked == []


def test_other_bytes_at_the_same_offset_are_never_taken_for_it(mended: House, sent: list[Message]) -> None:
    forged = [replace(one, value=one.value + b" ") for one in sent if one.value]
    assert {outcome for _, outcome in run(again(mended, Log(forged)), mended)} == {Outcome.ANOTHER}
    other_key = again(mended, Log(sent), dead_letter_key=b"another")
    assert {outcome for _, outcome in run(other_key, mended)} == {Outcome.ANOTHER}


def test_a_message_is_as_old_as_it_was(mended: House, sent: list[Message]) -> None:
    """What a topic says its time is, is not asked again: a record was received when it was refused."""
    later = [replace(one, received_at=mended.now) for one in sent]
    run(again(mended, Log(later)), mended)
    with mended.store.reading() as tx:
        ((version,),) = line_list.versions_of(tx, [RecordKey("alpha", "incident", "r1")]).values()
    assert version.received_at == sent[0].received_at


def test_many_letters_are_read_in_long_stretches(mended: House, sent: list[Message]) -> None:
    log = Log(sent)
    run(again(mended, log), mended)
    assert log.asked == [(1, 8)]


def test_a_partner_with_receipts_is_told_that_it_was_accepted_after_all(
    mended: House, sent: list[Message]
) -> None:
    alpha = mended.configuration.partners["alpha"].model_copy(update={"receipts": True})
    mended.configuration = replace(mended.configuration, partners={"alpha": alpha})
    run(again(mended, Log(sent)), mended)
    with mended.store.transaction() as tx:
        told = [one for batch in receipts.take(tx, mended.now) for one in batch.receipts]
    assert [one["receipt_id"] for one in told] == [f"incidents.v1.alpha/0/{i}/replayed" for i in range(1, 6)]
    assert {one["outcome"] for one in told} == {"accepted"}
