"""A study laid out for the general kernel: the circles, windows and measures that all replicates share."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations
from surveillance.detection.scan import general_kernel as kernel
from surveillance.detection.scan.analysis import Analysis, ScanStudy
from surveillance.detection.scan.baseline import Baseline, Floats
from surveillance.detection.scan.circles import Circles, circles_of
from surveillance.detection.scan.time_axis import Windows

MAX_BINS, MIN_BINS = 200, 8
# The tables of counts that reach a level take at most this; with many windows circles are classed coarser.
TABLE_BYTES = 48 << 20
# Counts are floats of 32 bits up to this, which holds them exactly.
EXACT_IN_32_BITS = 1 << 24
COARSE = np.array([kernel.LOWEST, 1, 2, 3, 4, 5, 6, 8, 10, 13, 17, 25, 40])
AROUND_MEDIAN = np.array([0.35, 0.55, 0.7, 0.8, 0.9, 1.0, 1.15, 1.4])


@dataclass(frozen=True, eq=False)
class Ground:
    """Circles and windows with their bounds. lowest, highest: (bins, windows) of the measure of circles."""

    circles: Circles
    codes: tuple[str, ...]
    field: kernel.Field
    windows: Windows
    lowest: Floats
    highest: Floats
    cases: int


def lay_out(study: ScanStudy, analysis: Analysis, baseline: Baseline, windows: Windows) -> Ground:
    """Lay out a study for some windows."""
    circles = _circles(study.locations, analysis)
    rows = _rows(study.locations, circles)
    limit = _limit(analysis, baseline)
    after = np.zeros(len(rows), np.int64)
    kernel.limit_circles(circles.first, circles.order, circles.tied, rows, baseline.weight, limit, after)
    first = circles.first[rows]
    flat_end, flat_length = windows.flat()
    edges = _edges(baseline.weight, limit, windows, analysis)
    bin_of = np.zeros(len(circles.order), np.uint8)
    kernel.class_circles(first, after, circles.order, circles.tied, baseline.weight, edges, bin_of)
    if baseline.given is None:
        total = np.full(len(flat_end), float(baseline.cases))
    else:
        total = baseline.given[flat_end + flat_length] - baseline.given[flat_end]
    field = kernel.Field(
        order=circles.order,
        tied=circles.tied,
        row=rows,
        first=first,
        after=after,
        bin=bin_of,
        cumulative=np.ascontiguousarray(baseline.cumulative[:, : windows.horizon + 1]),
        shortest=windows.shortest,
        window_first=windows.first,
        total=total,
        persons=float(baseline.persons),
        min_cases=analysis.min_cases,
        high=analysis.rates != "low",
        low=analysis.rates != "high",
    )
    lowest, highest = np.empty((len(edges) + 1, len(total))), np.empty((len(edges) + 1, len(total)))
    kernel.bound_measures(field, lowest, highest)
    return Ground(circles, study.locations.codes, field, windows, lowest, highest, baseline.cases)


def ladder(median: float | None = None) -> Floats:
    """Levels of the statistic, ascending: rough ones, or close around where replicates end."""
    if median is None or median <= 0:
        return COARSE
    return np.unique(np.concatenate([[kernel.LOWEST], np.maximum(AROUND_MEDIAN * median, kernel.LOWEST)]))


def goal_of(ground: Ground, levels: Floats) -> kernel.Goal:
    """The counts that reach each level."""
    field = ground.field
    dtype = np.float32 if ground.cases < EXACT_IN_32_BITS else np.float64
    shape = (len(levels), *ground.lowest.shape)
    reach = np.empty(shape if field.high else (0, 0, 0), dtype)
    fall = np.empty(shape if field.low else (0, 0, 0), dtype)
    if field.high:
        kernel.fill_reach(levels, ground.lowest, ground.windows.allowed, field, ground.cases, reach)
    if field.low:
        kernel.fill_fall(levels, ground.highest, ground.windows.allowed, field, fall)
    return kernel.Goal(levels, reach, fall)


def _circles(locations: Locations, analysis: Analysis) -> Circles:
    if analysis.span != "temporal":
        return circles_of(locations, analysis.max_radius_km)
    count = len(locations.codes)
    tied = np.ones(count, np.bool_)
    tied[:1] = False
    return Circles(
        centres=np.zeros(min(count, 1), np.int32),
        first=np.array([0, count], np.int64),
        order=np.arange(count, dtype=np.int32),
        tied=tied,
        positions=np.zeros((count, 2)),
    )


def _rows(locations: Locations, circles: Circles) -> npt.NDArray[np.int64]:
    """The rows of the circles, of centres with the same coordinates only that of the lowest code."""
    by_code = sorted(range(len(circles.centres)), key=lambda row: locations.codes[circles.centres[row]])
    places = locations.coordinates[circles.centres[by_code]]
    first = np.unique(places, axis=0, return_index=True)[1] if len(by_code) else np.empty(0, np.int64)
    return np.sort(np.array(by_code, np.int64)[first])


def _limit(analysis: Analysis, baseline: Baseline) -> float:
    """Most weight in a circle, with room for rounding."""
    alone = analysis.earlier_analyses_since is not None and analysis.max_radius_km is not None
    if analysis.span == "temporal" or alone:
        return float("inf")
    total = float(baseline.weight.sum())
    return total * analysis.max_share + 1e-9 * total


def _edges(weight: Floats, limit: float, windows: Windows, analysis: Analysis) -> Floats:
    """Ascending weights at which the classes of circles part, in equal ratios."""
    tables = len(COARSE) * (2 if analysis.rates == "high-or-low" else 1)
    bins = int(np.clip(TABLE_BYTES // (4 * tables * windows.first[-1]), MIN_BINS, MAX_BINS))
    top = min(limit, float(weight.sum()))
    positive = weight[(weight > 0) & (weight <= top)]
    if not len(positive) or positive.min() >= top:
        return np.empty(0)
    return np.geomspace(positive.min(), top, bins)[1:-1]
