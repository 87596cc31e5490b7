"""Counts that are followed are those of counting everything anew, whatever changes in whatever order."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_house import AREAS, TODAY, USE_CASE, House, incident
from surveillance.configuration import Configuration
from surveillance.following import Counted, CountedOnce, Following
from surveillance.line_list.duplicates import MOST_RECORDS_OF_A_PERSON, count_once, pair
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import line_list
from surveillance.store.database import Store
from surveillance.use_case.model import Count

RECORDS = st.integers(0, 9)
RECEIVED = datetime(2024, 6, 1, tzinfo=UTC)
COUNTS = [Count(unit="event"), Count(unit="person"), Count(unit="person", episode_days=3)]


def key(number: int) -> RecordKey:
    return RecordKey("alpha", "incident", f"r{number}")


CASES = st.builds(
    lambda number, day, area, persons, age: Case(
        key(number),
        1,
        "u",
        "residence",
        AREAS[area],
        date(2024, 1, 1) + timedelta(days=day),
        RECEIVED,
        tuple(f"p{p}" for p in sorted(persons)),
        age,
        "female",
    ),
    RECORDS,
    st.integers(0, 9),
    st.integers(0, 3),
    st.sets(st.integers(0, 4), max_size=2),
    st.none() | st.integers(0, 90),
)
PAIRS = st.sets(
    st.tuples(RECORDS, RECORDS).filter(lambda p: p[0] != p[1]).map(lambda p: pair(key(p[0]), key(p[1]))),
    max_size=3,
)
CHANGES = st.lists(
    st.tuples(
        st.sets(RECORDS.map(key), max_size=2),
        st.lists(CASES, max_size=5, unique_by=lambda c: c.key),
        PAIRS,
        PAIRS,
    ),
    min_size=1,
    max_size=6,
)


def rows(counted: Counted) -> list[tuple[int, ...]]:
    columns = (counted.area, counted.day, counted.age, counted.sex)
    return sorted(zip(*(c.tolist() for c in columns), strict=True))


@settings(max_examples=300, deadline=None)
@given(CHANGES, st.sampled_from(COUNTS))
def test_what_is_followed_equals_counting_anew(changes: list, count: Count) -> None:  # type: ignore[type-arg]
    following = CountedOnce(count, AREAS)
    standing: dict[RecordKey, Case] = {}
    for gone, new, confirmed, rejected in changes:
        following.change(gone, new, confirmed, rejected - confirmed)
        standing = {k: c for k, c in standing.items() if k not in gone} | {c.key: c for c in new}
        anew = count_once(standing.values(), rejected - confirmed, confirmed, count)
        assert rows(following.arrays) == sorted(
            (AREAS.index(c.case.area), c.case.day.toordinal(), -1 if c.case.age is None else c.case.age, 1)
            for c in anew
        )


def test_a_key_that_becomes_nobodys_parts_those_it_joined() -> None:
    def bearing(number: int) -> Case:
        return Case(key(number), 1, "u", "residence", "n1", date(2024, 1, 1), RECEIVED, ("p",), 4, "female")

    following = CountedOnce(Count(unit="person"), AREAS)
    following.change([], [bearing(i) for i in range(MOST_RECORDS_OF_A_PERSON)], [], [])
    assert len(following.arrays.day) == 1
    following.change([], [bearing(1000)], [], [])
    assert len(following.arrays.day) == MOST_RECORDS_OF_A_PERSON + 1
    following.change([key(i) for i in range(3, 40)], [], [], [])
    assert len(following.arrays.day) == 1
    following.change([], [bearing(i) for i in range(3, 40)], [], [])
    assert len(following.arrays.day) == MOST_RECORDS_OF_A_PERSON + 1
    following.change([key(3)], [], [], [])
    assert len(following.arrays.day) == 1


@pytest.fixture
def planet(small_configuration: Configuration, store: Store) -> House:
    return House(small_configuration, store)


def follow(house: House) -> Following:
    count = house.configuration.use_cases[USE_CASE].count
    return Following(
        house.store, USE_CASE, "residence", count, house.configuration.regions["north"].inside.codes
    )


def test_what_is_stored_is_followed(planet: House) -> None:
    following = follow(planet)
    assert len(following.counted().day) == 0
    planet.report(incident("a", days_ago=3), incident("b", days_ago=2, area="n2"), incident("c", area="s1"))
    assert rows(following.counted()) == [
        (0, (TODAY - timedelta(days=3)).toordinal(), -1, 0),
        (1, (TODAY - timedelta(days=2)).toordinal(), -1, 0),
    ]
    planet.report(incident("a", days_ago=3, version=2, area="n4"))
    assert [r[0] for r in rows(following.counted())] == [1, 3]
    planet.report(incident("b", version=2, action="withdrawn", status="withdrawn"))
    assert [r[0] for r in rows(following.counted())] == [3]


def test_one_person_twice_is_followed_until_somebody_says_they_are_two(planet: House) -> None:
    following = follow(planet)
    planet.report(incident("a", days_ago=3, person=1), incident("b", days_ago=2, person=1))
    assert len(following.counted().day) == 1
    with planet.store.transaction() as tx:
        both = pair(RecordKey("alpha", "incident", "a"), RecordKey("alpha", "incident", "b"))
        line_list.decide_duplicate(tx, both, "rejected", "lead@example.org", planet.now)
    assert len(following.counted().day) == 2
