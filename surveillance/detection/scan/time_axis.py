"""Time cut into intervals, counted back from the last day, and the windows made of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from math import floor

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan.analysis import Analysis, TimeUnit

Ints = npt.NDArray[np.int64]

# SaTScan lets a window be at most half the study unless told otherwise (User Guide, "Temporal Window").
DEFAULT_WINDOW_SHARE = 0.5


@dataclass(frozen=True, eq=False)
class TimeAxis:
    """The intervals of a study. starts: their first days, ascending, and at the end the day after the study.

    Intervals are whole units counted back from the last day, as in SaTScan; what is left at the beginning
    and shorter than a unit belongs to the first interval, which is then longer than the others.
    """

    starts: tuple[date, ...]
    unit: TimeUnit

    @property
    def intervals(self) -> int:
        return len(self.starts) - 1

    def interval_of(self, days: npt.NDArray[np.int32]) -> Ints:
        """Number of the interval of each day; days are counted from the start of the study."""
        offsets = [(start - self.starts[0]).days for start in self.starts[1:-1]]
        return np.searchsorted(offsets, days, side="right").astype(np.int64)

    def bounds_days(self) -> Ints:
        """(intervals + 1,) days from the start of the study to the start of each interval, and to its end."""
        return np.array([(start - self.starts[0]).days for start in self.starts], np.int64)

    def span(self, end_age: int, length: int) -> tuple[date, date]:
        """First and last day of the window of `length` intervals that ends `end_age` intervals ago."""
        after = self.intervals - end_age
        return self.starts[after - length], self.starts[after] - timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Windows:
    """The windows looked at: each ends `end_age` intervals before the last and is so many intervals long.

    Laid flat, all windows of the shortest length first, in each length those that end last first.
    shortest, longest: lengths in intervals. first: (lengths + 1,) int64 where each length starts.
    allowed: (windows,) bool; an earlier analysis of a growing study has shorter windows.
    """

    shortest: int
    longest: int
    first: Ints
    allowed: npt.NDArray[np.bool_]

    @property
    def horizon(self) -> int:
        """How many of the last intervals any window reaches."""
        ends = np.diff(self.first)
        return int((ends + np.arange(self.shortest, self.longest + 1) - 1).max())

    def flat(self) -> tuple[Ints, Ints]:
        """(windows,) end_age and length of every window, in the flat order."""
        sizes = np.diff(self.first)
        lengths = np.repeat(np.arange(self.shortest, self.longest + 1), sizes)
        return np.arange(self.first[-1]) - np.repeat(self.first[:-1], sizes), lengths


def make_time_axis(start: date, end: date, analysis: Analysis) -> TimeAxis:
    """Cut a study into intervals of the analysis's unit; a purely spatial one is a single interval.

    Raises ValueError for a study that ends before it starts, or with only one interval.
    """
    if end < start:
        raise ValueError(f"end: {end} is before the start ({start}); swap them")
    after = end + timedelta(days=1)
    if analysis.span == "spatial":
        return TimeAxis((start, after), analysis.time_unit)
    starts = [after]
    for back in _counted_back(after, analysis.time_unit):
        if back < start:
            break
        starts.append(back)
    if len(starts) < 3:
        raise ValueError(
            f"time_unit: {start} to {end} is not two {analysis.time_unit}s long; take a shorter unit or a "
            "longer study, or ask for a spatial analysis"
        )
    return TimeAxis((start, *reversed(starts[:-1])), analysis.time_unit)


def make_windows(axis: TimeAxis, analysis: Analysis) -> tuple[Windows, Windows]:
    """The windows that are looked at in the study, and those whose highest statistic chance is given.

    They differ where earlier analyses are allowed for: a replicate is scanned for every window that ends in
    the interval of `earlier_analyses_since` or later (SaTScan: "Adjust for Earlier Analyses").
    Raises ValueError where no window fits.
    """
    intervals = axis.intervals
    if analysis.span == "spatial":
        whole = _windows(1, np.array([1]))
        return whole, whole
    if analysis.span != "prospective":
        longest = np.full(intervals, _longest(axis, analysis, intervals))
        every = _windows(analysis.min_window, np.minimum(longest, intervals - np.arange(intervals)))
        return every, every
    longest = np.array(
        [_longest(axis, analysis, intervals - age) for age in range(_earlier_ends(axis, analysis) + 1)]
    )
    longest = np.minimum(longest, intervals - np.arange(len(longest)))
    return _windows(analysis.min_window, longest[:1]), _windows(analysis.min_window, longest)


def _windows(shortest: int, longest: Ints) -> Windows:
    """longest: most intervals in a window, by how many intervals ago it ends."""
    lengths = np.arange(shortest, longest.max() + 1)
    fits = longest[None, :] >= lengths[:, None]
    ends = np.array([np.flatnonzero(row)[-1] + 1 for row in fits])
    allowed = np.concatenate([row[:size] for row, size in zip(fits, ends, strict=True)])
    first = np.concatenate([[0], np.cumsum(ends)]).astype(np.int64)
    return Windows(shortest, int(lengths[-1]), first, allowed)


def _longest(axis: TimeAxis, analysis: Analysis, intervals: int) -> int:
    """Most intervals in a window of a study of the first so many intervals."""
    if analysis.max_window is not None:
        longest = analysis.max_window
    else:
        share = analysis.max_window_share or DEFAULT_WINDOW_SHARE
        longest = _units(axis.starts[0], axis.starts[intervals], axis.unit, share)
    if min(longest, intervals) < analysis.min_window:
        raise ValueError(
            f"max_window: no window of {analysis.min_window} to {longest} {axis.unit}s fits into "
            f"{axis.starts[0]} to {axis.starts[intervals] - timedelta(days=1)}; allow longer windows"
        )
    return longest


def _earlier_ends(axis: TimeAxis, analysis: Analysis) -> int:
    """How many intervals before the last the first of the earlier analyses ended."""
    since = analysis.earlier_analyses_since
    if since is None:
        return 0
    if not axis.starts[0] <= since < axis.starts[-1]:
        raise ValueError(
            f"earlier_analyses_since: {since} is outside the study ({axis.starts[0]} to "
            f"{axis.starts[-1] - timedelta(days=1)})"
        )
    return sum(start > since for start in axis.starts[1:-1])


def _units(start: date, after: date, unit: TimeUnit, share: float) -> int:
    """Whole units in a share of the days from `start` to before `after`; a unit cut short counts in part."""
    if unit in ("day", "week"):
        days = floor((after - start).days * share + 1e-9)
        return days if unit == "day" else days // 7
    units = 0.0
    for back in _counted_back(after, unit):
        if back < start:
            whole = _month_days(start) if unit == "month" else _year_days(start)
            units += (whole - (start - back).days) / whole
            break
        units += 1
        if back == start:
            break
    return floor(units * share + 1e-9)


def _counted_back(after: date, unit: TimeUnit) -> Iterator[date]:
    """The days one, two, ... units before `after`.

    A month or year back from a day that the month reached does not have is the first of the month after it:
    from the 31st of March back, the 1st of March. From a month's last day it stays at months' ends.
    """
    steps = 0
    while True:
        steps += 1
        if unit in ("day", "week"):
            yield after - timedelta(days=steps * (1 if unit == "day" else 7))
            continue
        months = after.year * 12 + after.month - 1 - steps * (1 if unit == "month" else 12)
        if months < 12:
            return
        yield _day_of_month(months, _kept_day(after))


def _kept_day(after: date) -> int:
    if after.day <= 28 and after.day != _month_days(after):
        return after.day
    if after.day != _month_days(after) or (after.month, after.day) == (2, 29):
        return after.day
    return 31


def _day_of_month(months: int, day: int) -> date:
    first = date(months // 12, months % 12 + 1, 1)
    return first + timedelta(days=min(day - 1, _month_days(first)))


def _year_days(day: date) -> int:
    return (date(day.year + 1, 1, 1) - date(day.year, 1, 1)).days


def _month_days(day: date) -> int:
    after = date(day.year + day.month // 12, day.month % 12 + 1, 1)
    return (after - date(day.year, day.month, 1)).days
