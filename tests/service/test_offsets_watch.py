"""Which offsets are owed: those skipped for some time, and none that are still on their way."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from surveillance.offsets import Watch, count
from surveillance.store.ledger import LogPlace, Position
from surveillance.store.ranges import Offsets, spans_of

PLACE = LogPlace("cluster", "incidents.v1.north", "incarnation", 0)
START = datetime(2024, 3, 1, 12, 0, tzinfo=UTC)
PATIENCE = timedelta(seconds=5)


def position(*handled: int) -> Position:
    offsets = Offsets().add(spans_of(handled))
    return Position(PLACE, 0, offsets, 0, 0, 0, START)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def owed(watch: Watch, handled: Position, end: int, seconds: float) -> list[int]:
    return [offset for part in watch.owed(handled, end, at(seconds)) for offset in part]


def test_nothing_is_owed_at_first_sight() -> None:
    assert owed(Watch(PATIENCE), position(0, 1, 5), 10, 0) == []


def test_what_was_skipped_is_owed_after_the_patience() -> None:
    watch = Watch(PATIENCE)
    assert owed(watch, position(0, 1, 5), 10, 0) == []
    assert owed(watch, position(0, 1, 5, 6), 10, 4.9) == []
    assert owed(watch, position(0, 1, 5, 6, 7), 10, 5) == [2, 3, 4]


def test_a_backlog_that_is_being_worked_off_is_not_owed() -> None:
    watch = Watch(PATIENCE)
    for second in range(60):
        handled = position(*range(second + 1))
        assert owed(watch, handled, 1000, second) == []


def test_where_nothing_moves_for_the_patience_all_that_lay_there_is_owed() -> None:
    watch = Watch(PATIENCE)
    assert owed(watch, position(0, 1), 4, 0) == []
    assert owed(watch, position(0, 1), 6, 3) == []
    assert owed(watch, position(0, 1), 8, 5) == [2, 3]  # offsets 4 to 7 came less than 5 s ago
    assert owed(watch, position(0, 1), 8, 8) == [2, 3, 4, 5]


def test_a_log_that_nobody_has_read_at_all_is_owed_after_the_patience() -> None:
    watch = Watch(PATIENCE)
    assert owed(watch, position(), 3, 0) == []
    assert owed(watch, position(), 3, 6) == [0, 1, 2]


def test_logs_are_watched_apart() -> None:
    watch = Watch(PATIENCE)
    other = Position(PLACE._replace(partition=1), 0, Offsets(), 0, 0, 0, START)
    assert owed(watch, position(0, 2), 3, 0) == []
    assert owed(watch, other, 3, 6) == []
    assert owed(watch, position(0, 2), 3, 6) == [1]


@given(st.lists(st.tuples(st.sets(st.integers(0, 30)), st.integers(0, 5), st.floats(0.1, 4)), max_size=12))
def test_only_what_existed_and_was_unhandled_for_the_patience_is_ever_owed(
    looks: list[tuple[set[int], int, float]],
) -> None:
    watch, seconds, end = Watch(PATIENCE), 0.0, 0
    handled: set[int] = set()
    history: list[tuple[float, int]] = []
    for new, growth, pause in looks:
        seconds += pause
        end += growth
        handled |= {offset for offset in new if offset < end}
        found = owed(watch, position(*handled), end, seconds)
        assert not set(found) & handled
        old_end = max((e for when, e in history if when <= seconds - 5 + 1e-9), default=0)
        assert all(offset < max(old_end, 0) for offset in found)
        history.append((seconds, end))


@given(st.sets(st.integers(0, 20)), st.integers(0, 25))
def test_when_all_stands_still_every_gap_is_owed_in_the_end(handled: set[int], end: int) -> None:
    inside = {offset for offset in handled if offset < end}
    watch = Watch(PATIENCE)
    owed(watch, position(*inside), end, 0)
    assert set(owed(watch, position(*inside), end, 5)) == set(range(end)) - inside


def test_ranges_are_counted() -> None:
    assert count((range(2, 5), range(9, 10))) == 4
