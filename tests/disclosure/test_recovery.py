"""Nobody recovers a small count by combining any set of views, levels and days.

The attacker (attacker.py) solves everything that was published for the range of every small count.
"""

import numpy as np
import pytest
from attacker import (
    Attack,
    Cells,
    Shape,
    as_released,
    by_the_primary_rule_alone,
    leaks,
    without_room_for_periods,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from surveillance.disclosure.protection import LEAST_SHOWN, bounds

POPULATIONS = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def populations(draw: st.DrawFn) -> tuple[Shape, Cells]:
    """Nested areas, periods, sexes and ages, with counts around the threshold of some table."""
    wards = draw(st.lists(st.integers(1, 2), min_size=2, max_size=4))
    district_of_ward = sorted(draw(st.lists(st.integers(0, 1), min_size=len(wards), max_size=len(wards))))
    first = district_of_ward[0]
    ward = tuple(i for i, areas in enumerate(wards) for _ in range(areas))
    shape = Shape(
        districts=tuple(district_of_ward[w] - first for w in ward),
        wards=ward,
        periods=draw(st.integers(1, 4)),
    )
    # Small periods beside large ones: tables whose total is known, over a count that must not be.
    most = draw(st.lists(st.sampled_from([1, 2, 6, 12, 30]), min_size=shape.periods, max_size=shape.periods))
    drawn = draw(arrays(np.int64, (len(ward), shape.periods), elements=st.integers(0, 30)))
    counts = drawn * np.array(most) // 30
    cells = np.zeros(shape.size, np.int64)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    share = draw(st.sampled_from([0.05, 0.25, 0.5]))
    for (area, period), count in np.ndenumerate(counts):
        split = rng.multinomial(count, [share / 2, share / 2, (1 - share) / 2, (1 - share) / 2])
        cells[area, period] = split.reshape(2, 2)
    return shape, cells


@POPULATIONS
@given(populations())
def test_every_small_count_can_be_anything_from_none_to_seven(population: tuple[Shape, Cells]) -> None:
    shape, cells = population
    assert leaks(shape, cells, as_released) == []


@POPULATIONS
@given(populations(), st.integers(0, LEAST_SHOWN - 1))
def test_whoever_knows_the_rules_too_learns_no_more(population: tuple[Shape, Cells], value: int) -> None:
    """For a small count there is a population with any other small value that is published the same way,
    tables that are withheld included."""
    shape, cells = population
    views = as_released(shape, cells)
    attack = Attack(shape, views, withheld=True)
    small = [m for of in shape.counts().values() for m in of.values() if cells[m].sum() < LEAST_SHOWN]
    for count in small[:: max(1, len(small) // 4)]:
        other = attack.population(count, value)
        assert other is not None, f"cannot be {value}"
        assert other[count].sum() == value
        assert as_released(shape, other) == views


@POPULATIONS
@given(populations())
def test_a_count_that_is_never_offered_keeps_eight_other_values(population: tuple[Shape, Cells]) -> None:
    shape, cells = population
    attack = Attack(shape, as_released(shape, cells))
    crossed = [m for m in shape.crossed() if cells[m].sum() < LEAST_SHOWN]
    for count in crossed[:: max(1, len(crossed) // 8)]:
        ends = attack.range(count)
        assert ends is not None
        low, high = ends
        assert high - low >= LEAST_SHOWN or (low == 0 and high >= LEAST_SHOWN - 1)


# --- the attacker has teeth: without a protection, these counts come back -----------------------------------

TWO_DISTRICTS = Shape(districts=(0, 0, 1), wards=(0, 1, 2), periods=2)


def spread(shape: Shape, counts: list[list[int]], women: int) -> Cells:
    """Cases by area and period; the first `women` of all are of the first sex, ages alternate."""
    cells, placed = np.zeros(shape.size, np.int64), 0
    for (area, period), count in np.ndenumerate(np.array(counts)):
        for _ in range(count):
            cells[area, period, 0 if placed < women else 1, placed % 2] += 1
            placed += 1
    return cells


def test_the_primary_rule_alone_gives_small_counts_away() -> None:
    # Two small areas in a district of 13: 13 rounds to 15, which two counts under eight reach only as 6 + 7.
    cells = spread(TWO_DISTRICTS, [[6, 0], [7, 0], [20, 20]], 26)
    assert leaks(TWO_DISTRICTS, cells, by_the_primary_rule_alone) == [
        "ward-0: (6, 7)",
        "ward-1: (6, 7)",
        "area-0: (6, 7)",
        "area-1: (6, 7)",
    ]
    assert leaks(TWO_DISTRICTS, cells, as_released) == []


def test_tables_that_pin_the_total_would_pin_a_small_period() -> None:
    cells = spread(TWO_DISTRICTS, [[4, 4], [0, 0], [3, 5]], 8)  # periods of 7 and 9, districts of 8 and 8
    assert leaks(TWO_DISTRICTS, cells, without_room_for_periods) == ["period-0: (4, 7)"]
    assert leaks(TWO_DISTRICTS, cells, as_released) == []


def test_a_period_published_again_would_tell_of_the_case_that_was_added() -> None:
    """7, then 8 when one late report is in: who knows of that one report knows both counts."""
    shape = Shape(districts=(0, 1), wards=(0, 1), periods=2)
    before, after = (spread(shape, [[n, 30], [0, 30]], 10) for n in (7, 8))
    first, again = as_released(shape, before), as_released(shape, after)
    assert first.periods[0] is None
    assert again.periods[0] == 10
    then, now = bounds(first.periods[0]), bounds(again.periods[0])
    assert (max(then.low, now.low - 1), min(then.high, now.high - 1)) == (7, 7)
    # Hence a stored release never changes: see the tests of releasing.


@pytest.mark.parametrize("women", [8, 16, 30])
def test_a_large_block_is_published_whole(women: int) -> None:
    cells = spread(TWO_DISTRICTS, [[10, 12], [9, 11], [20, 20]], women)
    views = as_released(TWO_DISTRICTS, cells)
    assert all(table is not None for table in views.tables.values())
    assert None not in views.periods
