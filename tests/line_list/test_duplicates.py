from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.line_list.duplicates import count_once, pair, propose
from surveillance.line_list.record import Case, RecordKey
from surveillance.use_case.model import Count

PERSON = Count(unit="person")
FORTNIGHT = Count(unit="person", episode_days=14)
EVENT = Count(unit="event")
FIRST_DAY = date(2024, 3, 1)


def key(name: str) -> RecordKey:
    return RecordKey("police", "incident", name)


def case(name: str, persons: str = "", day: int = 0, **changes) -> Case:
    return Case(
        key=key(name),
        version=1,
        use_case="invented",
        place="residence",
        area="E01000001",
        day=FIRST_DAY + timedelta(days=day),
        received_at=datetime(2024, 6, 1, tzinfo=UTC),
        person_keys=tuple(persons),
        tokens=(f"link:{name}",),
        **changes,
    )


def records_of(counted) -> list[list[str]]:
    return [[member.split("/")[2].split("@")[0] for member in one.records] for one in counted]


def test_records_of_one_person_count_once_and_keep_all_their_records():
    counted = count_once([case("b", "x", 1), case("a", "x", 3), case("c", "y")], set(), set(), PERSON)
    assert records_of(counted) == [["c"], ["a", "b"]]
    assert counted[1].case.key == key("b")  # the earliest day represents the person
    assert counted[1].tokens == ("link:a", "link:b")


def test_a_representative_takes_what_only_the_other_record_knows():
    cases = [case("a", "x", age=None, sex="unknown"), case("b", "x", 1, age=20, sex="female")]
    (counted,) = count_once(cases, set(), set(), PERSON)
    assert (counted.case.age, counted.case.sex) == (20, "female")


def test_a_person_was_known_when_the_first_of_the_records_came():
    early, late = datetime(2024, 6, 2, tzinfo=UTC), datetime(2024, 6, 9, tzinfo=UTC)
    cases = [replace(case("a", "x"), received_at=late), replace(case("b", "x", 1), received_at=early)]
    (counted,) = count_once(cases, set(), set(), PERSON)
    assert (counted.case.key, counted.case.received_at) == (key("a"), early)


def test_a_person_is_followed_through_records_that_share_different_keys():
    counted = count_once([case("a", "x"), case("b", "xy"), case("c", "y")], set(), set(), PERSON)
    assert records_of(counted) == [["a", "b", "c"]]


def test_a_rejected_pair_counts_twice_and_a_confirmed_pair_once():
    cases = [case("a", "x"), case("b", "x"), case("c")]
    rejected, confirmed = {pair(key("b"), key("a"))}, {pair(key("a"), key("c"))}
    assert records_of(count_once(cases, rejected, confirmed, PERSON)) == [["a", "c"], ["b"]]


def test_a_withdrawn_duplicate_leaves_the_person_counted():
    both = count_once([case("a", "x"), case("b", "x")], set(), set(), PERSON)
    one = count_once([case("b", "x")], set(), set(), PERSON)
    assert records_of(both) == [["a", "b"]]
    assert records_of(one) == [["b"]]


def test_a_person_counts_again_after_the_episode_has_ended():
    cases = [
        case("a", "x", 0),
        case("b", "x", 14),
        case("c", "x", 15),
        case("d", "x", 28),
        case("e", "x", 30),
    ]
    # Counted from the last one counted: c is 15 days after a, d is 13 after c, e is 15 after c.
    assert records_of(count_once(cases, set(), set(), FORTNIGHT)) == [["a", "b"], ["c", "d"], ["e"]]


def test_a_confirmed_duplicate_is_one_event_however_far_its_days_are_apart():
    cases = [case("a", "x", 0), case("b", "x", 40)]
    confirmed = {pair(key("a"), key("b"))}
    assert records_of(count_once(cases, set(), set(), FORTNIGHT)) == [["a"], ["b"]]
    assert records_of(count_once(cases, set(), confirmed, FORTNIGHT)) == [["a", "b"]]


def test_where_events_count_every_record_counts_but_a_confirmed_duplicate():
    cases = [case("a", "x"), case("b", "x"), case("c", "x")]
    assert records_of(count_once(cases, set(), set(), EVENT)) == [["a"], ["b"], ["c"]]
    assert records_of(count_once(cases, set(), {pair(key("c"), key("a"))}, EVENT)) == [["a", "c"], ["b"]]


def test_only_records_that_share_a_person_key_are_proposed():
    cases = [case("a", "xz"), case("b", "x"), case("c", "y"), case("d", "z")]
    assert propose(cases, PERSON, {c.key for c in cases}) == {
        pair(key("a"), key("b")),
        pair(key("a"), key("d")),
    }
    assert propose(cases, EVENT, {c.key for c in cases}) == set()


@pytest.mark.parametrize(("day", "proposed"), [(14, True), (15, False)])
def test_only_records_within_an_episode_are_proposed(day, proposed):
    assert bool(propose([case("a", "x"), case("b", "x", day)], FORTNIGHT, {key("a")})) is proposed


many_cases = st.lists(
    st.builds(case, st.sampled_from("abcdefgh"), st.text("xyz", max_size=2), st.integers(0, 40)),
    unique_by=lambda c: c.key,
)
pairs = st.sets(st.tuples(*[st.sampled_from("abcdefgh")] * 2).filter(lambda p: p[0] < p[1]), max_size=4)
counts = st.sampled_from([PERSON, FORTNIGHT, EVENT])


@given(many_cases, pairs, pairs, counts, st.randoms(use_true_random=False))
def test_order_changes_nothing_and_no_record_is_lost_or_counted_twice(cases, no, yes, count, random):
    rejected = {pair(key(a), key(b)) for a, b in no}
    confirmed = {pair(key(a), key(b)) for a, b in yes - no}
    counted = count_once(cases, rejected, confirmed, count)
    assert sorted(member for one in counted for member in one.records) == sorted(c.member for c in cases)
    shuffled = list(cases)
    random.shuffle(shuffled)
    assert count_once(shuffled, rejected, confirmed, count) == counted
    keys = {c.key for c in cases}
    assert propose(shuffled, count, keys) == propose(cases, count, keys)


@given(many_cases, pairs)
def test_persons_are_the_connected_records_whichever_way_they_are_joined(cases, no):
    rejected = {pair(key(a), key(b)) for a, b in no}
    counted = count_once(cases, rejected, set(), PERSON)
    person = {member: n for n, one in enumerate(counted) for member in one.records}
    reached = {c.key: {c.key} for c in cases}
    for _ in cases:  # the slow way: spread along every edge as often as there are records
        for a in cases:
            for b in cases:
                joined = set(a.person_keys) & set(b.person_keys) and pair(a.key, b.key) not in rejected
                if joined:
                    reached[a.key] |= reached[b.key]
    for a in cases:
        for b in cases:
            assert (person[a.member] == person[b.member]) == (b.key in reached[a.key])
