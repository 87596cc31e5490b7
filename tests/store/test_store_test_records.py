"""Answers to test records are kept once, apart, and given back as they were."""

from dataclasses import replace

from store_factories import PLACE, T0, minutes

from surveillance.events.refusal import Fault, RefusalCode
from surveillance.events.trial import Trial
from surveillance.store import dead_letters, partners, test_records
from surveillance.store.database import Store
from surveillance.store.ledger import LogPlace

RIGHT = Trial(PLACE.topic, 0, 3, "north", "incident", T0, "c-1")
FAULT = Fault(RefusalCode.MISSING_FIELD, "reported_at", "must be given", "add it")
WRONG = replace(RIGHT, offset=4, record_id=None, faults=(FAULT,))


def _place(topic: str, partition: int) -> LogPlace:
    return LogPlace("cluster", topic, "incarnation-1", partition)


def test_answers_are_kept_once_and_the_newest_comes_first(store: Store) -> None:
    for at in (0, 5):
        with store.transaction() as tx:
            test_records.add(tx, [RIGHT, WRONG], _place, T0 + minutes(at))
    with store.reading() as tx:
        assert test_records.listed(tx, "north") == [WRONG, RIGHT]
        assert test_records.listed(tx, "north", limit=1) == [WRONG]
        assert test_records.listed(tx, "south") == []
        assert dead_letters.count(tx) == {}
        assert partners.heard_of(tx) == []


def test_without_answers_nothing_is_written(store: Store) -> None:
    with store.transaction() as tx:
        test_records.add(tx, [], _place, T0)
    with store.reading() as tx:
        assert test_records.listed(tx, "north") == []


def test_answers_go_after_their_time_and_beyond_their_number_the_oldest_first(store: Store) -> None:
    others = replace(RIGHT, topic="incidents.v1.south", partner="south")
    many = [replace(RIGHT, offset=10 + n) for n in range(5)]
    for at, trials in ((0, [RIGHT]), (10, [others]), (20, many)):
        with store.transaction() as tx:
            test_records.add(tx, trials, _place, T0 + minutes(at))
    with store.transaction() as tx:
        assert test_records.prune(tx, T0 + minutes(5), 3) == 3
        assert test_records.prune(tx, T0 + minutes(5), 3) == 0
    with store.reading() as tx:
        assert test_records.listed(tx, "north") == many[:1:-1]
        assert test_records.listed(tx, "south") == [others]
