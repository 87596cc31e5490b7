"""What partners are answered from, on both databases: measures, months, refusals, pairs, receipts."""

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

from store_factories import T0, key, minutes, version
from test_store_letters_ticks_partners import LETTER, _add

from surveillance.events.refusal import RefusalCode
from surveillance.line_list.quality import FIELDS, Quality
from surveillance.line_list.record import RecordVersion
from surveillance.store import dead_letters, duplicates, line_list, partner_months, quality, receipts, records
from surveillance.store.conflicts import Conflict, conflicts_of
from surveillance.store.database import Store
from surveillance.store.dead_letters import Wanted
from surveillance.store.partner_months import Month

MARCH, APRIL = date(2024, 3, 1), date(2024, 4, 1)


def test_measures_are_replaced_by_record_and_counted_by_month(store: Store) -> None:
    names, last = FIELDS["incident"], len(FIELDS["incident"]) - 1
    first, second, third = key("r1"), key("r2"), key("r3")
    with store.transaction() as tx:
        numbers = records.lock(tx, [first, second, third])
        quality.save(tx, {first: Quality(MARCH, 9, 0), third: Quality(APRIL, 1, 0)}, numbers)
        quality.save(tx, {first: Quality(MARCH, 5, 1), second: Quality(MARCH, 5, 1 | 1 << last)}, numbers)
    with store.reading() as tx:
        assert quality.delays(tx, "north", "incident", MARCH) == {
            MARCH: Counter({5: 2}),
            APRIL: Counter({1: 1}),
        }
        totals, having = quality.filled(tx, "north", "incident", MARCH)
        assert quality.shares(tx, ("north", "incident"), APRIL) == dict.fromkeys(names, 0.0)
        assert quality.shares(tx, ("south", "incident"), APRIL) == {}
    assert totals == {MARCH: 2, APRIL: 1}
    assert {name: n for name, n in having[MARCH].items() if n} == {names[0]: 2, names[last]: 1}


def test_months_add_up(store: Store) -> None:
    with store.transaction() as tx:
        for _ in range(2):
            partner_months.count(tx, [Month("north", "incident", MARCH, accepted=3, refused=1)])
        partner_months.count(tx, [Month("south", "incident", APRIL, tested=2)])
    with store.reading() as tx:
        assert partner_months.months_of(tx, "north") == [Month("north", "incident", MARCH, 6, 0, 2)]
        assert partner_months.months_of(tx, since=APRIL) == [Month("south", "incident", APRIL, tested=2)]


def test_refusals_are_found_by_reason_and_state_a_page_at_a_time(store: Store) -> None:
    other = replace(LETTER, code=RefusalCode.NOT_JSON, received_at=T0 + minutes(5))
    _add(store, *(replace(LETTER, offset=i, record_id=f"r{i}", version=1) for i in range(3)))
    _add(store, replace(other, offset=9))
    with store.transaction() as tx:
        about = dead_letters.open_about(tx, [key("r1"), key("r7"), key("r2", "south")])
        assert [one.letter.offset for one in about] == [1]
        for _ in range(2):
            dead_letters.resolve(tx, [about[0].id], "correction", T0)
    with store.reading() as tx:
        newest = dead_letters.found(tx, Wanted("north"), 2)
        older = dead_letters.found(tx, Wanted("north", before=newest[-1].id))
        assert [one.letter.offset for one in (*newest, *older)] == [9, 2, 1, 0]
        assert [one.resolved_by for one in dead_letters.found(tx, Wanted(open=False))] == ["correction"]
        assert len(dead_letters.found(tx, Wanted(since=T0 + minutes(1)))) == 1
        told = [(t.code, t.refused, t.open) for t in dead_letters.tallies(tx, "north")]
        assert told == [(RefusalCode.MISSING_FIELD, 3, 2), (RefusalCode.NOT_JSON, 1, 1)]
        assert dead_letters.open_by_partner(tx)["north", RefusalCode.MISSING_FIELD] == 2


def test_a_letter_is_taken_while_it_is_not_resolved(store: Store) -> None:
    _add(store, LETTER)
    with store.transaction() as tx:
        (one,) = dead_letters.listed(tx)
        assert dead_letters.taken(tx, one.id) == one
        dead_letters.resolve(tx, [one.id], "replay", T0)
        assert dead_letters.taken(tx, one.id) is None


def test_pairs_of_one_partners_records_are_its_own(store: Store) -> None:
    own = (key("r1"), key("r2"))
    others = [(key("r1"), key("r1", "south")), (key("r1", "north-east"), key("r2", "north-east"))]
    with store.transaction() as tx:
        duplicates.propose_duplicates(tx, [own, *others], T0)
    with store.reading() as tx:
        assert duplicates.proposed_within(tx, "north", 10) == ([(*own, T0)], 1)


def test_receipts_are_taken_up_once_within_their_lease_and_removed_when_sent(store: Store) -> None:
    with store.transaction() as tx:
        receipts.add(tx, {"north": [{"receipt_id": "t/0/1", "record_id": None}], "south": []}, T0)
    with store.transaction() as tx:
        assert receipts.waiting(tx, "north") == (1, T0)
        assert receipts.any_due(tx, T0)
        owed = receipts.take(tx, T0)
        assert [(one.partner, len(one.receipts)) for one in owed] == [("north", 1)]
        assert receipts.take(tx, T0) == []
        receipts.put_back(tx, owed, T0 + timedelta(seconds=1))
    with store.transaction() as tx:
        receipts.sent(tx, receipts.take(tx, T0 + timedelta(seconds=1)))
        assert receipts.waiting(tx, "north") == (0, None)


def test_a_conflict_is_told_of_the_newest_version_only(store: Store) -> None:
    def two(record: str, number: int, partner: str = "north") -> list[RecordVersion]:
        of, late = key(record, partner), T0 + minutes(9)
        return [
            version(of, number),
            version(of, number, content_hash="another", received_at=late),
        ]

    versions = [
        *(*two("r1", 1), *two("r1", 1, "south")),
        *(*two("r2", 1), version(key("r2"), 2)),
        version(key("r3"), 1),
        *(version(key("r4"), 1), *two("r4", 2)),
    ]
    with store.transaction() as tx:
        records.lock(tx, {one.key for one in versions})
        line_list.save_versions(tx, versions)
    with store.reading() as tx:
        found, number = conflicts_of(tx, "north", 10)
        assert conflicts_of(tx, "north", 1) == (found[:1], number)
        assert conflicts_of(tx, "east", 10) == ([], 0)
    assert number == 2
    assert found == [Conflict(key("r1"), 1, T0 + minutes(9)), Conflict(key("r4"), 2, T0 + minutes(9))]
