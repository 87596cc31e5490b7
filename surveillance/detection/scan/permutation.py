"""Prospective space-time permutation scan: the most unusual circles and days, without a population."""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import product
from threading import Lock
from typing import ClassVar
from weakref import WeakKeyDictionary

import numpy as np

from surveillance.detection.cluster import Cluster, Locations, Metric, Reference, Study
from surveillance.detection.monte_carlo import p_values, reached_often
from surveillance.detection.parameters import check, evidence, flag, number, whole
from surveillance.detection.scan import kernel, quiet
from surveillance.detection.scan.circles import Circles, circles_of
from surveillance.detection.scan.found import Found, separate
from surveillance.detection.scan.layout import (
    Floats,
    Ints,
    Layout,
    goal_of,
    lay_out,
    strata_of,
    with_more_of_today,
)
from surveillance.detection.scan.nulls import LADDER, Null, SharedNull, comparable

COMPARED_WITH = "cases known at the end of {day}"
BASIS = "the cases of these areas and of these days, as if area and day were independent"
GROUPED = " within each of {groups} groups of areas whose reports come alike"
AS_LATE = ", among cases reported as soon after"
OUTSIDE = "; {cases} of all cases are of areas and days that no partner covers"


@dataclass(frozen=True)
class PermutationScan:
    """Circles and recent days with more cases than areas and days by themselves would bring together.

    A cylinder is a circle around an area, growing area by area in distance order (areas at one distance
    enter together) to at most `max_share` of the cases and `max_radius_km`, times a window of
    `min_window_days` to `max_window_days` days that ends on the last day. Expected: mu = sum over the
    cylinder of C_z C_d / C (C_z cases of the area, C_d of the day, C all); with `day_of_week` within each
    weekday. Where the locations have reporting groups, within each of these too: areas that joined later or
    report later than others have days of their own, so that neither looks like a cluster; with `report_delay`
    also among cases whose reports took as long (see `report_delay.delay_classes`). Statistic (a
    natural logarithm, no unit): c ln(c/mu) + (C-c) ln((C-c)/(C-mu)) where c > mu and c >= `min_cases`. Null:
    days permuted over cases (within groups, weekdays and delays), `replicates` times; p-value and early
    stopping as in `monte_carlo.p_values`. Recurrence interval: 1/p days, for one look a day. relative_risk is
    observed / expected.

    A study with a comparable `reference` (see `nulls.comparable`) is compared with that one's replicates, and
    `parameters` says so. Measured on 30 histories of 290 cases a year with windows to 30 days, compared with
    the midnight before: p is on average 0.93 to 1.05 times the exact one at 0.0125, 0.83 to 1.13 times at
    0.003, as the day begins, at noon, at its end, with a case more today, and with a cluster of 10. In a
    single history both, of 4,999 replicates each, differ by a factor of 1.2 and 1.4 (one standard deviation).
    On 11 histories of 5,000 cases a year with windows to 14 days, at the day's end: 0.98 and 1.07 times.

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
    report_delay: bool = flag(False)
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
        layout = lay_out(study, circles, windows, self.max_share, self._strata(study))
        highest = self._highest(layout)
        if highest <= 0:
            return ()
        null, basis = self._null_of(study, layout, seed)
        # The others are weaker: where this one's p-value is too large, so are theirs.
        (p_of_highest,) = self._p_values(null, [highest])
        if p_of_highest is None:
            self._remember(study, layout, null, highest)
            return ()
        found = separate(study, layout, *self._by_centre(layout, self._told_above(null)), self.max_clusters)
        ps = p_of_highest, *self._p_values(null, [one.statistic for one in found[1:]])
        return tuple(
            self._cluster(study, layout, one, p, basis)
            for one, p in zip(found, ps, strict=True)
            if p is not None
        )

    def draw(self, reference: Reference) -> None:
        """Draws all replicates of what other studies are compared with, so that no look waits for them."""
        study = reference.study
        windows = min(self.max_window_days, study.days)
        if len(study.ids) >= self.min_cases and windows >= self.min_window_days:
            self._kept_null(reference, circles_of(study.locations, self.max_radius_km)).maxima(
                self.replicates
            )

    def replicate_maxima(self, study: Study, rng: np.random.Generator) -> Floats:
        """(replicates,) the highest statistic of each, exactly."""
        circles = circles_of(study.locations, self.max_radius_km)
        return self._shared(study, circles, int(rng.integers(0, 1 << 63))).maxima(self.replicates)

    def _strata(self, study: Study) -> Ints:
        return strata_of(study, self.day_of_week, self.report_delay)

    def _is_quiet(self, study: Study, circles: Circles, windows: int) -> bool:
        """Whether nothing reaches a level that chance was seen to reach often; see `quiet`."""
        stratum = self._strata(study)
        counts = quiet.counts_of(study, windows, stratum)
        known = quiet.remembered(circles, (self, study.place), counts)
        if known is None:
            return False
        gained = quiet.only_new_today(known.last, counts)
        rows = None if gained is None else circles.holding(gained)
        kept = len(circles.order) <= quiet.KEPT_CIRCLES
        asked = self._moved_on(study, stratum, known, rows) or self._lay_out_for(
            known, study, circles, windows, stratum, None if kept or stratum.any() else rows
        )
        layout, goal = asked
        rows = np.arange(len(circles.centres)) if rows is None else rows
        recent = layout.recent_location, layout.recent_age
        if kernel.reaches(*recent, layout.null, layout.ground, goal, rows):
            return False
        quiet.remember(circles, (self, study.place), quiet.still(known, counts, asked if kept else None))
        return True

    def _moved_on(
        self, study: Study, stratum: Ints, known: quiet.Quiet, gained: Ints | None
    ) -> quiet.Asked | None:
        """As an earlier look of the day asked, where cases of today are all that came since."""
        if gained is None or known.asked is None:
            return None
        layout = with_more_of_today(known.asked[0], study, stratum)
        return None if layout is None else (layout, known.asked[1])

    def _lay_out_for(
        self,
        known: quiet.Quiet,
        study: Study,
        circles: Circles,
        windows: int,
        stratum: Ints,
        rows: Ints | None,
    ) -> quiet.Asked:
        """Asks from nothing whether anything reaches the known level; rows: of the centres, None: all."""
        share = known.largest(self.max_share) / len(study.ids)
        layout = lay_out(study, circles, windows, share, stratum, rows)
        levels = np.array([known.level])
        return layout, goal_of(layout, levels, self.min_cases, self.min_window_days, keep_highest=False)

    def _remember(self, study: Study, layout: Layout, null: Null, highest: float) -> None:
        """A level that chance reaches often is remembered for the next look, where this one stayed below."""
        level = reached_often(null.drawn, self.max_p)
        if level >= highest:
            counts = quiet.counts_of(study, len(layout.recent), self._strata(study))
            above = max(level, highest + quiet.STEP)  # what reaches this look's again is no news either
            quiet.remember(layout.circles, (self, study.place), quiet.Quiet(above, counts))

    def _null_of(self, study: Study, layout: Layout, seed: int) -> tuple[Null, dict[str, str]]:
        """The replicates that the study is compared with, and how the evidence says which they are."""
        reference, windows = study.reference, len(layout.recent)
        if reference is not None and comparable(reference.study, study, windows):
            circles = circles_of(reference.study.locations, self.max_radius_km)
            if circles is layout.circles:
                basis = {"compared_with": COMPARED_WITH.format(day=reference.study.as_of)}
                return self._kept_null(reference, circles), basis
        return Null(layout, seed, self.min_cases, self.min_window_days, self.threads), {}

    def _kept_null(self, reference: Reference, circles: Circles) -> SharedNull:
        """The same for every look that is compared with the same study."""
        with _lock:
            kept = _nulls.setdefault(reference.study, {})
            if (self, reference.seed) not in kept:
                # The same draw as in `detect`: a look at the study itself has these very replicates.
                seed = int(np.random.default_rng(reference.seed).integers(0, 1 << 63))
                kept[self, reference.seed] = self._shared(reference.study, circles, seed)
            return kept[self, reference.seed]

    def _shared(self, study: Study, circles: Circles, seed: int) -> SharedNull:
        windows = min(self.max_window_days, study.days)
        layout = lay_out(study, circles, windows, self.max_share, self._strata(study))
        return SharedNull(layout, seed, self.min_cases, self.min_window_days, self.threads)

    def _told_above(self, null: Null) -> float:
        """The highest of the known maxima whose p-value is too large to be told; 0: of none."""
        maxima = np.unique(null.exact)
        first = bisect_left(maxima, True, key=lambda one: self._p_values(null, [one])[0] is not None)
        return float(maxima[first - 1]) if first else 0.0

    def _highest(self, layout: Layout) -> float:
        """The highest statistic of all."""
        goal = goal_of(layout, LADDER, self.min_cases, self.min_window_days, keep_highest=True)
        return float(
            kernel.scan_highest(layout.recent_location, layout.recent_age, layout.null, layout.ground, goal)
        )

    def _by_centre(self, layout: Layout, above: float) -> tuple[Floats, Ints]:
        """Each centre's highest statistic, 0 where it is not above `above`; its circle's end in the order,
        window index and count."""
        ladder = np.unique([above, *LADDER[above < LADDER]])
        goal = goal_of(layout, ladder, self.min_cases, self.min_window_days, keep_highest=True)
        highest = np.zeros(len(layout.circles.centres))
        where = np.zeros((len(highest), 3), np.int64)
        kernel.scan_observed(
            layout.recent_location, layout.recent_age, layout.null, layout.ground, goal, highest, where
        )
        highest[highest <= above] = 0
        return highest, where

    def _p_values(self, null: Null, statistics: Sequence[float]) -> tuple[float | None, ...]:
        return p_values(statistics, null.reached, self.replicates, self.max_p, self.sequential_exceedances)

    def _cluster(
        self, study: Study, layout: Layout, found: Found, p: float, basis: Mapping[str, str]
    ) -> Cluster:
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
            parameters={**evidence(self), **basis},
            expected_basis=basis_of(study, self.report_delay),
        )


def basis_of(study: Study, by_delay: bool = False) -> str:
    """What the expected counts rest on, in words."""
    reporting = study.locations.reporting
    groups = 1 if reporting is None else len(np.unique(reporting[study.location]))
    words = BASIS + (GROUPED.format(groups=groups) if groups > 1 else "")
    words += AS_LATE if by_delay and study.received is not None else ""
    return words + (OUTSIDE.format(cases=study.outside_coverage) if study.outside_coverage else "")


# Of studies that others are compared with, as long as those are kept: by scan and seed.
_nulls: WeakKeyDictionary[Study, dict[tuple[PermutationScan, int], SharedNull]] = WeakKeyDictionary()
_lock = Lock()


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
        passed_over = quiet.Quiet(1000.0, quiet.counts_of(study, 2, scan._strata(study)))
        quiet.remember(circles_of(locations, None), (scan, study.place), passed_over)
        scan.detect(study, np.random.default_rng(0))
