# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, assignment"
"""The compiled part of the general scan: any model, any windows. All of it releases the interpreter lock.

The measure of a cylinder (what its cases are compared with) is the same in every replicate. So for a level M
of the statistic, each class of circles and each window there is a smallest count that can reach it (for low
rates: a largest). The hot loop compares counts with it, without logarithms, many windows in one instruction;
where a count gets there, the statistic is taken exactly. With high rates a circle that gains no case is not
looked at: its statistics have only fallen.

numba's cache notices a change to a function's own file, not to what it calls in another: after editing
`draw_kernel`, touch this file too.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from surveillance.detection.scan.draw_kernel import draw

compiled = njit(nogil=True, cache=True, error_model="numpy")
# Sums of counts are exact in any order, so the compiler may do many at once.
vectorised = njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc", "contract"}
)

# Statistics closer than this are equal: rounding must neither make nor break a tie.
SAME = 1e-9
# Below this there is nothing to speak of.
LOWEST = 1e-4


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
    infinite if none. fall: likewise the most of a low rate, -1 if none; their type is that of the counts."""

    levels: npt.NDArray[np.float64]
    reach: npt.NDArray[np.float32]
    fall: npt.NDArray[np.float32]


class Events(NamedTuple):
    """Cases of some replicates. first: (locations * replicates + 1,) int64 where those of a location and
    replicate start. age: int64. cases: how many, of the type of the counts."""

    first: npt.NDArray[np.int64]
    age: npt.NDArray[np.int64]
    cases: npt.NDArray[np.float32]
    replicates: int


@compiled
def log_likelihood_ratio(cases, measure, total, persons):
    """Poisson: c ln(c/mu) + (C-c) ln((C-c)/(C-mu)), mu the measure. Bernoulli: that of Kulldorff (1997) for
    c of `measure` persons inside and C-c of the others. Infinite where that cannot be (bounds only)."""
    if persons > 0:
        inside, outside = measure - cases, (persons - measure) - (total - cases)
        if inside < 0 or outside < 0:
            return np.inf
        return (
            _entropy(cases, measure)
            + _entropy(inside, measure)
            + _entropy(total - cases, persons - measure)
            + _entropy(outside, persons - measure)
            - _entropy(total, persons)
            - _entropy(persons - total, persons)
        )
    if measure <= 0:
        return np.inf if cases > 0 else 0.0
    if total - cases > 0 and total - measure <= 0:
        return np.inf
    return _entropy(cases, measure) + _entropy(total - cases, total - measure)


@compiled
def _entropy(part, whole):
    """part ln(part / whole); 0 ln 0 is 0."""
    return part * np.log(part / whole) if part > 0 else 0.0


@compiled
def _is_high(cases, measure, total, persons):
    return cases * persons > measure * total if persons > 0 else cases > measure


@compiled
def _is_low(cases, measure, total, persons):
    return cases * persons < measure * total if persons > 0 else cases < measure


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
                held += field.cumulative[field.order[entry]]
            its = np.int64(field.bin[at])
            # Circles grow: the first of a bin is the centre's least, the last its most.
            is_last = until == field.after[one] or field.bin[until] != its
            if its != last_bin or (field.low and is_last):
                for length in range(lengths):
                    start = field.window_first[length]
                    long = field.shortest + length
                    for end in range(field.window_first[length + 1] - start):
                        measure = held[end + long] - held[end]
                        lowest[its, start + end] = min(lowest[its, start + end], measure)
                        highest[its, start + end] = max(highest[its, start + end], measure)
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
    return _is_high(cases, measure, total, persons) and (
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
                    if _is_low(middle, measure, total, field.persons) and (
                        log_likelihood_ratio(middle, measure, total, field.persons) >= target
                    ):
                        low = middle
                    else:
                        high = middle
                fall[level, its, window] = low


@vectorised
def _row_reaches(count, start, ends, long, need):
    """Whether any window of one length has the count it needs."""
    gap = count[long] - count[0] - need[start]
    for end in range(1, ends):
        gap = max(gap, count[end + long] - count[end] - need[start + end])
    return gap >= 0


@vectorised
def _row_falls(count, start, ends, long, most):
    gap = most[start] - (count[long] - count[0])
    for end in range(1, ends):
        gap = max(gap, most[start + end] - (count[end + long] - count[end]))
    return gap >= 0


@vectorised
def _any_reaches(count, shortest, lengths, need):
    """Whether any window that ends last has the count it needs."""
    gap = count[shortest] - need[0]
    for length in range(1, lengths):
        gap = max(gap, count[shortest + length] - need[length])
    return gap >= 0


@compiled
def scan(field, goal, events, keep, best, where):
    """The highest statistic of each replicate (keep False) or of each centre of one replicate (keep True).

    best: (replicates,) or (k,). where: (k, 4) int64, filled if `keep`: the entry that ends the circle, how
    many intervals ago the window ends, its length, its cases. Of equal statistics of a centre the smaller
    circle wins, then the window that ends first, then the shorter one, as SaTScan comes by them.
    """
    replicates = events.replicates
    level = np.zeros(replicates, np.int64)
    count = np.zeros((replicates, field.cumulative.shape[1]), goal.reach.dtype)
    held = np.zeros(field.cumulative.shape[1])
    for one in range(len(field.first)):
        held[:] = 0.0
        count[:] = 0
        at = field.first[one]
        if keep:
            level[0] = 0
        while at < field.after[one]:
            until = at + 1
            while until < field.after[one] and field.tied[until]:
                until += 1
            for entry in range(at, until):
                held += field.cumulative[field.order[entry]]
            its = np.int64(field.bin[at])
            for replicate in range(replicates):
                gained = False
                for entry in range(at, until):
                    key = np.int64(field.order[entry]) * replicates + replicate
                    for event in range(events.first[key], events.first[key + 1]):
                        more = events.cases[event]
                        for bound in range(events.age[event] + 1, count.shape[1]):
                            count[replicate, bound] += more
                        gained = True
                slot = one if keep else replicate
                for high in (True, False):
                    if (field.high and gained) if high else field.low:
                        rung = level[replicate]
                        _look(
                            high,
                            field,
                            goal,
                            count[replicate],
                            held,
                            rung,
                            its,
                            until,
                            slot,
                            keep,
                            best,
                            where,
                        )
                        level[replicate] = _climb(goal.levels, rung, best[slot])
            at = until


@compiled
def _climb(levels, level, best):
    while level + 1 < len(levels) and levels[level + 1] <= best:
        level += 1
    return level


@compiled
def _look(high, field, goal, count, held, level, its, until, slot, keep, best, where):
    """Compare the windows of one circle with what they need; raise the best statistic where they excel."""
    need = goal.reach[level, its] if high else goal.fall[level, its]
    lengths = len(field.window_first) - 1
    one_end = high and field.window_first[lengths] == lengths
    if one_end and not _any_reaches(count, field.shortest, lengths, need):
        return
    for length in range(lengths):
        start = field.window_first[length]
        ends = field.window_first[length + 1] - start
        long = field.shortest + length
        if high:
            if not _row_reaches(count, start, ends, long, need):
                continue
        elif not _row_falls(count, start, ends, long, need):
            continue
        for end in range(ends - 1, -1, -1):
            cases = np.float64(count[end + long] - count[end])
            if (high and cases < need[start + end]) or (not high and cases > need[start + end]):
                continue
            measure = held[end + long] - held[end]
            total = field.total[start + end]
            if high:
                if not _is_high(cases, measure, total, field.persons):
                    continue
            elif measure <= 0 or not _is_low(cases, measure, total, field.persons):
                continue
            value = log_likelihood_ratio(cases, measure, total, field.persons)
            if value < LOWEST:
                continue
            if value > best[slot] + SAME or (
                keep and value >= best[slot] - SAME and _precedes(end, long, until, where[slot])
            ):
                best[slot] = max(value, best[slot])
                if keep:
                    where[slot, 0], where[slot, 1], where[slot, 2] = until - 1, end, long
                    where[slot, 3] = np.int64(cases)


@compiled
def _precedes(end, long, until, kept):
    """Whether SaTScan would come by this window of the same circle before the one kept."""
    return until - 1 == kept[0] and (end > kept[1] or (end == kept[1] and long < kept[2]))


@compiled
def scan_replicates(seed, first, null, field, goal, dense, best):
    """Draw replicates `first` to `first` + len(best) - 1 and find the highest statistic of each."""
    horizon = field.cumulative.shape[1] - 1
    places = len(field.cumulative)
    replicates = len(best)
    most = np.int64(len(null.item_age))
    for drawn in null.draws:
        most += drawn
    members = np.empty(len(null.pool_place) if len(null.item_age) else 0, np.int64)
    place, age = np.empty((replicates, most), np.int64), np.empty((replicates, most), np.int64)
    number = np.zeros((replicates, most), goal.reach.dtype)
    found = np.zeros(replicates, np.int64)
    cells = np.zeros(places * horizon if dense else 0, np.int64)
    for replicate in range(replicates):
        drawn = draw(seed, first + replicate, null, horizon, members, place[replicate], age[replicate])
        number[replicate, :drawn] = 1
        if dense:
            drawn = _merge(cells, horizon, drawn, place[replicate], age[replicate], number[replicate])
        found[replicate] = drawn
    events = sort_events(places, found, place, age, number)
    where = np.zeros((1, 4), np.int64)
    scan(field, goal, events, False, best, where)


@compiled
def _merge(cells, horizon, drawn, place, age, number):
    """Join the cases of one place and age, in place; how many remain."""
    cells[:] = 0
    for one in range(drawn):
        cells[place[one] * horizon + age[one]] += 1
    merged = 0
    for cell in range(len(cells)):
        if cells[cell] > 0:
            place[merged], age[merged], number[merged] = cell // horizon, cell % horizon, cells[cell]
            merged += 1
    return merged


@compiled
def sort_events(places, found, place, age, number):
    """Events of some replicates, by place and then replicate."""
    replicates = len(found)
    first = np.zeros(places * replicates + 1, np.int64)
    for replicate in range(replicates):
        for one in range(found[replicate]):
            first[place[replicate, one] * replicates + replicate + 1] += 1
    for key in range(places * replicates):
        first[key + 1] += first[key]
    its_age, its_number = np.empty(first[-1], np.int64), np.empty(first[-1], number.dtype)
    free = first[:-1].copy()
    for replicate in range(replicates):
        for one in range(found[replicate]):
            key = place[replicate, one] * replicates + replicate
            its_age[free[key]], its_number[free[key]] = age[replicate, one], number[replicate, one]
            free[key] += 1
    return Events(first, its_age, its_number, replicates)
