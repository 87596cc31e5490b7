# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, assignment"
"""The circles and windows of a scan, and the counts with which they can reach a level, compiled.

numba's cache notices a change to a function's own file, not to what it calls in another: after editing
`general_statistic`, touch this file too.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan.general_statistic import (
    SAME,
    compiled,
    is_high,
    is_low,
    log_likelihood_ratio,
    vectorised,
)


class Field(NamedTuple):
    """What stays the same over replicates.

    order, tied: circles as in `Circles`. row: (k,) int64 the centres' rows. first, after: (k,) int64 the
    entries that a centre's circles may hold. bin: uint8, by entry, class of the circle that ends there.
    cumulative: (locations, horizon + 1) measure of the last 0, 1, ... intervals.
    shortest: intervals of the shortest window. window_first: (lengths + 1,) int64. total: (windows,) float64
    cases that a window's are compared with. persons: cases and controls for the Bernoulli model, else 0.
    min_cases: of a high rate. high, low: which rates are looked for.
    """

    order: npt.NDArray[np.int32]
    tied: npt.NDArray[np.bool_]
    row: npt.NDArray[np.int64]
    first: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]
    bin: npt.NDArray[np.uint8]
    cumulative: npt.NDArray[np.float64]
    shortest: int
    window_first: npt.NDArray[np.int64]
    total: npt.NDArray[np.float64]
    persons: float
    min_cases: int
    high: bool
    low: bool


class Goal(NamedTuple):
    """levels: ascending. reach: (levels, bins, windows) least count of a high rate that can reach the level,
    infinite if none. least: (levels, bins, lengths) the least of reach over the windows of one length. fall:
    as reach, the most of a low rate, -1 if none. Their type is that of the counts."""

    levels: npt.NDArray[np.float64]
    reach: npt.NDArray[np.float32]
    least: npt.NDArray[np.float32]
    fall: npt.NDArray[np.float32]


@compiled
def limit_circles(first, order, tied, row, weight, limit, after):
    """Fill after: (k,), where the largest circle of each row ends, the last of a weight within `limit`."""
    for one in range(len(row)):
        held = 0.0
        at = first[row[one]]
        end = first[row[one] + 1]
        after[one] = at
        while at < end:
            until = at + 1
            while until < end and tied[until]:
                until += 1
            for entry in range(at, until):
                held += weight[order[entry]]
            if held > limit:
                break
            after[one] = until
            at = until


@compiled
def class_circles(first, after, order, tied, weight, edges, bin_of):
    """Fill bin_of, by entry, with the class of the circle that the entry's tie group ends; edges ascend."""
    for one in range(len(first)):
        held = 0.0
        at = first[one]
        while at < after[one]:
            until = at + 1
            while until < after[one] and tied[until]:
                until += 1
            for entry in range(at, until):
                held += weight[order[entry]]
            its = np.searchsorted(edges, held, side="right")
            for entry in range(at, until):
                bin_of[entry] = its
            at = until


@vectorised
def add(held, more):
    for bound in range(len(held)):
        held[bound] += more[bound]


@vectorised
def _bound_row(held, start, ends, long, lowest, highest):
    after, before = held[long : long + ends], held[:ends]
    low, high = lowest[start : start + ends], highest[start : start + ends]
    for end in range(ends):
        measure = after[end] - before[end]
        low[end] = measure if measure < low[end] else low[end]
        high[end] = measure if measure > high[end] else high[end]


@compiled
def bound_measures(field, lowest, highest):
    """Fill lowest, highest: (bins, windows) with the bounds of the measure over the circles of each bin."""
    lowest[:] = np.inf
    highest[:] = -np.inf
    lengths = len(field.window_first) - 1
    held = np.zeros(field.cumulative.shape[1])
    for one in range(len(field.first)):
        held[:] = 0.0
        at = field.first[one]
        last_bin = -1
        while at < field.after[one]:
            until = at + 1
            while until < field.after[one] and field.tied[until]:
                until += 1
            for entry in range(at, until):
                add(held, field.cumulative[field.order[entry]])
            its = np.int64(field.bin[at])
            # Circles grow: the first of a bin is the centre's least, the last its most.
            is_last = until == field.after[one] or field.bin[until] != its
            if its != last_bin or (field.low and is_last):
                for length in range(lengths):
                    start = field.window_first[length]
                    long = field.shortest + length
                    ends = field.window_first[length + 1] - start
                    _bound_row(held, start, ends, long, lowest[its], highest[its])
            last_bin = its
            at = until


@compiled
def fill_reach(levels, lowest, allowed, field, most, reach):
    """Smallest count of each level, bin and window: see `Goal`. The statistic of a count falls as the measure
    rises, so the bin's lowest measure bounds them all; more cases than persons take all persons there are.
    A level is lowered by a hair: rounding must never hide a tie."""
    for level in range(len(levels)):
        target = levels[level] - SAME
        for window in range(lowest.shape[1]):
            total = field.total[window]
            cap = np.int64(min(most, total))
            usual = total / field.persons if field.persons > 0 else 1.0
            for its in range(lowest.shape[0]):
                measure = lowest[its, window]
                reach[level, its, window] = np.inf
                if not allowed[window] or measure == np.inf:
                    continue
                low = max(np.int64(field.min_cases) - 1, np.int64(measure * usual))
                high, step = low + 1, np.int64(1)
                while high <= cap and not _reaches(high, measure, total, field.persons, target):
                    low = high
                    high += step
                    step *= 2
                high = min(high, cap + 1)
                while high - low > 1:
                    middle = (low + high) // 2
                    if _reaches(middle, measure, total, field.persons, target):
                        high = middle
                    else:
                        low = middle
                if high <= cap:
                    reach[level, its, window] = high


@compiled
def _reaches(cases, measure, total, persons, target):
    if persons > 0:
        measure = max(measure, cases)
    return is_high(cases, measure, total, persons) and (
        log_likelihood_ratio(cases, measure, total, persons) >= target
    )


@compiled
def fill_fall(levels, highest, allowed, field, fall):
    """Largest count of each level, bin and window that is low enough: see `Goal`; the bin's highest measure
    bounds them all."""
    for level in range(len(levels)):
        target = levels[level] - SAME
        for window in range(highest.shape[1]):
            total = field.total[window]
            for its in range(highest.shape[0]):
                measure = highest[its, window]
                fall[level, its, window] = -1
                if not allowed[window] or measure <= 0:
                    continue
                low, high = np.int64(-1), np.int64(total) + 1
                while high - low > 1:
                    middle = (low + high) // 2
                    if is_low(middle, measure, total, field.persons) and (
                        log_likelihood_ratio(middle, measure, total, field.persons) >= target
                    ):
                        low = middle
                    else:
                        high = middle
                fall[level, its, window] = low
