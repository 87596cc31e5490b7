"""Records, versions, merges and the line list as it was known at any time."""

import random
import threading
import time
from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa
from store_factories import DAY, T0, case, key, minutes, version

from surveillance.line_list.record import Case, Exclusion, RecordKey
from surveillance.store import line_list
from surveillance.store.database import Store
from surveillance.store.line_list import EntryCount, ListedRow
from surveillance.store.tables import person_records


def test_a_record_keeps_its_number_and_other_partners_have_their_own(store: Store) -> None:
    keys = {key("r1"), key("r1", partner="south"), key("r1", kind="admission")}
    with store.transaction() as tx:
        first = line_list.lock(tx, keys)
    with store.transaction() as tx:
        second = line_list.lock(tx, keys | {key("r2")})
    assert len(set(first.values())) == 3
    assert {k: n for k, n in second.items() if k in keys} == first


def test_only_records_that_the_transaction_made_are_new(store: Store) -> None:
    with store.transaction() as tx:
        first = line_list.enter(tx, {key("r1")})
    with store.transaction() as tx:
        second = line_list.enter(tx, {key("r1"), key("r2")})
        again = line_list.enter(tx, {key("r2")})
    assert first.new == {key("r1")}
    assert second.new == {key("r2")}
    assert second.old([key("r1"), key("r2")]) == [key("r1")]
    assert again.new == frozenset()
    assert again.numbers == {key("r2"): second.numbers[key("r2")]}


def test_versions_come_back_as_they_went_in_in_the_order_in_which_they_win(store: Store) -> None:
    versions = [version(number=2), version(number=1), version(number=2, content_hash="hash-0")]
    with store.transaction() as tx:
        line_list.lock(tx, {key(), key("r2")})
        line_list.save_versions(tx, versions)
        found = line_list.versions_of(tx, {key(), key("r2"), key("r3")})
    assert found == {key(): (versions[1], versions[2], versions[0])}


def test_a_version_is_stored_once_by_record_version_and_hash_with_its_earliest_receipt(store: Store) -> None:
    first = version()
    later, earlier = (replace(first, received_at=first.received_at + minutes(m)) for m in (5, -5))
    for repeat in (first, later, earlier, later):
        with store.transaction() as tx:
            line_list.lock(tx, {key()})
            line_list.save_versions(tx, [repeat])
    with store.reading() as tx:
        assert line_list.versions_of(tx, {key()}) == {key(): (earlier,)}
        assert line_list.count_records(tx) == 1


def test_merges_are_found_from_any_record_of_a_chain_and_before_the_target_arrived(store: Store) -> None:
    a, b, c, d, x, y = (key(name) for name in "abcdxy")
    with store.transaction() as tx:
        line_list.lock(tx, {a, b, c, x})
        line_list.save_merges(tx, {a: {b}, b: {c}, c: {d}, x: {y}})
    for start in (a, b, c, d):
        with store.transaction() as tx:
            assert line_list.merged_groups(tx, {start}) == [{a, b, c, d}]
    with store.transaction() as tx:
        assert sorted(map(sorted, line_list.merged_groups(tx, {key("z"), x}))) == [[x, y], [key("z")]]


def test_every_merge_that_ever_was_stays_and_is_stored_once(store: Store) -> None:
    a, b, c = (key(name) for name in "abc")
    with store.transaction() as tx:
        line_list.lock(tx, {a})
        line_list.save_merges(tx, {a: {b}})
        line_list.save_merges(tx, {a: {b, c}})
        line_list.save_merges(tx, {a: set()})
        assert line_list.merged_groups(tx, {a}) == [{a, b, c}]


def test_merges_in_a_circle_are_all_found(store: Store) -> None:
    a, b, c = (key(name) for name in "abc")
    with store.transaction() as tx:
        line_list.lock(tx, {a, b, c})
        line_list.save_merges(tx, {a: {b}, b: {c}, c: {a}})
        assert line_list.merged_groups(tx, {b}) == [{a, b, c}]


def _list(store: Store, *rows: ListedRow) -> None:
    keys = {row.entry.key for row in rows}
    with store.transaction() as tx:
        line_list.lock(tx, keys)
        line_list.replace_rows(tx, keys, rows)


def _known(store: Store, at: float, place: str = "residence") -> list[Case]:
    with store.reading() as tx:
        return line_list.cases_known(tx, "example", place, DAY, DAY + timedelta(days=9), T0 + minutes(at))


def test_cases_are_told_as_they_were_known_at_the_time(store: Store) -> None:
    old, new = case(number=1), case(number=2, area="E01000002")
    gone = Exclusion(key(), 3, "example", "residence", "withdrawn")
    _list(
        store,
        ListedRow(old, T0, T0 + minutes(10)),
        ListedRow(new, T0 + minutes(10), T0 + minutes(20)),
        ListedRow(gone, T0 + minutes(20), None),
    )
    seen = [_known(store, at) for at in (-1, 0, 9.99, 10, 19.99, 20)]
    assert seen == [[], [old], [old], [new], [new], []]
    with store.reading() as tx:
        assert line_list.current_entries(tx, {key()}) == [gone]


def test_several_times_are_told_at_once_as_each_by_itself(store: Store) -> None:
    rows = [
        ListedRow(case(number=1), T0, T0 + minutes(10)),
        ListedRow(case(number=2, area="E01000002"), T0 + minutes(10), None),
    ]
    _list(store, *rows)
    times = [T0 + minutes(at) for at in (15, 5, -1)]
    with store.reading() as tx:
        asked = [line_list.Then(DAY, DAY + timedelta(days=9), at) for at in times]
        asked.append(line_list.Then(DAY + timedelta(days=5), DAY + timedelta(days=9), T0 + minutes(5)))
        together = line_list.cases_known_then(tx, "example", "residence", asked)
        alone = [line_list.cases_known(tx, "example", "residence", *then) for then in asked]
    assert together == alone == [[rows[1].entry], [rows[0].entry], [], []]


def test_what_was_read_before_is_never_told_again_in_place_of_what_was_rewritten(store: Store) -> None:
    # The newest row is deleted and written anew with the same version: its number must be a new one.
    for area in ("E1", "E2", "E3"):
        one = case(area=area)
        _list(store, ListedRow(one, T0, None))
        assert [_known(store, 0), _known(store, 0)] == [[one], [one]]


def test_only_cases_of_the_days_the_place_and_the_use_case_are_told_sorted_by_key(store: Store) -> None:
    days = (-1, 0, 9, 10)
    cases = [case(key(f"r{9 - n}"), day=DAY + timedelta(days=n)) for n in days]
    others = [case(key("o1"), use_case="other"), case(key("o2"), place="incident")]
    _list(store, *(ListedRow(c, T0, None) for c in (*cases, *others)))
    assert _known(store, 0) == [cases[2], cases[1]]


def test_replacing_twice_is_replacing_once_and_touches_no_other_record(store: Store) -> None:
    mine, other = ListedRow(case(), T0, None), ListedRow(case(key("r2")), T0, None)
    _list(store, mine, other)
    _list(store, mine)
    _list(store, mine)
    assert _known(store, 0) == [mine.entry, other.entry]


def test_a_record_with_no_rows_left_is_gone_from_the_list_and_from_its_person(store: Store) -> None:
    _list(store, ListedRow(case(), T0, None))
    with store.transaction() as tx:
        line_list.replace_rows(tx, {key()}, [])
    with store.reading() as tx:
        assert line_list.current_entries(tx, {key()}) == []
        assert tx.execute(sa.select(person_records)).all() == []


def test_two_current_entries_of_one_record_at_one_place_cannot_be_stored(store: Store) -> None:
    with pytest.raises(sa.exc.IntegrityError):
        _list(store, ListedRow(case(), T0, None), ListedRow(case(number=2), T0, None))


def test_lists_of_texts_come_back_as_they_went_in(store: Store) -> None:
    several = case(key("r1"), person_keys=("p:1:aa", "p:2:bb"), tokens=("school:ß 7", "link:a,b"))
    none = case(key("r2"), person_keys=(), tokens=())
    _list(store, ListedRow(several, T0, None), ListedRow(none, T0, None))
    assert _known(store, 0) == [several, none]


@pytest.mark.parametrize("tokens", [("",), ("school:a\nschool:b",)])
def test_a_text_that_would_come_back_otherwise_is_refused(store: Store, tokens: tuple[str, ...]) -> None:
    with pytest.raises(sa.exc.StatementError, match="cannot be stored in a list"):
        _list(store, ListedRow(case(tokens=tokens), T0, None))


def test_records_of_one_person_are_found_by_any_key_while_they_are_current(store: Store) -> None:
    police = case(key("r1"), person_keys=("p:1:aa", "p:2:bb"))
    coroner = case(key("r2", partner="south"), person_keys=("p:2:bb",))
    past = case(key("r3"), person_keys=("p:2:bb",))
    stranger = case(key("r4"), person_keys=("p:1:cc",))
    nobody = case(key("r5"), person_keys=())
    current = [ListedRow(c, T0, None) for c in (police, coroner, stranger, nobody)]
    _list(store, *current, ListedRow(past, T0, T0 + minutes(1)))
    with store.reading() as tx:
        assert line_list.records_sharing(tx, {"p:2:bb", "p:9:zz"}) == [police, coroner]
        assert line_list.records_sharing(tx, set()) == []


def test_entries_are_counted_by_reason(store: Store) -> None:
    excluded = Exclusion(key("r3"), 1, "example", "residence", "no_area")
    _list(store, *(ListedRow(e, T0, None) for e in (case(key("r1")), case(key("r2")), excluded)))
    with store.reading() as tx:
        counts = [
            EntryCount("example", "residence", None, 2),
            EntryCount("example", "residence", "no_area", 1),
        ]
        assert line_list.count_entries(tx, "example") == counts
        assert line_list.count_entries(tx) == counts
        assert line_list.count_entries(tx, "other") == []


def test_a_pair_is_proposed_once_and_what_a_person_decided_stays(store: Store) -> None:
    a, b, c = (key(name) for name in "abc")
    with store.transaction() as tx:
        line_list.propose_duplicates(tx, [(b, a), (b, c), (a, b)], T0)
        line_list.decide_duplicate(tx, (b, a), "rejected", "lead", T0)
        line_list.decide_duplicate(tx, (a, c), "confirmed", "lead", T0)
        line_list.propose_duplicates(tx, [(a, b), (a, c)], T0)
    with store.reading() as tx:
        assert line_list.duplicate_decisions(tx) == ({(a, c)}, {(a, b)})
        assert line_list.duplicates_in(tx, "proposed") == [(b, c)]


def test_a_decision_can_be_taken_back(store: Store) -> None:
    both = (key("a"), key("b/with/slashes"))
    with store.transaction() as tx:
        line_list.decide_duplicate(tx, both, "confirmed", "lead", T0)
        line_list.decide_duplicate(tx, both, "rejected", "other lead", T0)
        assert line_list.duplicate_decisions(tx) == (set(), {both})


def _meet(store: Store, write: list[RecordKey], person: str) -> list[int]:
    """Writers list their record at once; each says how many records of the person it found."""
    together, found = threading.Barrier(len(write)), []

    def run(mine: RecordKey) -> None:
        together.wait()
        with store.transaction() as tx:
            line_list.lock(tx, {mine})
            line_list.replace_rows(tx, {mine}, [ListedRow(case(mine, person_keys=(person,)), T0, None)])
            time.sleep(0.02)
            found.append(len(line_list.records_sharing(tx, {person})))

    threads = [threading.Thread(target=run, args=(mine,)) for mine in write]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(found)


def test_two_batches_with_records_of_one_person_never_miss_each_other(store: Store) -> None:
    for attempt in range(3):
        writers = [key(f"{attempt}-a"), key(f"{attempt}-b")]
        assert _meet(store, writers, f"p:1:{attempt}") == [1, 2]


def test_a_merge_waits_for_the_writer_of_its_target(store: Store) -> None:
    source, target = key("a"), key("b")
    has_lock, order = threading.Event(), []

    def write_target() -> None:
        with store.transaction() as tx:
            line_list.lock(tx, {target})
            has_lock.set()
            time.sleep(0.1)
            line_list.save_versions(tx, [version(target)])
            order.append("target")

    writer = threading.Thread(target=write_target)
    writer.start()
    has_lock.wait()
    with store.transaction() as tx:
        line_list.lock(tx, {source})
        line_list.save_merges(tx, {source: {target}})
        groups = line_list.merged_groups(tx, {source})
        order.append("merge")
        assert set(line_list.versions_of(tx, {target})) == {target}
    writer.join()
    assert groups == [{source, target}]
    assert order == ["target", "merge"]


def test_a_batch_of_many_thousand_records_is_stored_and_read(store: Store) -> None:
    shuffled = random.Random(1).sample(range(12_000), 12_000)
    keys = [key(f"r{n:05}") for n in shuffled]
    _list(store, *(ListedRow(case(k, person_keys=()), T0, None) for k in keys))
    with store.reading() as tx:
        known = line_list.cases_known(tx, "example", "residence", DAY, DAY, T0)
        assert [c.key for c in known] == sorted(keys)
        assert len(line_list.current_entries(tx, keys)) == 12_000
