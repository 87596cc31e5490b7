# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""The compiled part of the permutation scan. Everything here releases the interpreter lock.

What makes it fast, without giving up exactness:
- The expected counts are the same in every replicate, so for a level M of the statistic and each class of
  circles there is a smallest count that can reach it. The hot loop compares counts; logarithms are taken
  only where a count gets there.
- A replicate draws only the cases of the last W days. A location drawn has one row of cumulative counts,
  a lane per window length, packed into 64-bit words: one addition moves a circle on by one location for
  all its windows, one more compares them all.
- The rows of many replicates lie together, location after location. A centre's circles grow once for all of
  them, and only where a replicate has a case is anything done.
"""

from math import gcd
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan import lanes
from surveillance.detection.scan.expectation import compiled, expected_in, log_likelihood_ratio
from surveillance.detection.scan.replicates import BLOCK_WORDS, draw_all, leave_out_finished, rows_of


class Ground(NamedTuple):
    """What stays the same over replicates.

    first, order, tied: the circles, as in `circles.Circles`. stop: (k,) int64 where a centre's circles end.
    bin: (m,) uint8 or uint16 class of the circle that ends here in the order, or with its ties. weight:
    (locations, strata) int64, the cases of each location. share: (strata, windows, 2) recent and all cases.
    lane_bits: 8, 16 or 32. guard: the highest bit of every lane.
    """

    first: npt.NDArray[np.int64]
    stop: npt.NDArray[np.int64]
    order: npt.NDArray[np.int32]
    tied: npt.NDArray[np.bool_]
    bin: npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
    weight: npt.NDArray[np.int64]
    share: npt.NDArray[np.float64]
    total: float
    lane_bits: int
    guard: np.uint64


class Goal(NamedTuple):
    """What to look for.

    levels: ascending. reach: (levels, bins, windows) int64 smallest count that can reach the level.
    gap: uint64 guard - reach in every lane, level after level, in each its blocks, their bins, their words:
    adding the count sets the guard bit where it gets there. After the last level comes one that nothing
    reaches. Flat, since a view in a loop costs more than the loop. keep_highest: find the highest statistic,
    else only the levels reached.
    """

    levels: npt.NDArray[np.float64]
    reach: npt.NDArray[np.int64]
    gap: npt.NDArray[np.uint64]
    blocks: int
    keep_highest: bool


_ONE = np.uint64(1)
_BLOCK_WORDS = np.uint64(BLOCK_WORDS)


@compiled
def cases_in(ground, start, after):
    """(strata,) cases of the circle order[start:after]."""
    inside = np.zeros(ground.weight.shape[1], np.int64)
    for entry in range(start, after):
        for stratum in range(len(inside)):
            inside[stratum] += ground.weight[ground.order[entry], stratum]
    return inside


@compiled
def _improve(counts, at, centre, entry, first_lane, reach, ground, best, where):
    """Exact statistics of the windows of one block whose count can reach the level; keeps the highest."""
    per_word = 64 // ground.lane_bits
    mask = (_ONE << np.uint64(ground.lane_bits)) - _ONE
    after = entry + 1
    while after < ground.first[centre + 1] and ground.tied[after]:
        after += 1
    inside = cases_in(ground, ground.first[centre], after)
    for lane in range(per_word * BLOCK_WORDS):
        window = first_lane + lane
        if window >= ground.share.shape[1]:
            break
        word = counts[at + lane // per_word]
        count = np.int64((word >> np.uint64((lane % per_word) * ground.lane_bits)) & mask)
        if count < reach[window]:
            continue
        statistic = log_likelihood_ratio(count, expected_in(inside, ground.share, window), ground.total)
        if statistic > best:
            best = statistic
            where[0], where[1], where[2] = after, window, count
    return best


@compiled
def _scan_centre(centre, first_row, replicate_of, rows, ground, goal, held, events, level, best, where):
    """Move every replicate on by all circles of one centre: its levels reached, its highest statistic.

    The circle grows from one location with rows to the next; each replicate with a row there adds it to what
    it holds, for all windows at once, and compares. One long function, since a call in these loops costs more
    than its work, and so does the check for negative indexes: those of the innermost loop are unsigned.
    held, events: scratch, the words of every replicate and the places in the order.
    """
    order, bin_of = ground.order, ground.bin
    levels, blocks, bins = len(goal.levels), goal.blocks, goal.reach.shape[1]
    gap, guard, below = goal.gap, ground.guard, int(goal.keep_highest)
    gap_at = np.empty(len(level), np.uint64)
    found = 0
    for entry in range(ground.first[centre], ground.stop[centre]):
        events[found] = entry
        found += first_row[order[entry] + 1] > first_row[order[entry]]
    for block in range(blocks):
        held[:] = 0
        for one in range(len(level)):
            # For the highest, look for anything above it: the last level it reached is just below.
            look = max(level[one] - below, 0)
            gap_at[one] = (look * blocks + block) * bins * BLOCK_WORDS
        first_lane = block * BLOCK_WORDS * (64 // ground.lane_bits)
        rows_at = np.uint64(block * len(replicate_of) * BLOCK_WORDS)
        for event in range(found):
            entry = events[event]
            location, bin_at = order[entry], np.uint64(bin_of[entry]) * _BLOCK_WORDS
            row, after = np.uint64(first_row[location]), np.uint64(first_row[location + 1])
            while row < after:
                replicate = np.uint64(replicate_of[row])
                mine = replicate * _BLOCK_WORDS
                counts = lanes.add(lanes.load(held, mine), lanes.load(rows, rows_at + row * _BLOCK_WORDS))
                lanes.store(held, mine, counts)
                row += _ONE
                if not lanes.meets(lanes.add(counts, lanes.load(gap, gap_at[replicate] + bin_at)), guard):
                    continue
                look = max(level[replicate] - below, 0)
                best[replicate] = _improve(
                    held, np.int64(mine), centre, entry, first_lane, goal.reach[look, bin_of[entry]], ground,
                    best[replicate], where[replicate],
                )  # fmt: skip
                while level[replicate] < levels and best[replicate] >= goal.levels[level[replicate]]:
                    level[replicate] += 1
                look = max(level[replicate] - below, 0)
                gap_at[replicate] = (look * blocks + block) * bins * BLOCK_WORDS


@compiled
def scan_observed(location, age, null, ground, goal, highest, where):
    """Each centre's highest statistic, 0 where it does not reach the first level.

    location, age: the recent cases as they were. highest: (k,), where: (k, 3) = end of the circle in the
    order, window index, count.
    """
    first_row, replicate_of, rows = rows_of(location.reshape(1, -1), age, null, len(ground.weight))
    held, level, best = np.empty(BLOCK_WORDS, np.uint64), np.zeros(1, np.int64), np.zeros(1)
    events = np.empty(len(ground.weight) + 1, np.int64)
    for centre in range(len(highest)):
        level[0], best[0] = 0, 0.0
        _scan_centre(
            centre, first_row, replicate_of, rows, ground, goal, held, events, level, best,
            where[centre : centre + 1],
        )  # fmt: skip
        highest[centre] = best[0]


@compiled
def _stride(count):
    """A step that visits every one of `count` numbers, each far from the one before (golden section)."""
    step = max(1, int(count * 0.618))
    while gcd(step, count) != 1:
        step += 1
    return step


@compiled
def _scan(location, age, null, ground, goal, level, best):
    """Levels reached and highest statistic found, of each row of `location`, in all circles."""
    first_row, replicate_of, rows = rows_of(location, age, null, len(ground.weight))
    held, where = np.empty(len(level) * BLOCK_WORDS, np.uint64), np.empty((len(level), 3), np.int64)
    events = np.empty(len(ground.weight) + 1, np.int64)
    levels, finished_before = len(goal.levels), 0
    # Neighbours see the same clusters: far apart in turn, the centres find one of them sooner.
    centres = len(ground.first) - 1
    step = _stride(centres)
    for turn in range(centres):
        centre = turn * step % centres
        _scan_centre(centre, first_row, replicate_of, rows, ground, goal, held, events, level, best, where)
        if goal.keep_highest:
            continue
        finished = 0
        for replicate in range(len(level)):
            finished += level[replicate] == levels
        if finished == len(level):
            break
        if 2 * (finished - finished_before) > len(level) - finished_before:
            finished_before = finished
            replicate_of, rows = leave_out_finished(levels, goal.blocks, first_row, replicate_of, rows, level)


@compiled
def reaches(location, age, null, ground, goal, centres):
    """Whether the recent cases as they were reach the last level in any circle of these centres."""
    first_row, replicate_of, rows = rows_of(location.reshape(1, -1), age, null, len(ground.weight))
    held, where = np.empty(BLOCK_WORDS, np.uint64), np.empty((1, 3), np.int64)
    events, level, best = np.empty(len(ground.weight) + 1, np.int64), np.zeros(1, np.int64), np.zeros(1)
    for centre in centres:
        _scan_centre(centre, first_row, replicate_of, rows, ground, goal, held, events, level, best, where)
        if level[0] == len(goal.levels):
            return True
    return False


@compiled
def scan_highest(location, age, null, ground, goal):
    """The highest statistic of the recent cases as they were."""
    level, best = np.zeros(1, np.int64), np.zeros(1)
    _scan(location.reshape(1, -1), age, null, ground, goal, level, best)
    return best[0]


@compiled
def scan_replicates(seed, first_replicate, null, ground, goal, level, best):
    """Scan len(level) replicates: how many of the ascending levels each reaches, its highest found in best.

    Without keep_highest a replicate is left once it reaches the last level, and best is a lower bound.
    """
    location = draw_all(seed, first_replicate, len(level), null)
    _scan(location, null.ages, null, ground, goal, level, best)
