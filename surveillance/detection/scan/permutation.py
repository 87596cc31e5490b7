"""Prospective space-time permutation scan: the most unusual circles and days, without a population."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Cluster, Locations, Metric, Study
from surveillance.detection.monte_carlo import often, p_values
from surveillance.detection.parameters import check, evidence, flag, number, whole
from surveillance.detection.scan import kernel, quiet, replicates
from surveillance.detection.scan.circles import Circles, circles_of
from surveillance.detection.scan.expectation import expected_in
from surveillance.detection.scan.layout import Floats, Ints, Layout, goal_of, lay_out

# Rough steps are enough: they only keep the observed scan from taking logarithms for hopeless circles.
LADDER = np.array([0.0, 1, 3, 8, 20, 60])
# Rows of counts of the replicates that are scanned together; they should stay near the processor.
BATCH_BYTES = 2 << 20
BASIS = "the cases of these areas and of these days, as if area and day were independent"
GROUPED = " within each of {groups} groups of areas whose reports come alike"
OUTSIDE = "; {cases} of all cases are of areas and days that no partner covers"


@dataclass(frozen=True)
class PermutationScan:
    """Circles and recent days with more cases than areas and days by themselves would bring together.

    A cylinder is a circle around an area, growing area by area in distance order (areas at one distance
    enter together) to at most `max_share` of the cases and `max_radius_km`, times a window of
    `min_window_days` to `max_window_days` days that ends on the last day. Expected: mu = sum over the
    cylinder of C_z C_d / C (C_z cases of the area, C_d of the day, C all); with `day_of_week` within each
    weekday. Where the locations have reporting groups, within each of these too: areas that joined later or
    report later than others have days of their own, so that neither looks like a cluster. Statistic (a
    natural logarithm, no unit): c ln(c/mu) + (C-c) ln((C-c)/(C-mu)) where c > mu and c >= `min_cases`. Null:
    days permuted over cases (within groups and weekdays), `replicates` times; p-value and early stopping as
    in `monte_carlo.p_values`. Recurrence interval: 1/p days, for one look a day. relative_risk is observed /
    expected.

    Secondary clusters: each centre's best, the next highest that shares no area with a higher one, at most
    `max_clusters` in all, each with p <= `max_p`; its p-value compares with the highest of each replicate.
    Of equal statistics the fewest areas win, then the shorter window, then the lower area code.

    Source: Kulldorff, Heffernan, Hartman, Assuncao, Mostashari (2005), PLoS Medicine 2:e59. Held to
    SaTScan 10.3.2.

    Example: ``PermutationScan(max_radius_km=20).detect(study, np.random.default_rng(1))``
    """

    name: ClassVar[str] = "permutation-scan"
    version: ClassVar[str] = "1"

    max_share: float = number(0.5, above=0, at_most=1)
    max_radius_km: float | None = number(None, above=0)
    min_window_days: int = whole(1, at_least=1)
    max_window_days: int = whole(30, at_least=1)
    min_cases: int = whole(2, at_least=2)
    replicates: int = whole(999, at_least=1)
    day_of_week: bool = flag(False)
    sequential_exceedances: int | None = whole(None, at_least=1)
    max_p: float = number(1.0, above=0, at_most=1)
    max_clusters: int = whole(5, at_least=1)
    threads: int = whole(2, at_least=1, evidence=False)

    def __post_init__(self) -> None:
        check(self)
        if self.min_window_days > self.max_window_days:
            raise ValueError(
                f"min_window_days: {self.min_window_days} is longer than max_window_days "
                f"({self.max_window_days}); lower the one or raise the other"
            )

    def detect(self, study: Study, rng: np.random.Generator) -> tuple[Cluster, ...]:
        """Clusters that go on today, the strongest first; see `Detector`."""
        windows = min(self.max_window_days, study.days)
        # One draw whatever follows, so that a caller's generator always moves on alike.
        seed = int(rng.integers(0, 1 << 63))
        if len(study.ids) < self.min_cases or windows < self.min_window_days:
            return ()
        circles = circles_of(study.locations, self.max_radius_km)
        if self._is_quiet(study, circles, windows):
            return ()
        layout = lay_out(study, circles, windows, self.max_share, self.day_of_week)
        highest = self._highest(layout)
        # The others are weaker: where this one's p-value is too large, so are theirs.
        if highest <= 0 or (p := self._p_of_highest(study, layout, seed, highest)) is None:
            return ()
        found = _separate(study, layout, *self._by_centre(layout), self.max_clusters)
        others = self._p_values(layout, seed, [one.statistic for one in found[1:]])
        return tuple(
            self._cluster(study, layout, one, p)
            for one, p in zip(found, (p, *others), strict=True)
            if p is not None
        )

    def replicate_maxima(self, study: Study, rng: np.random.Generator) -> Floats:
        """(replicates,) the highest statistic of each, exactly; slower than asking which reach a level."""
        circles = circles_of(study.locations, self.max_radius_km)
        windows = min(self.max_window_days, study.days)
        layout = lay_out(study, circles, windows, self.max_share, self.day_of_week)
        goal = goal_of(layout, LADDER, self.min_cases, self.min_window_days, keep_highest=True)
        return self._scan(layout, int(rng.integers(0, 1 << 63)), 0, self.replicates, goal)[1]

    def _is_quiet(self, study: Study, circles: Circles, windows: int) -> bool:
        """Whether nothing reaches a level that chance was seen to reach often; see `quiet`."""
        counts = quiet.counts_of(study, windows)
        known = quiet.remembered(circles, (self, study.place), counts)
        if known is None:
            return False
        gained = None if self.day_of_week or counts.reporting else quiet.only_new_today(known.last, counts)
        rows = None if gained is None else circles.holding(gained)
        share = known.largest(self.max_share) / len(study.ids)
        layout = lay_out(study, circles, windows, share, self.day_of_week, rows)
        goal = goal_of(layout, np.array([known.level]), self.min_cases, self.min_window_days, False)
        rows = np.arange(len(circles.centres)) if rows is None else rows
        recent = layout.recent_location, layout.recent_age
        if kernel.reaches(*recent, layout.null, layout.ground, goal, rows):
            return False
        quiet.remember(circles, (self, study.place), quiet.still(known, counts))
        return True

    def _p_of_highest(self, study: Study, layout: Layout, seed: int, highest: float) -> float | None:
        """Its p-value; where chance reaches it often, that is remembered for the next look."""
        seen = np.zeros(2, np.int64)

        def reached(first: int, count: int, levels: Floats) -> Ints:
            levels_reached = self._reached(layout, seed, first, count, levels)
            seen[:] += (levels_reached > 0).sum(), count
            return levels_reached

        (p,) = p_values([highest], reached, self.replicates, self.max_p, self.sequential_exceedances)
        if p is None and often(int(seen[0]), int(seen[1]), self.max_p):
            counts = quiet.counts_of(study, len(layout.recent))
            above = highest + quiet.STEP  # what reaches it again is no news either
            quiet.remember(layout.circles, (self, study.place), quiet.Quiet(above, counts))
        return p

    def _highest(self, layout: Layout) -> float:
        """The highest statistic of all."""
        goal = goal_of(layout, LADDER, self.min_cases, self.min_window_days, keep_highest=True)
        return float(
            kernel.scan_highest(layout.recent_location, layout.recent_age, layout.null, layout.ground, goal)
        )

    def _by_centre(self, layout: Layout) -> tuple[Floats, Ints]:
        """Each centre's highest statistic, and its circle's end in the order, window index and count."""
        goal = goal_of(layout, LADDER, self.min_cases, self.min_window_days, keep_highest=True)
        highest = np.zeros(len(layout.circles.centres))
        where = np.zeros((len(highest), 3), np.int64)
        kernel.scan_observed(
            layout.recent_location, layout.recent_age, layout.null, layout.ground, goal, highest, where
        )
        return highest, where

    def _p_values(self, layout: Layout, seed: int, statistics: Sequence[float]) -> tuple[float | None, ...]:
        def reached(first: int, count: int, levels: Floats) -> Ints:
            return self._reached(layout, seed, first, count, levels)

        return p_values(statistics, reached, self.replicates, self.max_p, self.sequential_exceedances)

    def _reached(self, layout: Layout, seed: int, first: int, count: int, levels: Floats) -> Ints:
        goal = goal_of(layout, levels, self.min_cases, self.min_window_days, keep_highest=False)
        return self._scan(layout, seed, first, count, goal)[0]

    def _scan(
        self, layout: Layout, seed: int, first: int, count: int, goal: kernel.Goal
    ) -> tuple[Ints, Floats]:
        """Levels reached by, and highest statistic of, `count` replicates from number `first`."""
        reached, best = np.zeros(count, np.int64), np.zeros(count)
        drawn = min(int(layout.recent[-1]), int(layout.ground.weight.any(axis=1).sum()))
        row_bytes = goal.blocks * drawn * replicates.BLOCK_WORDS * 8
        batch = max(2, min(BATCH_BYTES // max(row_bytes, 1), -(-count // self.threads)))

        def scan_batch(start: int) -> None:
            part = slice(start, min(start + batch, count))
            kernel.scan_replicates(
                seed, first + start, layout.null, layout.ground, goal, reached[part], best[part]
            )

        starts = range(0, count, batch)
        if self.threads == 1 or len(starts) == 1:
            for start in starts:
                scan_batch(start)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(scan_batch, starts))
        return reached, best

    def _cluster(self, study: Study, layout: Layout, found: "_Found", p: float) -> Cluster:
        first_day = study.days - found.window_days
        held = np.isin(study.location, found.locations) & (study.day >= first_day)
        codes = study.locations.codes
        return Cluster(
            detector=self.name,
            detector_version=self.version,
            place=study.place,
            members=tuple(sorted(study.ids[index] for index in np.flatnonzero(held))),
            areas=tuple(codes[location] for location in found.locations),
            centre=codes[found.locations[0]],
            radius_km=layout.circles.radius_km(found.row, found.locations),
            start=study.start + timedelta(days=first_day),
            end=study.as_of,
            observed=found.observed,
            expected=found.expected,
            relative_risk=found.observed / found.expected,
            statistic=found.statistic,
            p_value=p,
            recurrence_interval_days=1 / p,
            parameters=evidence(self),
            expected_basis=basis_of(study),
        )


def basis_of(study: Study) -> str:
    """What the expected counts rest on, in words."""
    reporting = study.locations.reporting
    groups = 1 if reporting is None else len(np.unique(reporting[study.location]))
    words = BASIS + (GROUPED.format(groups=groups) if groups > 1 else "")
    return words + (OUTSIDE.format(cases=study.outside_coverage) if study.outside_coverage else "")


@dataclass(frozen=True, eq=False)
class _Found:
    """A cylinder that stands out: the circle's centre row and locations, its window and its evidence."""

    row: int
    code: str
    locations: npt.NDArray[np.int32]
    window_days: int
    observed: int
    expected: float
    statistic: float


def _separate(study: Study, layout: Layout, highest: Floats, where: Ints, most: int) -> list[_Found]:
    """The highest, then the next highest that shares no location with one taken, at most `most`."""
    taken = np.zeros(layout.circles.positions.shape[0], np.bool_)
    result: list[_Found] = []
    for statistic in np.unique(highest[highest > 0])[::-1]:
        equals = [
            _found(study, layout, int(row), highest, where) for row in np.flatnonzero(highest == statistic)
        ]
        for one in sorted(equals, key=lambda one: (len(one.locations), one.window_days, one.code)):
            if len(result) < most and not taken[one.locations].any():
                taken[one.locations] = True
                result.append(one)
        if len(result) == most:
            break
    return result


def _found(study: Study, layout: Layout, row: int, highest: Floats, where: Ints) -> _Found:
    after, window, count = (int(value) for value in where[row])
    ground, start = layout.ground, layout.circles.first[row]
    return _Found(
        row=row,
        code=study.locations.codes[layout.circles.centres[row]],
        locations=layout.circles.order[start:after],
        window_days=window + 1,
        observed=count,
        expected=float(expected_in(kernel.cases_in(ground, start, after), ground.share, window)),
        statistic=float(highest[row]),
    )


def warm() -> None:
    """Compile the kernel, or load it from numba's cache, so that no first event waits for it.

    The cache is kept where NUMBA_CACHE_DIR says, else beside this package; the directory must be writable.
    """
    metrics: tuple[Metric, ...] = ("planar", "great_circle")
    places = np.array([[0.0, 0.0], [1.0, 1.0], [3.0, 3.0], [6.0, 6.0]])
    for metric, reporting in product(metrics, (None, np.array([0, 0, 1, 1], np.int32))):
        locations = Locations(("a", "b", "c", "d"), places, metric=metric, reporting=reporting)
        study = Study(
            tuple("12345678"),
            np.array([0, 0, 1, 1, 2, 2, 3, 3], np.int32),
            np.array([9, 9, 0, 1, 9, 9, 0, 1], np.int32),
            date(2000, 1, 1),
            date(2000, 1, 10),
            locations,
        )
        scan = PermutationScan(max_share=1, max_window_days=2, replicates=2)
        scan.detect(study, np.random.default_rng(0))
        scan.replicate_maxima(study, np.random.default_rng(0))
        passed_over = quiet.Quiet(1000.0, quiet.counts_of(study, 2))
        quiet.remember(circles_of(locations, None), (scan, study.place), passed_over)
        scan.detect(study, np.random.default_rng(0))
