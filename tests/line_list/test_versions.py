from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.line_list.versions import Outcome, history, known_at, revise

KEY = RecordKey("police", "incident", "r1")
NOON = datetime(2024, 3, 1, 12, tzinfo=UTC)


def version(number: int, payload: str = "a", minute: int = 0, key: RecordKey = KEY) -> RecordVersion:
    return RecordVersion(key, number, payload, NOON + timedelta(minutes=minute), {"payload": payload})


messages = st.builds(version, st.integers(1, 4), st.sampled_from("abc"), st.integers(0, 5))
received = st.lists(messages, min_size=1, max_size=10)


def after(arrivals: list[RecordVersion]) -> tuple[RecordVersion, ...]:
    versions: tuple[RecordVersion, ...] = ()
    for arrival in arrivals:
        versions = revise(versions, arrival).versions
    return versions


@given(received, st.randoms(use_true_random=False), st.data())
def test_any_order_and_any_repetition_end_in_the_same_state(arrivals, random, data):
    again = arrivals + data.draw(st.lists(st.sampled_from(arrivals), max_size=5))
    random.shuffle(again)
    assert after(again) == after(arrivals)
    assert history(after(again)) == history(after(arrivals))
    unsorted = list(after(again))
    random.shuffle(unsorted)
    assert history(unsorted) == history(after(arrivals))


@given(received)
def test_history_says_what_was_current_at_every_moment(arrivals):
    versions = after(arrivals)
    spells = history(versions)
    for minute in range(-1, 7):
        at = NOON + timedelta(minutes=minute)
        current = [
            s.version for s in spells if s.known_from <= at and (s.known_until is None or at < s.known_until)
        ]
        assert current == [v for v in [known_at(versions, at)] if v is not None]


@given(received)
def test_the_highest_version_is_current_and_of_two_payloads_the_larger_hash(arrivals):
    assert revise(arrivals[:0], arrivals[0]).current == arrivals[0]
    assert after(arrivals)[-1].rank == max(arrival.rank for arrival in arrivals)
    assert history(after(arrivals))[-1].version.rank == max(arrival.rank for arrival in arrivals)


@pytest.mark.parametrize(
    ("incoming", "outcome"),
    [
        (version(3), Outcome.STORED),
        (version(2, "b", 9), Outcome.REPEATED),
        (version(1), Outcome.SUPERSEDED),
        (version(2, "c"), Outcome.CONFLICT),
        (version(2, "a"), Outcome.CONFLICT),
    ],
)
def test_what_became_of_a_version_is_said(incoming, outcome):
    assert revise([version(2, "b")], incoming).outcome is outcome


def test_a_repeat_keeps_the_first_time_of_receipt():
    assert revise([version(1, minute=5)], version(1, minute=2)).current == version(1, minute=2)
    assert revise([version(1, minute=2)], version(1, minute=5)).current == version(1, minute=2)


def test_a_version_of_another_record_is_a_mistake():
    with pytest.raises(ValueError, match="another record"):
        revise([version(1)], version(1, key=RecordKey("coroner", "incident", "r1")))


def test_a_record_without_versions_has_no_history():
    assert history(()) == ()
    assert known_at((), NOON) is None
