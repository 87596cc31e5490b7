"""Intervals counted back from the last day, and windows made of them."""

from datetime import date

import numpy as np
import pytest

from surveillance.detection.scan.analysis import Analysis
from surveillance.detection.scan.time_axis import make_time_axis, make_windows


def _starts(start, end, unit, span="retrospective"):
    return make_time_axis(start, end, Analysis("poisson", span, time_unit=unit)).starts


@pytest.mark.parametrize(
    ("start", "end", "unit", "starts"),
    [
        # What is shorter than a unit belongs to the first interval.
        (
            date(2024, 1, 1),
            date(2024, 1, 23),
            "week",
            ["2024-01-01", "2024-01-10", "2024-01-17", "2024-01-24"],
        ),
        (
            date(2024, 1, 10),
            date(2024, 4, 30),
            "month",
            ["2024-01-10", "2024-03-01", "2024-04-01", "2024-05-01"],
        ),
        (date(2024, 1, 15), date(2024, 3, 14), "month", ["2024-01-15", "2024-02-15", "2024-03-15"]),
        # From the 31st back: the first of the month after one that has no 31st.
        (
            date(2024, 1, 31),
            date(2024, 5, 30),
            "month",
            ["2024-01-31", "2024-03-01", "2024-03-31", "2024-05-01", "2024-05-31"],
        ),
        (
            date(2021, 3, 1),
            date(2024, 2, 28),
            "year",
            ["2021-03-01", "2022-03-01", "2023-03-01", "2024-02-29"],
        ),
        (
            date(1973, 1, 1),
            date(1975, 12, 31),
            "year",
            ["1973-01-01", "1974-01-01", "1975-01-01", "1976-01-01"],
        ),
    ],
)
def test_intervals_are_whole_units_counted_back_from_the_last_day(start, end, unit, starts):
    assert [day.isoformat() for day in _starts(start, end, unit)] == starts


def test_every_day_is_in_the_interval_whose_days_hold_it():
    axis = make_time_axis(date(2024, 1, 10), date(2024, 4, 30), Analysis("poisson", "temporal", "month"))
    days = np.array([0, 50, 51, 81, 82, 111], np.int32)
    assert axis.interval_of(days).tolist() == [0, 0, 1, 1, 2, 2]


def test_a_spatial_study_is_one_interval_and_one_window():
    analysis = Analysis("poisson", "spatial")
    axis = make_time_axis(date(2024, 1, 1), date(2024, 12, 30), analysis)
    assert axis.intervals == 1
    looked, null = make_windows(axis, analysis)
    assert looked is null
    assert axis.span(0, 1) == (date(2024, 1, 1), date(2024, 12, 30))


def test_a_study_shorter_than_two_units_is_refused():
    with pytest.raises(ValueError, match="time_unit: 2024-01-01 to 2024-01-31 is not two months long"):
        _starts(date(2024, 1, 1), date(2024, 1, 31), "month")
    with pytest.raises(ValueError, match="end: 2023-12-31 is before the start"):
        _starts(date(2024, 1, 1), date(2023, 12, 31), "day")


@pytest.mark.parametrize(
    ("unit", "start", "end", "share", "longest"),
    [
        ("year", date(1973, 1, 1), date(1991, 12, 31), 0.5, 9),
        ("day", date(2024, 1, 1), date(2024, 1, 25), 0.5, 12),
        ("week", date(2024, 1, 1), date(2024, 1, 27), 0.5, 1),
        # Two and a half months and a bit count as such, not as two intervals.
        ("month", date(2024, 1, 15), date(2024, 4, 30), 0.6, 2),
    ],
)
def test_the_longest_window_is_a_share_of_the_study_in_whole_units(unit, start, end, share, longest):
    analysis = Analysis("poisson", "retrospective", time_unit=unit, max_window_share=share)
    windows, _ = make_windows(make_time_axis(start, end, analysis), analysis)
    assert windows.longest == longest


def test_without_a_limit_windows_are_up_to_half_the_study_long():
    analysis = Analysis("poisson", "retrospective")
    assert (
        make_windows(make_time_axis(date(2024, 1, 1), date(2024, 1, 21), analysis), analysis)[0].longest == 10
    )


def test_earlier_analyses_add_the_windows_that_ended_since():
    analysis = Analysis(
        "permutation", "prospective", max_window=3, min_window=2, earlier_analyses_since=date(2024, 1, 8)
    )
    axis = make_time_axis(date(2024, 1, 1), date(2024, 1, 10), analysis)
    looked, null = make_windows(axis, analysis)
    assert [tuple(pair) for pair in np.stack(looked.flat()).T.tolist()] == [(0, 2), (0, 3)]
    assert [tuple(pair) for pair in np.stack(null.flat()).T.tolist()] == [
        (age, length) for length in (2, 3) for age in (0, 1, 2)
    ]


def test_earlier_analyses_of_a_growing_study_had_shorter_windows():
    analysis = Analysis(
        "permutation", "prospective", max_window_share=0.5, earlier_analyses_since=date(2024, 1, 8)
    )
    _, null = make_windows(make_time_axis(date(2024, 1, 1), date(2024, 1, 10), analysis), analysis)
    ends, lengths = null.flat()
    longest = {int(age): int(lengths[(ends == age) & null.allowed].max()) for age in range(3)}
    assert longest == {0: 5, 1: 4, 2: 4}


def test_earlier_analyses_before_the_study_are_refused():
    analysis = Analysis("permutation", "prospective", earlier_analyses_since=date(2023, 12, 31))
    with pytest.raises(ValueError, match="earlier_analyses_since: 2023-12-31 is outside the study"):
        make_windows(make_time_axis(date(2024, 1, 1), date(2024, 1, 10), analysis), analysis)
