"""Dead letters, ticks of the clock, and when each partner was last heard of."""

from dataclasses import replace
from datetime import timedelta

import pytest
from store_factories import PLACE, T0, minutes

from surveillance.detection.silence import Quietness
from surveillance.events.dead_letter import DeadLetter
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.store import dead_letters, ledger, partners, ticks
from surveillance.store.database import Store
from surveillance.store.ledger import LogPlace
from surveillance.store.partners import Seen
from surveillance.store.ticks import Tick

LETTER = DeadLetter(
    topic=PLACE.topic,
    partition=0,
    offset=3,
    partner="north",
    kind="incident",
    received_at=T0,
    code=RefusalCode.MISSING_FIELD,
    faults=(Fault(RefusalCode.MISSING_FIELD, "reported_at", "must be given", "add it"),),
    payload_hmac="ab" * 32,
)


def _place(topic: str, partition: int) -> LogPlace:
    return LogPlace("cluster", topic, "incarnation-1", partition)


def _add(store: Store, *letters: DeadLetter, at: float = 0) -> None:
    with store.transaction() as tx:
        dead_letters.add(tx, letters, _place, T0 + minutes(at))


def test_a_dead_letter_is_stored_once_by_topic_partition_and_offset(store: Store) -> None:
    _add(store, LETTER, replace(LETTER, offset=4), replace(LETTER, partition=1))
    _add(store, LETTER, at=5)
    with store.reading() as tx:
        kept = dead_letters.listed(tx)
        assert dead_letters.count(tx) == {RefusalCode.MISSING_FIELD: 3}
    assert [(k.letter.partition, k.letter.offset) for k in kept] == [(1, 3), (0, 4), (0, 3)]
    assert (kept[2].letter, kept[2].place, kept[2].stored_at) == (LETTER, PLACE, T0)


def test_a_new_log_under_the_same_topic_has_dead_letters_of_its_own(store: Store) -> None:
    _add(store, LETTER)
    with store.transaction() as tx:
        ledger.mark(tx, PLACE, range(4), T0)
        assert ledger.begin_epoch(tx, PLACE, 0, T0)
    _add(store, LETTER)
    _add(store, LETTER)
    with store.reading() as tx:
        assert [k.epoch for k in dead_letters.listed(tx)] == [1, 0]


def test_dead_letters_are_told_by_partner_the_newest_first(store: Store) -> None:
    _add(store, LETTER, replace(LETTER, offset=4, code=RefusalCode.NOT_JSON))
    _add(store, replace(LETTER, offset=5, partner="south"))
    with store.reading() as tx:
        assert [k.letter.offset for k in dead_letters.listed(tx, "north", limit=1)] == [4]
        assert dead_letters.count(tx, "south") == {RefusalCode.MISSING_FIELD: 1}
        assert len(dead_letters.count(tx)) == 2


def test_a_tick_is_planned_once_by_name_and_time_and_done_once(store: Store) -> None:
    tick = Tick("midnight:county", T0)
    with store.transaction() as tx:
        ticks.plan(tx, [tick, tick])
        assert ticks.done(tx, tick, T0)
        assert not ticks.done(tx, tick, T0)
        ticks.plan(tx, [tick])
        assert ticks.due(tx, T0) == []


def test_ticks_that_were_missed_are_due_in_order_and_future_ones_are_not(store: Store) -> None:
    days = [Tick("midnight", T0 + timedelta(days=n)) for n in (2, 0, 1, 3)]
    with store.transaction() as tx:
        ticks.plan(tx, days)
    with store.transaction() as tx:
        assert ticks.due(tx, T0 + timedelta(days=2)) == sorted(days)[:3]
        assert ticks.last_planned(tx) == {"midnight": T0 + timedelta(days=3)}


def test_a_tick_whose_work_failed_is_still_owed(store: Store) -> None:
    tick = Tick("midnight", T0)
    with store.transaction() as tx:
        ticks.plan(tx, [tick])

    def fail() -> None:
        with store.transaction() as tx:
            ticks.done(tx, tick, T0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.transaction() as tx:
        assert ticks.due(tx, T0) == [tick]


def test_a_partners_counts_add_up_and_its_newest_message_stays(store: Store) -> None:
    with store.transaction() as tx:
        partners.saw(tx, [Seen("north", "incident", T0 + minutes(9), 10, 1)])
        partners.saw(tx, [Seen("north", "incident", T0, 5, 2), Seen("north", "admission", T0, 1, 0)])
    with store.reading() as tx:
        assert partners.heard_of(tx) == [
            Seen("north", "admission", T0, 1, 0),
            Seen("north", "incident", T0 + minutes(9), 15, 3),
        ]


def test_what_is_judged_of_a_partner_replaces_what_was_judged_before(store: Store) -> None:
    first, then = Quietness(7, 3, 14.5, 0.0001, True), Quietness(1, 4, 4.1, 0.9, False)
    for day, one in ((T0.date(), first), (T0.date() + timedelta(days=1), then)):
        for _ in range(2):
            with store.transaction() as tx:
                partners.judge(tx, {("north", "incident"): one}, day)
    with store.reading() as tx:
        assert partners.judged(tx) == {("north", "incident"): (T0.date() + timedelta(days=1), then)}
