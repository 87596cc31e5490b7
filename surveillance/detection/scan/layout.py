"""A study laid out for the scan kernel: every array that stays the same over replicates."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study
from surveillance.detection.scan import expectation, kernel
from surveillance.detection.scan.circles import Circles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

MAX_BINS = 250


@dataclass(frozen=True, eq=False)
class Layout:
    """Cases, circles and windows of one study. Locations are numbered over those that have cases.

    occupied: (locations,) int32 their index in the study. recent: (windows,) cases in the last 1, 2, ...
    days. lowest: (bins, windows) least expected count of a circle of the bin. recent_location, recent_age:
    the cases of the longest window as they were.
    """

    circles: Circles
    occupied: npt.NDArray[np.int64]
    ground: kernel.Ground
    null: kernel.Null
    recent: Ints
    lowest: Floats
    recent_location: npt.NDArray[np.int32]
    recent_age: Ints


def lay_out(study: Study, circles: Circles, windows: int, max_share: float, day_of_week: bool) -> Layout:
    """Lay out a study with at least one case for windows of 1 to `windows` days."""
    strata = 7 if day_of_week else 1
    occupied, place = np.unique(study.location.astype(np.int64), return_inverse=True)
    stratum = (study.start.toordinal() + study.day.astype(np.int64)) % strata
    age = (study.days - 1 - study.day).astype(np.int64)
    share = _share(stratum, age, strata, windows)
    recent = share[:, :, 0].sum(axis=0).astype(np.int64)
    ground = _ground(study, circles, stratum, occupied, share, max_share)
    lowest = np.empty((int(ground.bin.max(initial=0)) + 1, windows))
    expectation.lowest_expected(ground.first, ground.cases, ground.bin, share, lowest)
    is_recent = age < windows
    return Layout(
        circles=circles,
        occupied=occupied,
        ground=ground,
        null=_null(place, stratum, age, strata, windows, ground.lane_bits),
        recent=recent,
        lowest=lowest,
        recent_location=place[is_recent].astype(np.int32),
        recent_age=age[is_recent],
    )


def _ground(
    study: Study, circles: Circles, stratum: Ints, occupied: Ints, share: Floats, max_share: float
) -> kernel.Ground:
    limit = int(max_share * len(study.ids) + 1e-9)
    first, location, cases = _entries(study, circles, stratum, share.shape[0], limit)
    compact = np.zeros(len(study.locations.codes), np.int32)
    compact[occupied] = np.arange(len(occupied))
    most = int(share[:, -1, 0].sum())
    lane_bits = next(bits for bits in (8, 16, 32) if most < 1 << (bits - 1))
    lanes = np.arange(1, 64 // lane_bits + 1, dtype=np.uint64) * np.uint64(lane_bits)
    return kernel.Ground(
        first=first,
        location=compact[location],
        bin=_bins(cases.sum(axis=1)),
        cases=cases,
        share=share,
        total=float(len(study.ids)),
        lane_bits=lane_bits,
        guard=np.uint64((np.uint64(1) << (lanes - np.uint64(1))).sum(dtype=np.uint64)),
        locations=len(occupied),
    )


def _null(place: Ints, stratum: Ints, age: Ints, strata: int, windows: int, lane_bits: int) -> kernel.Null:
    """Sorted, so that the order in which cases come cannot matter."""
    by_place = np.lexsort((place, stratum))
    recent = age < windows
    by_age = np.lexsort((age[recent], stratum[recent]))
    bounds = np.arange(strata + 1)
    # A case of an age counts in every window longer than it.
    patterns = _pack(np.triu(np.ones((windows, windows), np.int64)), lane_bits)
    return kernel.Null(
        cases=place[by_place].astype(np.int32),
        stratum_first=np.searchsorted(stratum[by_place], bounds).astype(np.int64),
        ages=age[recent][by_age],
        age_first=np.searchsorted(stratum[recent][by_age], bounds).astype(np.int64),
        patterns=patterns.reshape(-1),
        blocks=patterns.shape[1],
    )


def goal_of(layout: Layout, levels: Floats, min_cases: int, shortest: int, keep_highest: bool) -> kernel.Goal:
    """The counts that can reach each of the ascending levels; in windows under `shortest` days none can."""
    bins, windows = layout.lowest.shape
    ground = layout.ground
    reach = np.full((len(levels), bins, windows), int(layout.recent[-1]) + 1, np.int64)
    expectation.counts_to_reach(
        levels, layout.lowest, layout.recent, ground.total, min_cases, shortest, reach
    )
    half = np.int64(1) << (ground.lane_bits - 1)
    gap = _pack(half - np.minimum(reach, half), ground.lane_bits).transpose(0, 2, 1, 3)
    return kernel.Goal(levels, reach, gap.reshape(-1), gap.shape[1], keep_highest)


def _pack(lanes: Ints, lane_bits: int) -> Words:
    """(..., windows) counts -> (..., blocks, words), lane after lane; lanes past the windows are 0."""
    per_word = 64 // lane_bits
    per_block = kernel.BLOCK_WORDS * per_word
    blocks = -(-lanes.shape[-1] // per_block)
    padded = np.zeros((*lanes.shape[:-1], blocks * per_block), np.uint64)
    padded[..., : lanes.shape[-1]] = lanes
    shifts = np.arange(per_word, dtype=np.uint64) * np.uint64(lane_bits)
    words: Words = (padded.reshape(*lanes.shape[:-1], blocks, kernel.BLOCK_WORDS, per_word) << shifts).sum(
        axis=-1, dtype=np.uint64
    )
    return words


def _share(stratum: Ints, age: Ints, strata: int, windows: int) -> npt.NDArray[np.float64]:
    by_day = np.zeros((strata, windows))
    recent = age < windows
    np.add.at(by_day, (stratum[recent], age[recent]), 1)
    share = np.empty((strata, windows, 2))
    share[:, :, 0] = np.cumsum(by_day, axis=1)
    # A stratum without cases has none to share: 0 / 1.
    share[:, :, 1] = np.maximum(np.bincount(stratum, minlength=strata), 1)[:, None]
    return share


def _entries(
    study: Study, circles: Circles, stratum: Ints, strata: int, limit: int
) -> tuple[Ints, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    cases_at = np.zeros((len(study.locations.codes), strata), np.int64)
    np.add.at(cases_at, (study.location, stratum), 1)
    entry_first = np.zeros(len(circles.first), np.int64)
    location, held = np.empty(0, np.int32), np.empty((0, strata), np.int32)
    for fill in (False, True):
        expectation.lay_out(
            circles.first, circles.order, circles.tied, cases_at, limit, fill, entry_first, location, held
        )
        if not fill:
            location = np.empty(entry_first[-1], np.int32)
            held = np.empty((entry_first[-1], strata), np.int32)
    return entry_first, location, held


def _bins(held: Ints) -> npt.NDArray[np.uint8]:
    """Class each circle by its cases: one class per count while they last, then in equal ratios."""
    most = int(held.max(initial=1))
    edges = np.arange(1, most + 1)
    ratio = 1.0
    while len(edges) > MAX_BINS:
        ratio += 0.005
        edges = _edges(most, ratio)
    bin_of = np.searchsorted(edges, np.arange(most + 1), side="right") - 1
    return bin_of.astype(np.uint8)[held]


def _edges(most: int, ratio: float) -> Ints:
    edges = [1]
    while edges[-1] < most:
        edges.append(max(edges[-1] + 1, int(edges[-1] * ratio)))
    return np.array(edges, np.int64)
