"""The ledger knows exactly which offsets were handled, across repeats, threads and new incarnations."""

import random
import threading
import time

import pytest
from store_factories import PLACE, T0, minutes

from surveillance.store import ledger
from surveillance.store.database import Store
from surveillance.store.ledger import LogPlace, Position


def _position(store: Store, place: LogPlace = PLACE) -> Position:
    with store.reading() as tx:
        return ledger.positions(tx)[place]


def _mark(store: Store, *offsets: int, place: LogPlace = PLACE, repaired: bool = False) -> None:
    with store.transaction() as tx:
        ledger.mark(tx, place, offsets, T0, repaired=repaired)


def test_the_mark_stands_at_the_first_offset_that_is_unhandled(store: Store) -> None:
    _mark(store, 0, 1, 2, 5, 6, 9)
    position = _position(store)
    assert position.mark == 3
    assert ledger.gaps(position, end=12) == (range(3, 5), range(7, 9), range(10, 12))
    _mark(store, 3, 4)
    assert _position(store).mark == 7


def test_random_batches_with_repeats_end_where_a_set_of_offsets_ends(store: Store) -> None:
    dice, model = random.Random(7), set[int]()
    for _ in range(25):
        batch = [dice.randrange(60) for _ in range(8)]
        with store.transaction() as tx:
            assert ledger.mark(tx, PLACE, batch, T0) == set(batch) - model
        model.update(batch)
    gaps = ledger.gaps(_position(store), end=60)
    assert [offset for gap in gaps for offset in gap] == sorted(set(range(60)) - model)


def test_repaired_absent_and_lost_offsets_are_handled_and_each_counted_once(store: Store) -> None:
    _mark(store, 0, 1)
    for _ in range(2):
        _mark(store, 1, 2, repaired=True)
        with store.transaction() as tx:
            ledger.mark_absent(tx, PLACE, [range(2, 5)], T0)
            ledger.mark_lost(tx, PLACE, [range(4, 1_000_000)], T0)
    position = _position(store)
    assert (position.repaired, position.absent, position.lost) == (1, 2, 999_995)
    assert position.mark == 1_000_000


def test_marks_of_a_transaction_that_fails_are_not_kept(store: Store) -> None:
    _mark(store, 0)

    def fail() -> None:
        with store.transaction() as tx:
            ledger.mark(tx, PLACE, [1, 2], T0)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert _position(store).mark == 1


def test_a_log_begins_where_it_is_told_but_only_once(store: Store) -> None:
    with store.transaction() as tx:
        ledger.start_at(tx, PLACE, 100, T0)
        ledger.mark(tx, PLACE, [100], T0)
        ledger.start_at(tx, PLACE, 500, T0)
    assert _position(store).mark == 101


def test_logs_are_told_apart_by_cluster_topic_incarnation_and_partition(store: Store) -> None:
    places = [PLACE] + [PLACE._replace(**{name: v}) for name, v in _OTHERS.items()]
    for number, place in enumerate(places):
        _mark(store, *range(number + 1), place=place)
    with store.reading() as tx:
        found = ledger.positions(tx)
        assert {place: p.mark for place, p in found.items()} == {p: n + 1 for n, p in enumerate(places)}
        assert set(ledger.positions(tx, [PLACE])) == {PLACE}


_OTHERS = {"cluster_id": "other", "topic": "other", "topic_id": "other", "partition": 1}


def test_a_log_that_ends_below_the_mark_began_anew(store: Store) -> None:
    _mark(store, 0, 1, 2, 7)
    with store.transaction() as tx:
        assert not ledger.begin_epoch(tx, PLACE, 3, T0)
        assert ledger.begin_epoch(tx, PLACE, 2, T0 + minutes(1))
        assert not ledger.begin_epoch(tx, PLACE, 2, T0 + minutes(2))
        assert ledger.epochs(tx, [PLACE]) == {PLACE: 1}
    assert _position(store).mark == 0
    with store.transaction() as tx:
        assert ledger.mark(tx, PLACE, [0, 1], T0) == {0, 1}


def test_workers_that_mark_one_log_at_once_lose_nothing(store: Store) -> None:
    together = threading.Barrier(4)

    def work(first: int) -> None:
        together.wait()
        for offset in range(first, 40, 4):
            _mark(store, offset)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _position(store).mark == 40


def test_an_offset_that_another_transaction_handles_is_waited_for(store: Store) -> None:
    _mark(store, 0)
    has_row = threading.Event()

    def handle() -> None:
        with store.transaction() as tx:
            ledger.mark(tx, PLACE, [1], T0)
            has_row.set()
            time.sleep(0.05)

    worker = threading.Thread(target=handle)
    worker.start()
    has_row.wait()
    with store.transaction() as tx:
        assert ledger.mark(tx, PLACE, [1, 2], T0) == {2}
    worker.join()
