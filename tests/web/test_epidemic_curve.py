"""The epidemic curve: every case in its bar, the cluster and the unsettled days where they belong."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.web.epicurve import FLOOR, LEFT, RIGHT, WIDTH, draw_epicurve, first_day

AS_OF = date(2025, 11, 22)


def back(*days: int) -> list[date]:
    return [AS_OF - timedelta(days=d) for d in days]


@given(
    st.lists(st.integers(0, 800)),
    st.lists(st.integers(0, 800)),
    st.integers(0, 400),
    st.floats(0, 60),
)
def test_no_case_is_lost_or_drawn_outside(
    members: list[int], others: list[int], window: int, delay: float
) -> None:
    start = AS_OF - timedelta(days=window)
    curve = draw_epicurve(back(*members), back(*others), start, AS_OF, AS_OF, delay)
    shown = (AS_OF - first_day(start, AS_OF)).days
    assert sum(b.members for b in curve.bars) == sum(1 for d in members if d <= shown)
    assert sum(b.others for b in curve.bars) == sum(1 for d in others if d <= shown)
    for bar in curve.bars:
        assert bar.x >= LEFT
        assert bar.x + bar.width <= WIDTH - RIGHT + 2
        assert bar.width > 0
        assert curve.top - 1e-6 <= bar.others_y <= bar.members_y <= FLOOR
    assert all(bar.last <= AS_OF for bar in curve.bars)


def test_the_curve_shows_90_days_or_three_windows() -> None:
    assert (AS_OF - first_day(AS_OF - timedelta(days=19), AS_OF)).days + 1 == 90
    assert (AS_OF - first_day(AS_OF - timedelta(days=49), AS_OF)).days + 1 == 150


def test_a_bar_per_day_becomes_a_bar_per_week_where_days_would_be_too_thin() -> None:
    assert draw_epicurve([], [], AS_OF - timedelta(days=30), AS_OF, AS_OF, 3).bar_days == 1
    assert draw_epicurve([], [], AS_OF - timedelta(days=364), AS_OF, AS_OF, 3).bar_days % 7 == 0


def test_the_cluster_covers_its_first_and_last_day() -> None:
    curve = draw_epicurve(back(9, 0), [], AS_OF - timedelta(days=9), AS_OF, AS_OF, 0)
    first, last = curve.bars
    assert curve.window.x <= first.x
    assert last.x + last.width <= curve.window.x + curve.window.width
    assert curve.window.x + curve.window.width == pytest.approx(WIDTH - RIGHT)
    assert curve.unsettled is None


def test_the_last_days_that_reports_still_reach_are_marked() -> None:
    curve = draw_epicurve([], [], AS_OF, AS_OF, AS_OF, 6.2)
    assert curve.unsettled_days == 7
    assert curve.unsettled is not None
    assert curve.unsettled.width == pytest.approx(7 * (WIDTH - LEFT - RIGHT) / 90)


def test_few_cases_are_not_drawn_as_tall_bars() -> None:
    curve = draw_epicurve(back(1), [], AS_OF, AS_OF, AS_OF, 0)
    assert curve.bars[0].members_height == pytest.approx((FLOOR - curve.top) / 4)


def test_dates_on_the_axis_begin_with_a_year() -> None:
    curve = draw_epicurve([], [], AS_OF - timedelta(days=49), AS_OF, AS_OF, 0)
    texts = [tick.text for tick in curve.x_ticks]
    assert texts[0].endswith("2025")
    assert all(LEFT <= tick.at <= WIDTH - RIGHT for tick in curve.x_ticks)
