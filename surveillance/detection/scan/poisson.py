"""Prospective Poisson scan with a modelled baseline; where that fits badly, the permutation scan instead."""

from dataclasses import dataclass, fields, replace
from datetime import date
from typing import ClassVar, get_args

import numpy as np

from surveillance.detection.baseline import model_baseline
from surveillance.detection.cluster import Cluster, Locations, Metric, Study
from surveillance.detection.parameters import check, evidence, flag, number, whole
from surveillance.detection.scan.analysis import Analysis, Counts, ScanCluster, ScanResult, ScanStudy
from surveillance.detection.scan.engine import run_scan
from surveillance.detection.scan.permutation import PermutationScan

EVEN = "the population of these areas, every day alike"
MODELLED = "the population of these areas and a model of the days: weekday, holidays, trend, season, delay"
FALLEN_BACK = "{basis}; the modelled baseline fits badly and was not used: {misfit}"


@dataclass(frozen=True)
class PoissonScan:
    """Circles and recent days with more cases than their population and the time of year explain.

    Cylinders and limits as for the permutation scan, `max_share` being of the expected cases. Expected: mu =
    sum over the cylinder's area-days of a modelled baseline (see `baseline.model_baseline`), in all as many
    as there are cases; without `modelled_days` every day is alike. Statistic (a natural logarithm, no unit):
    c ln(c/mu) + (C-c) ln((C-c)/(C-mu)) where c > mu. Null: as many cases, each in an area and on a day by its
    expected share. p = (1 + replicates at least as high) / (1 + replicates); recurrence interval 1/p days for
    one look a day; relative_risk is observed / expected. It finds more than the permutation scan where
    population and model are right, and is wrong where they are not: so where a check of the baseline fails,
    the permutation scan looks at the same study, and the cluster says so where it says what it expects.
    Cases of areas and days that nobody covers are left out.

    Source: Kulldorff (2001), J R Stat Soc A 164:61. Held to SaTScan 10.3.2.

    Example: ``PoissonScan(max_radius_km=20).detect(study, np.random.default_rng(1))``
    """

    name: ClassVar[str] = "poisson-scan"
    version: ClassVar[str] = "1"

    max_share: float = number(0.5, above=0, at_most=1)
    max_radius_km: float | None = number(None, above=0)
    min_window_days: int = whole(1, at_least=1)
    max_window_days: int = whole(30, at_least=1)
    min_cases: int = whole(2, at_least=2)
    replicates: int = whole(999, at_least=1)
    modelled_days: bool = flag(True)
    max_p: float = number(1.0, above=0, at_most=1)
    max_clusters: int = whole(5, at_least=1)
    threads: int = whole(2, at_least=1, evidence=False)

    def __post_init__(self) -> None:
        check(self)
        self._permutation()

    def detect(self, study: Study, rng: np.random.Generator) -> tuple[Cluster, ...]:
        """Clusters that go on today, the strongest first; see `Detector`."""
        # One draw whatever follows, so that a caller's generator always moves on alike.
        seed = int(rng.integers(0, 1 << 63))
        if len(study.ids) < self.min_cases or study.days < self.min_window_days:
            return ()
        baseline = model_baseline(study, self.max_window_days)
        if baseline.misfit and (self.modelled_days or not baseline.expected.size):
            return self._fall_back(study, seed, baseline.misfit)
        expected = baseline.expected
        if not self.modelled_days:
            expected = np.repeat(expected.mean(axis=1, keepdims=True), study.days, axis=1)
        return self._scan(study, expected, seed)

    def _permutation(self) -> PermutationScan:
        shared = {one.name for one in fields(PermutationScan)} & {one.name for one in fields(self)}
        return PermutationScan(report_delay=True, **{name: getattr(self, name) for name in shared})

    def _fall_back(self, study: Study, seed: int, misfit: str) -> tuple[Cluster, ...]:
        found = self._permutation().detect(study, np.random.default_rng(seed))
        return tuple(
            replace(
                one,
                detector=self.name,
                detector_version=self.version,
                parameters=evidence(self),
                expected_basis=FALLEN_BACK.format(basis=one.expected_basis, misfit=misfit),
            )
            for one in found
        )

    def _scan(self, study: Study, expected: np.ndarray, seed: int) -> tuple[Cluster, ...]:
        counted = np.flatnonzero(expected[study.location, study.day] > 0)
        counted = counted[np.lexsort((study.day[counted], study.location[counted]))]
        ones, none = np.ones(len(counted), np.int64), np.zeros(len(counted), np.int32)
        cases = Counts(study.location[counted], study.day[counted], ones, none)
        scanned = ScanStudy(study.locations, cases, study.start, study.as_of, expected=expected)
        if len(counted) < self.min_cases or (result := self._run(study, scanned, seed)) is None:
            return ()
        told = [one for one in result.clusters if one.p_value is not None and one.p_value <= self.max_p]
        return tuple(self._cluster(study, counted, one) for one in told[: self.max_clusters])

    def _run(self, study: Study, scanned: ScanStudy, seed: int) -> ScanResult | None:
        """The scan; None as soon as no p-value can be low enough, which most looks show at once."""
        analysis = Analysis(
            model="poisson",
            span="prospective",
            max_share=self.max_share,
            max_radius_km=self.max_radius_km,
            min_window=self.min_window_days,
            max_window=min(self.max_window_days, study.days),
            min_cases=self.min_cases,
            replicates=self.replicates,
            threads=self.threads,
        )
        allowed = self.max_p * (1 + self.replicates)  # exceedances, itself counted
        count = int(2 * allowed) + 8
        while 2 * count < self.replicates:
            # The same seed: these replicates are the first of all.
            first = run_scan(scanned, replace(analysis, replicates=count), np.random.default_rng(seed))
            p = first.clusters[0].p_value if first.clusters else 1.0
            if p is None or p * (1 + count) > allowed:
                return None
            count *= 4
        return run_scan(scanned, analysis, np.random.default_rng(seed))

    def _cluster(self, study: Study, counted: np.ndarray, found: ScanCluster) -> Cluster:
        codes = study.locations.codes
        held = np.array([codes[location] in found.locations for location in study.location[counted]])
        held &= study.day[counted] >= (found.start - study.start).days
        assert found.p_value is not None
        return Cluster(
            detector=self.name,
            detector_version=self.version,
            place=study.place,
            members=tuple(sorted(study.ids[index] for index in counted[held])),
            areas=found.locations,
            centre=found.centre,
            radius_km=found.radius_km,
            start=found.start,
            end=found.end,
            observed=found.observed,
            expected=found.expected,
            relative_risk=found.observed / found.expected,
            statistic=found.statistic,
            p_value=found.p_value,
            recurrence_interval_days=1 / found.p_value,
            parameters=evidence(self),
            expected_basis=MODELLED if self.modelled_days else EVEN,
        )


def warm() -> None:
    """Compile what the scan runs on, or load it from numba's cache; see `permutation.warm`."""
    for metric in get_args(Metric):
        study = Study(
            ("1", "2", "3", "4"),
            np.array([0, 0, 1, 1], np.int32),
            np.array([9, 9, 0, 1], np.int32),
            date(2000, 1, 1),
            date(2000, 1, 10),
            Locations(
                ("a", "b"), np.array([[0.0, 0.0], [1.0, 1.0]]), metric=metric, population=np.array([1.0, 1.0])
            ),
        )
        scan = PoissonScan(max_share=1, max_window_days=2, replicates=2, modelled_days=False)
        scan.detect(study, np.random.default_rng(0))
