# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""The compiled part of the permutation scan. Everything here releases the interpreter lock.

What makes it fast, without giving up exactness:
- The expected counts are the same in every replicate, so for a level M of the statistic and each class of
  circles there is a smallest count that can reach it. The hot loop compares counts; logarithms are taken
  only where a count gets there.
- A replicate draws only the cases of the last W days. A location drawn has one row of cumulative counts,
  a lane per window length, packed into 64-bit words: one addition moves a circle on by one location for
  all its windows, one more compares them all.
- Circles of a centre are visited only where they gain a case: a bitmap over the distance order sorts the
  locations drawn.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan import lanes
from surveillance.detection.scan.expectation import compiled, expected_in, log_likelihood_ratio

# Words in a block of lanes: 32 windows of 16 bits, or 64 of 8.
BLOCK_WORDS = lanes.WORDS


class Ground(NamedTuple):
    """What stays the same over replicates.

    first: (k + 1,) int64 where each centre's entries start, one entry per location with cases, in distance
    order. location: (m,) int32. bin: (m,) uint8 class of the circle. cases: (m, strata) int32 cases of the
    circle that ends there. share: (strata, windows, 2) recent and all cases. lane_bits: 8, 16 or 32.
    guard: the highest bit of every lane. locations: how many have cases.
    """

    first: npt.NDArray[np.int64]
    location: npt.NDArray[np.int32]
    bin: npt.NDArray[np.uint8]
    cases: npt.NDArray[np.int32]
    share: npt.NDArray[np.float64]
    total: float
    lane_bits: int
    guard: np.uint64
    locations: int


class Goal(NamedTuple):
    """What to look for.

    levels: ascending. reach: (levels, bins, windows) int64 smallest count that can reach the level.
    gap: uint64 guard - reach in every lane, level after level, in each its blocks, their bins, their words:
    adding the count sets the guard bit where it gets there. Flat, since a view in a loop costs more than the
    loop. keep_highest: find the highest statistic, else only the levels reached.
    """

    levels: npt.NDArray[np.float64]
    reach: npt.NDArray[np.int64]
    gap: npt.NDArray[np.uint64]
    blocks: int
    keep_highest: bool


class Null(NamedTuple):
    """What a replicate draws from.

    cases: (C,) int32 location of each case, stratum after stratum, stratum_first: (strata + 1,) int64.
    ages: int64 days before the last of the recent cases, likewise, age_first: (strata + 1,).
    patterns: uint64 what a case of an age adds to its location's row: for each age its blocks, their words.
    """

    cases: npt.NDArray[np.int32]
    stratum_first: npt.NDArray[np.int64]
    ages: npt.NDArray[np.int64]
    age_first: npt.NDArray[np.int64]
    patterns: npt.NDArray[np.uint64]
    blocks: int


_ONE = np.uint64(1)
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)
_ALL = np.uint64(0xFFFFFFFFFFFFFFFF)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32))


@compiled
def _mix(word):
    """The output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    word = (word ^ (word >> _SHIFTS[0])) * _MIX_1
    word = (word ^ (word >> _SHIFTS[1])) * _MIX_2
    return word ^ (word >> _SHIFTS[2])


@compiled
def _below(state, bound):
    """(next state, a uniform integer below `bound`, at most 2**32), without bias (Lemire 2019)."""
    wide = np.uint64(bound)
    state += _GAMMA
    product = (_mix(state) >> _SHIFTS[3]) * wide
    if (product & _LOW) < wide:
        unfair = (_LOW - wide + _ONE) % wide
        while (product & _LOW) < unfair:
            state += _GAMMA
            product = (_mix(state) >> _SHIFTS[3]) * wide
    return state, np.int64(product >> _SHIFTS[3])


@compiled
def _draw(seed, replicate, null, pool, location):
    """Fill location with where the recent cases are after one permutation of the days over the cases.

    A partial Fisher-Yates shuffle of each stratum's cases: only those that get a recent day. A replicate
    has its own stream of random numbers, so threads and batches cannot matter.
    """
    state = _mix(np.uint64(seed) + np.uint64(replicate) * _MIX_2)
    pool[:] = null.cases
    drawn = 0
    for stratum in range(len(null.stratum_first) - 1):
        here, after = null.stratum_first[stratum], null.stratum_first[stratum + 1]
        for _ in range(null.age_first[stratum + 1] - null.age_first[stratum]):
            state, step = _below(state, after - here)
            location[drawn] = pool[here + step]
            pool[here + step] = pool[here]
            here += 1
            drawn += 1


@compiled
def _add_cases(location, age, patterns, blocks, locations, rows, rows_at, drawn, drawn_at):
    """Add recent cases to their locations' rows; fills drawn with those locations, returns how many."""
    count = 0
    last = rows_at + (blocks - 1) * locations * BLOCK_WORDS
    for case in range(len(location)):
        here = np.int64(location[case]) * BLOCK_WORDS
        # The longest window counts every recent case: the last block tells whether the row is new.
        if not lanes.meets(lanes.load(rows, last + here), _ALL):
            drawn[drawn_at + count] = location[case]
            count += 1
        for block in range(blocks):
            at = rows_at + block * locations * BLOCK_WORDS + here
            pattern = lanes.load(patterns, (age[case] * blocks + block) * BLOCK_WORDS)
            lanes.store(rows, at, lanes.add(lanes.load(rows, at), pattern))
    return count


@compiled
def _improve(counts, entry, first_lane, reach, ground, best, where):
    """Exact statistics of the windows of one block whose count can reach the level; keeps the highest."""
    per_word = 64 // ground.lane_bits
    mask = (_ONE << np.uint64(ground.lane_bits)) - _ONE
    for lane in range(per_word * BLOCK_WORDS):
        window = first_lane + lane
        if window >= ground.share.shape[1]:
            break
        count = np.int64((counts[lane // per_word] >> np.uint64((lane % per_word) * ground.lane_bits)) & mask)
        if count < reach[window]:
            continue
        expected = expected_in(ground.cases, entry, ground.share, window)
        statistic = log_likelihood_ratio(count, expected, ground.total)
        if statistic > best:
            best = statistic
            where[0], where[1], where[2] = entry, window, count
    return best


@compiled
def _rank_locations(start, after, location, rank):
    """Fill rank with each location's place in the centre's order; returns the words of its bitmap.

    Locations outside go past the end, spread over eight words: writing one again and again is slow.
    """
    words = (after - start + 63) >> 6
    for one in range(len(rank)):
        rank[one] = (words + (one & 7)) << 6
    for entry in range(start, after):
        rank[location[entry]] = entry - start
    return words


@compiled
def _scan_centre(centre, drawn, drawn_count, rows, ground, goal, rank, bitmap, events, level, best, where):
    """Move every replicate on by all circles of one centre: its levels reached, its highest statistic.

    One long function, since a call in these loops costs more than its work. For each replicate: sort the
    locations drawn by distance (a bitmap over ranks), then grow the circle from one to the next. The hot
    loop is two additions and one comparison for all windows at once.
    """
    start, after = ground.first[centre], ground.first[centre + 1]
    location, bin_of = ground.location, ground.bin
    words = _rank_locations(start, after, location, rank)
    levels, blocks, bins = len(goal.levels), goal.blocks, goal.reach.shape[1]
    gap, guard, keep_highest = goal.gap, ground.guard, goal.keep_highest
    lanes_per_block = BLOCK_WORDS * (64 // ground.lane_bits)
    counts = np.empty(BLOCK_WORDS, np.uint64)
    for replicate in range(len(level)):
        reached = level[replicate]
        if reached == levels and not keep_highest:
            continue
        found = 0
        if 2 * drawn_count[replicate] > ground.locations:
            # Most locations are drawn: to pass by the others, whose rows are zero, is cheaper than to sort.
            for entry in range(start, after):
                events[found] = entry
                found += 1
        else:
            drawn_at = replicate * ground.locations
            for one in range(drawn_at, drawn_at + drawn_count[replicate]):
                place = rank[drawn[one]]
                bitmap[place >> 6] |= _ONE << np.uint64(place & 63)
            for word in range(words):
                bits = bitmap[word]
                bitmap[word] = 0
                while bits != 0:
                    events[found] = start + (word << 6) + lanes.trailing_zeros(bits)
                    bits &= bits - _ONE
                    found += 1
        for block in range(blocks):
            # For the highest, look for anything above it: the last level it reached is just below.
            look = max(reached - 1, 0) if keep_highest else reached
            if look == levels:
                break
            rows_at = (replicate * blocks + block) * ground.locations * BLOCK_WORDS
            gap_at = (look * blocks + block) * bins * BLOCK_WORDS
            held = lanes.zero()
            for event in range(found):
                entry = events[event]
                held = lanes.add(held, lanes.load(rows, rows_at + np.int64(location[entry]) * BLOCK_WORDS))
                short = lanes.load(gap, gap_at + np.int64(bin_of[entry]) * BLOCK_WORDS)
                if not lanes.meets(lanes.add(held, short), guard):
                    continue
                lanes.store(counts, 0, held)
                reach = goal.reach[look, bin_of[entry]]
                best[replicate] = _improve(
                    counts, entry, block * lanes_per_block, reach, ground, best[replicate], where
                )
                while reached < levels and best[replicate] >= goal.levels[reached]:
                    reached += 1
                look = max(reached - 1, 0) if keep_highest else reached
                if look == levels:
                    break
                gap_at = (look * blocks + block) * bins * BLOCK_WORDS
        level[replicate] = reached


@compiled
def scan_observed(location, age, null, ground, goal, highest, where):
    """Each centre's highest statistic: highest: (k,), where: (k, 3) = entry, window index, count.

    location, age: the recent cases as they were.
    """
    rows = np.zeros(goal.blocks * ground.locations * BLOCK_WORDS, np.uint64)
    drawn, drawn_count = np.empty(ground.locations, np.int32), np.empty(1, np.int64)
    drawn_count[0] = _add_cases(
        location, age, null.patterns, null.blocks, ground.locations, rows, 0, drawn, 0
    )
    rank, events = np.empty(ground.locations, np.int32), np.empty(ground.locations, np.int64)
    bitmap = np.zeros(ground.locations // 64 + 16, np.uint64)
    level, best = np.zeros(1, np.int64), np.zeros(1)
    for centre in range(len(ground.first) - 1):
        level[0], best[0] = 0, 0.0
        _scan_centre(
            centre, drawn, drawn_count, rows, ground, goal, rank, bitmap, events, level, best, where[centre]
        )
        highest[centre] = best[0]


@compiled
def scan_replicates(seed, first_replicate, null, ground, goal, level, best):
    """Scan len(level) replicates: how many of the ascending levels each reaches, its highest found in best.

    Without keep_highest a replicate is left once it reaches the last level, and best is a lower bound.
    """
    size = goal.blocks * ground.locations * BLOCK_WORDS
    rows = np.zeros(len(level) * size, np.uint64)
    drawn = np.empty(len(level) * ground.locations, np.int32)
    drawn_count = np.empty(len(level), np.int64)
    pool, location = np.empty(len(null.cases), np.int32), np.empty(len(null.ages), np.int32)
    for one in range(len(level)):
        _draw(seed, first_replicate + one, null, pool, location)
        drawn_count[one] = _add_cases(
            location, null.ages, null.patterns, null.blocks, ground.locations, rows, one * size,
            drawn, one * ground.locations,
        )  # fmt: skip
    rank, events = np.empty(ground.locations, np.int32), np.empty(ground.locations, np.int64)
    bitmap = np.zeros(ground.locations // 64 + 16, np.uint64)
    where = np.empty(3, np.int64)
    for centre in range(len(ground.first) - 1):
        if ground.first[centre] < ground.first[centre + 1]:
            _scan_centre(
                centre, drawn, drawn_count, rows, ground, goal, rank, bitmap, events, level, best, where
            )
