"""The line list as people read it: each filter, both orders, and what stands around a record."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from store_factories import DAY, T0, case, change, key, minutes

from surveillance.line_list.record import Exclusion, RecordKey
from surveillance.store import alerts, cases, line_list
from surveillance.store.cases import SORTS, Wanted
from surveillance.store.database import Store, Transaction
from surveillance.store.duplicates import propose_duplicates
from surveillance.store.line_list import ListedRow

NEAR, FAR = "E01000001", "E01000002"


def wanted(**changes: Any) -> Wanted:
    values: dict[str, Any] = {
        "use_case": "example",
        "place": "residence",
        "areas": frozenset({NEAR, FAR}),
        "scopes": frozenset({"county"}),
    }
    return Wanted(**values | changes)


@pytest.fixture
def filled(store: Store) -> Iterator[Transaction]:
    """Twelve cases, of which two share a day; one withdrawn, one without any area; one alert."""
    rows = [
        ListedRow(
            case(
                key(f"r{i:02}", "north" if i % 3 else "south"),
                area=NEAR if i % 2 else FAR,
                day=DAY + timedelta(days=i // 2),
                received_at=T0 + minutes(100 - i),
                age=None if i == 5 else 10 * i,
                sex="female" if i < 4 else None,
                person_keys=(),
            ),
            T0,
            None,
        )
        for i in range(12)
    ]
    gone = case(key("gone"), area=NEAR, person_keys=())
    rows += [
        ListedRow(gone, T0, T0 + minutes(5)),
        ListedRow(Exclusion(gone.key, 2, "example", "residence", "withdrawn"), T0 + minutes(5), None),
        ListedRow(Exclusion(key("nowhere"), 1, "example", "residence", "no_area"), T0, None),
        ListedRow(replace(gone, place="incident"), T0, None),
    ]
    with store.transaction() as tx:
        keys = {row.entry.key for row in rows}
        line_list.lock(tx, keys)
        line_list.replace_rows(tx, keys, rows)
        members = ("north/incident/r01@1", "north/incident/r02@7", "north/incident/unknown@1")
        alerts.save(tx, [change(members=members)])
    with store.reading() as tx:
        yield tx


def ids(tx: Transaction, asked: Wanted, sort: str = "day", after: Any = None, limit: int = 99) -> list[str]:
    return [line.key.record_id for line in cases.lines(tx, asked, sort, after, limit)]


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, range(12)),
        ({"areas": frozenset({NEAR})}, range(1, 12, 2)),
        ({"areas": frozenset()}, ()),
        ({"first": DAY + timedelta(days=1), "last": DAY + timedelta(days=2)}, (2, 3, 4, 5)),
        ({"ages": (20, 40)}, (2, 3, 4)),
        ({"ages": (75, None)}, (8, 9, 10, 11)),
        ({"ages": (None, None)}, (5,)),
        ({"sex": "female"}, (0, 1, 2, 3)),
        ({"sex": "unknown"}, range(4, 12)),
        ({"partner": "south"}, (0, 3, 6, 9)),
        ({"in_alert": True}, (1, 2)),
        ({"in_alert": True, "scopes": frozenset({"elsewhere"})}, ()),
        ({"in_alert": False}, (0, *range(3, 12))),
        ({"use_case": "another"}, ()),
    ],
)
def test_a_filter_leaves_what_meets_it(filled: Transaction, changes: dict[str, Any], found: Any) -> None:
    assert sorted(ids(filled, wanted(**changes))) == [f"r{i:02}" for i in found]
    assert cases.count(filled, wanted(**changes), 99) == len(found)


def test_a_count_goes_no_further_than_it_is_asked_to(filled: Transaction) -> None:
    assert cases.count(filled, wanted(), 5) == 5


def test_what_does_not_count_is_found_by_reason_where_it_counted_last(filled: Transaction) -> None:
    (gone,) = cases.lines(filled, wanted(reason="withdrawn"), "day", None, 9)
    assert (gone.key, gone.area, gone.day) == (key("gone"), NEAR, None)
    assert ids(filled, wanted(reason="withdrawn", areas=frozenset({FAR}))) == []
    assert cases.count_reasons(filled, wanted()) == {"withdrawn": 1}


def test_what_never_had_an_area_is_seen_by_those_who_see_everything(filled: Transaction) -> None:
    assert ids(filled, wanted(reason="no_area")) == []
    assert ids(filled, wanted(reason="no_area", everywhere=True)) == ["nowhere"]
    assert cases.count_reasons(filled, wanted(everywhere=True)) == {"no_area": 1, "withdrawn": 1}


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("limit", [1, 5, 12])
def test_pages_of_any_length_hold_every_row_once_in_order(filled: Transaction, sort: str, limit: int) -> None:
    whole = cases.lines(filled, wanted(), sort, None, 99)
    values = [(cases.sort_value(line, sort), line.record) for line in whole]
    assert values == sorted(values, reverse=sort.startswith("-"))
    read, after = [], None
    while page := cases.lines(filled, wanted(), sort, after, limit):
        read += page
        after = cases.sort_value(page[-1], sort), page[-1].record
    assert read == whole


def test_a_record_that_comes_in_between_two_pages_doubles_and_hides_nothing(store: Store) -> None:
    def add(*named: str) -> None:
        rows = [ListedRow(case(key(name), person_keys=()), T0, None) for name in named]
        with store.transaction() as tx:
            line_list.lock(tx, {row.entry.key for row in rows})
            line_list.replace_rows(tx, {row.entry.key for row in rows}, rows)

    add("a", "b", "c")
    with store.reading() as tx:
        first = cases.lines(tx, wanted(), "day", None, 2)
    add("a", "later")  # one is written anew, another is new
    with store.reading() as tx:
        rest = ids(tx, wanted(), "day", (first[-1].day, first[-1].record))
    assert [line.key.record_id for line in first] + rest == ["a", "b", "c", "later"]


def test_the_alerts_of_a_record_are_those_whose_current_revision_has_it(
    store: Store, filled: Transaction
) -> None:
    number = {line.key.record_id: line.record for line in cases.lines(filled, wanted(), "day", None, 99)}
    found = cases.alerts_with(filled, number.values())
    assert {record: [a.id for a in of] for record, of in found.items()} == {
        number["r01"]: ["a1"], number["r02"]: ["a1"],
    }  # fmt: skip
    with store.transaction() as tx:
        alerts.save(tx, [change(revision=2, members=("north/incident/r02@8",))])
    with store.reading() as tx:
        assert set(cases.alerts_with(tx, number.values())) == {number["r02"]}


@pytest.mark.usefixtures("filled")
def test_pairs_are_told_from_both_sides(store: Store) -> None:
    one, other = key("r01"), RecordKey("north", "incident", "r02")
    with store.transaction() as tx:
        propose_duplicates(tx, [(one, other)], T0)
    with store.reading() as tx:
        assert cases.pairs_with(tx, [one, key("r04")]) == {one: [(other, "proposed")]}
        assert cases.pairs_with(tx, [other]) == {other: [(one, "proposed")]}


def test_a_records_rows_are_all_it_has_and_had(filled: Transaction) -> None:
    number, spots = cases.spots_of(filled, key("gone"))
    assert number is not None
    assert [(s.place, s.area, s.reason, s.known_until is None) for s in spots] == [
        ("residence", None, "withdrawn", True),
        ("incident", NEAR, None, True),
        ("residence", NEAR, None, False),
    ]
    assert cases.spots_of(filled, key("none")) == (None, [])
    places = cases.areas_at(filled, [number], "example")
    assert places == {number: {"incident": NEAR}}
