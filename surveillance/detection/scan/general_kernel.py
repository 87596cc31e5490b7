# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, assignment"
"""The compiled hot part of the general scan: any model, any windows. All of it releases the interpreter lock.

The measure of a cylinder (what its cases are compared with) is the same in every replicate. So for a level M
of the statistic, each class of circles and each window there is a smallest count that can reach it (for low
rates: a largest). The hot loop compares counts with it, without logarithms, many windows in one instruction;
where a count gets there, the statistic is taken exactly. With high rates only windows that hold a case the
circle has just gained are looked at: the statistics of all others have only fallen.

numba's cache notices a change to a function's own file, not to what it calls in another: after editing
`draw_kernel`, `general_bounds` or `general_statistic`, touch this file too.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan.draw_kernel import draw
from surveillance.detection.scan.general_bounds import add
from surveillance.detection.scan.general_statistic import (
    LOWEST,
    SAME,
    compiled,
    is_high,
    is_low,
    log_likelihood_ratio,
    vectorised,
)


class Events(NamedTuple):
    """Cases of some replicates. first: (locations * replicates + 1,) int64 where those of a location and
    replicate start. age: int64. cases: how many, of the type of the counts."""

    first: npt.NDArray[np.int64]
    age: npt.NDArray[np.int64]
    cases: npt.NDArray[np.float32]
    replicates: int


class Best(NamedTuple):
    """What is kept. value: (replicates,) float64 the highest statistic of each, or with `by_centre` (k,) that
    of each centre of one replicate. where: (k, 4) int64, then: the entry that ends the circle, how many
    intervals ago the window ends, its length, its cases."""

    value: npt.NDArray[np.float64]
    where: npt.NDArray[np.int64]
    by_centre: bool


# Views that start at 0, and sums of comparisons: the form in which the compiler does many windows at once.
@vectorised
def _row_reaches(count, start, ends, long, need):
    """Whether any of some windows of one length has the count it needs."""
    after, before, needed = count[long : long + ends], count[:ends], need[start : start + ends]
    reached = 0
    for end in range(ends):
        reached += after[end] - before[end] >= needed[end]
    return reached > 0


@vectorised
def _row_falls(count, start, ends, long, most):
    after, before, allowed = count[long : long + ends], count[:ends], most[start : start + ends]
    fallen = 0
    for end in range(ends):
        fallen += after[end] - before[end] <= allowed[end]
    return fallen > 0


@vectorised
def _any_reaches(count, shortest, lengths, need):
    """Whether any window that ends last has the count it needs."""
    cases = count[shortest : shortest + lengths]
    reached = 0
    for length in range(lengths):
        reached += cases[length] >= need[length]
    return reached > 0


@vectorised
def _gain(count, age, more):
    """A case of an age counts in every window that reaches further back."""
    later = count[age + 1 :]
    for bound in range(len(later)):
        later[bound] += more


@compiled
def scan(field, goal, events, best):
    """The highest statistics, into `best`.

    Of equal statistics of a centre the smaller circle wins, then the window that ends first, then the shorter
    one, as SaTScan comes by them.
    """
    replicates = events.replicates
    lengths = len(field.window_first) - 1
    margin = field.shortest + lengths - 1
    one_end = field.high and field.window_first[lengths] == lengths
    level = np.zeros(replicates, np.int64)
    held = np.zeros(field.cumulative.shape[1])
    # Room on both sides of the cumulative counts, so that no window needs its bounds checked.
    count = np.zeros((replicates, len(held) + 2 * margin), goal.reach.dtype)
    for one in range(len(field.first)):
        held[:] = 0.0
        count[:] = 0
        if best.by_centre:
            level[0] = 0
        at = field.first[one]
        while at < field.after[one]:
            until = at + 1
            while until < field.after[one] and field.tied[until]:
                until += 1
            for entry in range(at, until):
                add(held, field.cumulative[field.order[entry]])
            its = np.int64(field.bin[at])
            for replicate in range(replicates):
                # In place: most circles gain nothing in most replicates, and a call costs more than looking.
                gained = 0
                for entry in range(at, until):
                    key = np.int64(field.order[entry]) * replicates + replicate
                    for event in range(events.first[key], events.first[key + 1]):
                        _gain(count[replicate, margin:], events.age[event], events.cases[event])
                        gained += 1
                rung, slot = level[replicate], one if best.by_centre else replicate
                if one_end and gained > 0:
                    gained = 0
                    for length in range(lengths):
                        cases = count[replicate, margin + field.shortest + length]
                        gained += cases >= goal.reach[rung, its, length]
                elif field.high and gained > 0 and gained * lengths <= field.window_first[1]:
                    near = 0
                    for entry in range(at, until):
                        key = np.int64(field.order[entry]) * replicates + replicate
                        for event in range(events.first[key], events.first[key + 1]):
                            here = margin + events.age[event]
                            for length in range(lengths):
                                long = field.shortest + length
                                cases = count[replicate, here + long] - count[replicate, here + 1 - long]
                                near += cases >= goal.least[rung, its, length]
                    gained = gained if near > 0 else 0
                if gained > 0 or field.low:
                    _compare(
                        field,
                        goal,
                        events,
                        replicate,
                        at,
                        until,
                        gained,
                        rung,
                        count[replicate],
                        held,
                        slot,
                        best,
                    )
                    while rung + 1 < len(goal.levels) and goal.levels[rung + 1] <= best.value[slot]:
                        rung += 1
                    level[replicate] = rung
            at = until


@compiled
def _compare(field, goal, events, replicate, at, until, gained, rung, padded, held, slot, best):
    """Look at the windows of a circle that has just taken in the locations of one distance."""
    its, lengths = np.int64(field.bin[at]), len(field.window_first) - 1
    margin = field.shortest + lengths - 1
    if field.low:
        _look(False, field, goal.fall[rung, its], padded[margin:], held, until, slot, best)
    if not field.high or gained == 0:
        return
    need, least = goal.reach[rung, its], goal.least[rung, its]
    if gained * lengths > field.window_first[1]:
        _look(True, field, need, padded[margin:], held, until, slot, best)
        return
    for entry in range(at, until):
        key = np.int64(field.order[entry]) * events.replicates + replicate
        for event in range(events.first[key], events.first[key + 1]):
            _look_near(events.age[event], field, need, least, padded, margin, held, until, slot, best)


@compiled
def _look(high, field, need, count, held, until, slot, best):
    """Compare all windows of one circle with what they need."""
    lengths = len(field.window_first) - 1
    one_end = high and field.window_first[lengths] == lengths
    if one_end and not _any_reaches(count, field.shortest, lengths, need):
        return
    for length in range(lengths):
        start = field.window_first[length]
        ends = field.window_first[length + 1] - start
        long = field.shortest + length
        if (high and _row_reaches(count, start, ends, long, need)) or (
            not high and _row_falls(count, start, ends, long, need)
        ):
            _excel(high, field, need, count, held, length, 0, ends, until, slot, best)


@compiled
def _look_near(age, field, need, least, padded, margin, held, until, slot, best):
    """Compare the windows of one circle that hold an age with what they need.

    Those of one length lie within that length of the age: if all cases there are too few for any, none can.
    """
    count = padded[margin:]
    for length in range(len(least)):
        long = field.shortest + length
        if padded[margin + age + long] - padded[margin + age + 1 - long] < least[length]:
            continue
        start = field.window_first[length]
        low = max(np.int64(0), age + 1 - long)
        high = min(age + 1, field.window_first[length + 1] - start)
        if high > low and _row_reaches(padded[margin + low :], start + low, high - low, long, need):
            _excel(True, field, need, count, held, length, low, high, until, slot, best)


@compiled
def _excel(high, field, need, count, held, length, low, after, until, slot, best):
    """Take the statistics of windows of one length that have what they need; keep the best."""
    start, long = field.window_first[length], field.shortest + length
    for end in range(after - 1, low - 1, -1):
        cases = np.float64(count[end + long] - count[end])
        if (high and cases < need[start + end]) or (not high and cases > need[start + end]):
            continue
        measure, total = held[end + long] - held[end], field.total[start + end]
        if high and not is_high(cases, measure, total, field.persons):
            continue
        if not high and (measure <= 0 or not is_low(cases, measure, total, field.persons)):
            continue
        value = log_likelihood_ratio(cases, measure, total, field.persons)
        if value < LOWEST:
            continue
        if value > best.value[slot] + SAME or (
            best.by_centre
            and value >= best.value[slot] - SAME
            and _precedes(end, long, until, best.where[slot])
        ):
            best.value[slot] = max(value, best.value[slot])
            if best.by_centre:
                best.where[slot, 0], best.where[slot, 1] = until - 1, end
                best.where[slot, 2], best.where[slot, 3] = long, np.int64(cases)


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
    scan(field, goal, events, Best(best, where, False))


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
