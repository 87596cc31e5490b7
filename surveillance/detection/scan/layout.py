"""A study laid out for the scan kernel: every array that stays the same over replicates."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study
from surveillance.detection.report_delay import delay_classes
from surveillance.detection.scan import expectation, kernel, replicates
from surveillance.detection.scan.circles import Circles

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

MAX_BINS = 250
MAX_CLASSES = 4000
# Days: between a cluster of a weekend and one of a month.
SHORT_WINDOW = 5


@dataclass(frozen=True, eq=False)
class Layout:
    """Cases, circles and windows of one study.

    recent: (windows,) cases in the last 1, 2, ... days. lowest: (bins, windows) least expected count of a
    circle of the bin. recent_location, recent_age: the cases of the longest window as they were.
    """

    circles: Circles
    ground: kernel.Ground
    null: replicates.Null
    recent: Ints
    lowest: Floats
    recent_location: npt.NDArray[np.int32]
    recent_age: Ints


def lay_out(
    study: Study,
    circles: Circles,
    windows: int,
    max_share: float,
    stratum: Ints,
    rows: Ints | None = None,
) -> Layout:
    """Lay out a study with at least one case for windows of 1 to `windows` days.

    stratum: (cases,) as `strata_of`. rows: of the centres that will be asked, where it is not all of them;
    only without strata.
    """
    strata = int(stratum.max()) + 1
    age = (study.days - 1 - study.day).astype(np.int64)
    share = _share(stratum, age, strata, windows)
    recent = share[:, :, 0].sum(axis=0).astype(np.int64)
    ground, lowest = _ground(study, circles, stratum, share, max_share, rows)
    is_recent = age < windows
    drawn = slice(None) if rows is None else slice(0)  # where only some are asked, nothing is drawn
    return Layout(
        circles=circles,
        ground=ground,
        null=_null(study.location[drawn], stratum[drawn], age[drawn], strata, windows, ground.lane_bits),
        recent=recent,
        lowest=lowest,
        recent_location=study.location[is_recent].astype(np.int32),
        recent_age=age[is_recent],
    )


def with_more_of_today(layout: Layout, study: Study, stratum: Ints) -> Layout | None:
    """The layout of a study that has only gained cases of its last day since; None where these do not fit in.

    Its circles stay in their classes: what each expects at least still bounds it, since that only grows.
    """
    ground, age = layout.ground, (study.days - 1 - study.day).astype(np.int64)
    (strata, windows), is_recent = ground.share.shape[:2], age < layout.ground.share.shape[1]
    if int(stratum.max()) + 1 != strata or int(is_recent.sum()) >= 1 << (ground.lane_bits - 1):
        return None
    ground = ground._replace(
        weight=_weight(study, stratum, strata),
        share=_share(stratum, age, strata, windows),
        total=float(len(study.ids)),
    )
    recent_location = study.location[is_recent].astype(np.int32)
    return replace(layout, ground=ground, recent_location=recent_location, recent_age=age[is_recent])


def strata_of(study: Study, day_of_week: bool, report_delay: bool) -> Ints:
    """(cases,) what days are permuted within: the reporting group of the area, the weekday, the delay.

    Only those with cases are numbered, in order.
    """
    group, delay = study.locations.reporting, delay_classes(study) if report_delay else None
    parts = (
        None if group is None else group[study.location],
        (study.start.toordinal() + study.day) % 7 if day_of_week else None,
        delay,
    )
    stratum = np.zeros(len(study.ids), np.int64)
    for part in parts:
        if part is not None:
            stratum = stratum * (int(part.max()) + 1) + part
    numbered: Ints = np.unique(stratum, return_inverse=True)[1].reshape(-1).astype(np.int64)
    return numbered


def _ground(
    study: Study, circles: Circles, stratum: Ints, share: Floats, max_share: float, rows: Ints | None
) -> tuple[kernel.Ground, Floats]:
    """The ground, and the least expected count by bin and window."""
    limit = int(max_share * len(study.ids) + 1e-9)
    weight = _weight(study, stratum, share.shape[0])
    edges = _edges(limit)
    rows = np.arange(len(circles.centres)) if rows is None else rows
    stop, bin_ = circles.first[:-1].copy(), np.empty(len(circles.order), np.uint8)
    bin_of = (np.searchsorted(edges, np.arange(limit + 1), side="right") - 1).astype(np.uint8)
    around = circles.first, circles.order, circles.tied
    expectation.classify(rows, *around, weight.sum(axis=1), limit, bin_of, bin_, stop)
    most = int(share[:, -1, 0].sum())
    lane_bits = next(bits for bits in (8, 16, 32) if most < 1 << (bits - 1))
    lanes = np.arange(1, 64 // lane_bits + 1, dtype=np.uint64) * np.uint64(lane_bits)
    ground = kernel.Ground(
        first=circles.first,
        stop=stop,
        order=circles.order,
        tied=circles.tied,
        bin=bin_,
        weight=weight,
        share=share,
        total=float(len(study.ids)),
        lane_bits=lane_bits,
        guard=np.uint64((np.uint64(1) << (lanes - np.uint64(1))).sum(dtype=np.uint64)),
    )
    if share.shape[0] > 1:
        return _classify_by_expected(ground)
    edge: Floats = edges[:-1, None] * share[0, :, 0] / share[0, :, 1]
    return ground, edge


def _weight(study: Study, stratum: Ints, strata: int) -> Ints:
    """(locations, strata) cases of each location."""
    weight = np.zeros((len(study.locations.codes), strata), np.int64)
    np.add.at(weight, (study.location, stratum), 1)
    return weight


def _classify_by_expected(ground: kernel.Ground) -> tuple[kernel.Ground, Floats]:
    """The ground with circles of several strata in classes, and the least expected count by bin and window.

    Circles with as many cases expect very different numbers where strata differ, so the number of cases makes
    no class: what they expect in the longest window and in a short one does.
    """
    windows = ground.share.shape[1]
    around = ground.first, ground.stop
    key = np.empty(len(ground.order), np.int32)
    short = min(windows, SHORT_WINDOW) - 1
    expectation.key_circles(*around, ground.order, ground.tied, ground.weight, ground.share, short, key)
    longs = expectation.DOUBLINGS << expectation.LONG_STEPS_BITS
    shorts = expectation.DOUBLINGS << expectation.SHORT_STEPS_BITS
    seen = np.zeros(longs * shorts, np.bool_)
    expectation.seen_keys(*around, key, seen)
    bin_of, bins = _number(np.flatnonzero(seen), shorts, len(seen))
    bin_ = np.zeros(len(key), np.uint16)
    expectation.classify_by_key(*around, key, bin_of, bin_)
    ground, lowest = ground._replace(bin=bin_), np.empty((bins, windows))
    expectation.lowest_expected(*around, ground.order, ground.bin, ground.weight, ground.share, lowest)
    return ground, lowest


def _number(keys: Ints, shorts: int, all_keys: int) -> tuple[npt.NDArray[np.uint16], int]:
    """(all_keys,) the class of each key seen, of at most MAX_CLASSES, in steps as small as that allows."""
    long, short = np.divmod(keys, shorts)
    while len(classes := np.unique(long * shorts + short)) > MAX_CLASSES:
        long, short = long // 2, short // 2
    bin_of = np.zeros(all_keys, np.uint16)
    bin_of[keys] = np.searchsorted(classes, long * shorts + short)
    return bin_of, len(classes)


def _null(
    place: npt.NDArray[np.int32], stratum: Ints, age: Ints, strata: int, windows: int, lane_bits: int
) -> replicates.Null:
    """Sorted, so that the order in which cases come cannot matter."""
    by_place = np.lexsort((place, stratum))
    recent = age < windows
    by_age = np.lexsort((age[recent], stratum[recent]))
    bounds = np.arange(strata + 1)
    # A case of an age counts in every window longer than it.
    patterns = _pack(np.triu(np.ones((windows, windows), np.int64)), lane_bits)
    return replicates.Null(
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
    never = np.zeros_like(gap[:1])
    return kernel.Goal(levels, reach, np.concatenate([gap, never]).reshape(-1), gap.shape[1], keep_highest)


def _pack(lanes: Ints, lane_bits: int) -> Words:
    """(..., windows) counts -> (..., blocks, words), lane after lane; lanes past the windows are 0."""
    per_word = 64 // lane_bits
    per_block = replicates.BLOCK_WORDS * per_word
    blocks = -(-lanes.shape[-1] // per_block)
    padded = np.zeros((*lanes.shape[:-1], blocks * per_block), np.uint64)
    padded[..., : lanes.shape[-1]] = lanes
    shifts = np.arange(per_word, dtype=np.uint64) * np.uint64(lane_bits)
    words: Words = (
        padded.reshape(*lanes.shape[:-1], blocks, replicates.BLOCK_WORDS, per_word) << shifts
    ).sum(axis=-1, dtype=np.uint64)
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


@lru_cache(maxsize=64)
def _edges(most: int) -> Ints:
    """Classes of circles by their cases: one class per count while they last, then in equal ratios."""
    edges, ratio = np.arange(most + 2), 1.0
    while len(edges) > MAX_BINS:
        ratio += 0.005
        edges = _in_ratios(most, ratio)
    return edges


def _in_ratios(most: int, ratio: float) -> Ints:
    edges = [0, 1]
    while edges[-1] <= most:
        edges.append(max(edges[-1] + 1, int(edges[-1] * ratio)))
    return np.array(edges, np.int64)
