# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""What a replicate draws, and the rows of counts that it becomes; compiled.

A location drawn has one row of cumulative counts, a lane per window length, packed into 64-bit words. The
rows of many replicates lie together, location after location.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan import lanes
from surveillance.detection.scan.expectation import compiled
from surveillance.detection.scan.random_numbers import MIX_2, below, mix

# Words in a block of lanes: 32 windows of 16 bits, or 64 of 8.
BLOCK_WORDS = lanes.WORDS


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


@compiled
def _draw(seed, replicate, null, pool, location):
    """Fill location with where the recent cases are after one permutation of the days over the cases.

    A partial Fisher-Yates shuffle of each stratum's cases: only those that get a recent day. A replicate
    has its own stream of random numbers, so threads and batches cannot matter.
    """
    state = mix(np.uint64(seed) + np.uint64(replicate) * MIX_2)
    pool[:] = null.cases
    drawn = 0
    for stratum in range(len(null.stratum_first) - 1):
        here, after = null.stratum_first[stratum], null.stratum_first[stratum + 1]
        for _ in range(null.age_first[stratum + 1] - null.age_first[stratum]):
            state, step = below(state, after - here)
            location[drawn] = pool[here + step]
            pool[here + step] = pool[here]
            here += 1
            drawn += 1


@compiled
def draw_all(seed, first_replicate, replicates, null):
    """(replicates, recent cases) int32: where the recent cases of each replicate are."""
    location = np.empty((replicates, len(null.ages)), np.int32)
    pool = np.empty(len(null.cases), np.int32)
    for one in range(replicates):
        _draw(seed, first_replicate + one, null, pool, location[one])
    return location


@compiled
def rows_of(location, age, null, locations):
    """The replicates' rows of cumulative counts, location after location: (first_row, replicate_of, rows).

    location: (replicates, recent cases), age: (recent cases,). Rows first_row[z] : first_row[z + 1] are those
    of location z; row i is replicate_of[i]'s, and its counts are in rows, block after block of all rows.
    """
    replicates, recent = location.shape
    first_row = np.zeros(locations + 1, np.int64)
    seen = np.full(locations, -1, np.int64)
    for replicate in range(replicates):
        for case in range(recent):
            here = location[replicate, case]
            if seen[here] != replicate:
                seen[here] = replicate
                first_row[here + 1] += 1
    for here in range(locations):
        first_row[here + 1] += first_row[here]
    count = int(first_row[locations])
    replicate_of = np.empty(count, np.int32)
    rows = np.zeros(count * null.blocks * BLOCK_WORDS, np.uint64)
    filled, row_of = first_row[:-1].copy(), np.empty(locations, np.int64)
    seen[:] = -1
    for replicate in range(replicates):
        for case in range(recent):
            here = location[replicate, case]
            if seen[here] != replicate:
                seen[here] = replicate
                row_of[here] = filled[here]
                replicate_of[filled[here]] = replicate
                filled[here] += 1
            for block in range(null.blocks):
                at = (block * count + row_of[here]) * BLOCK_WORDS
                pattern = lanes.load(null.patterns, (age[case] * null.blocks + block) * BLOCK_WORDS)
                lanes.store(rows, at, lanes.add(lanes.load(rows, at), pattern))
    return first_row, replicate_of, rows


@compiled
def leave_out_finished(levels, blocks, first_row, replicate_of, rows, level):
    """The rows without those of replicates that reached the last level: nothing more is asked of them."""
    keep = np.zeros(len(replicate_of), np.bool_)
    kept = 0
    row = 0
    for here in range(len(first_row) - 1):
        after = first_row[here + 1]
        first_row[here] = kept
        while row < after:
            keep[row] = level[replicate_of[row]] < levels
            kept += keep[row]
            row += 1
    first_row[-1] = kept
    left = np.empty(kept * blocks * BLOCK_WORDS, np.uint64)
    for block in range(blocks):
        to = block * kept * BLOCK_WORDS
        for row in range(len(replicate_of)):
            if keep[row]:
                at = (block * len(replicate_of) + row) * BLOCK_WORDS
                lanes.store(left, to, lanes.load(rows, at))
                to += BLOCK_WORDS
    return replicate_of[keep], left
