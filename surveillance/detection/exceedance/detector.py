"""Exceedance: more cases of an area and stratum than its own past would have it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Cluster, Study
from surveillance.detection.exceedance.bound import THRESHOLDS, Bound
from surveillance.detection.exceedance.ears import GAPS, Ears, ears_bound, ears_reach
from surveillance.detection.exceedance.farrington import (
    YEARS_FOR_A_TREND,
    Farrington,
    farrington_bound,
    reach,
)
from surveillance.detection.exceedance.strata import Stratum, read_stratum
from surveillance.detection.parameters import check, choice, evidence, number, whole, word, words

# Days of a period, and periods of a year: 52 weeks, or 52 times seven days, so that weekdays stay.
PERIODS = {"week": (7, 52), "day": (1, 364)}
WHOLE_SCOPE = ""

# Seven equal counts have no spread: a bound less than three cases above their mean is not believed.
_LEAST_SD = 1.0
# No model of counts is believed beyond once in a million looks.
_LEAST_P = 1e-6


@dataclass(frozen=True)
class Exceedance:
    """Counts per `period` of every unit of a `level` and every stratum, against their own past.

    Periods end on the last day of the study (a week is its last seven days, and so on backwards). Each
    unit and stratum is one test at each look. With a past of `years`, or of at least three, the bound is
    Farrington Flexible's: expected (cases) from a quasi-Poisson regression with trend and `seasons`; upper =
    quantile 1 - `alpha` by `threshold`. With less past, cold start: `ears` with `ears_baseline` periods at
    `ears_alpha`, their standard deviation at least one case, and `expected_basis` says so. Nothing is told
    of fewer than `min_cases` in the last four periods. What was counted before a unit's partners were those
    of today is left out. level: a higher unit of the areas such as `lad`; null: the whole scope. strata:
    `all`, `10-24 female`, ... Members are the cases of the last period.

    alpha is the chance of a false exceedance of ONE test at ONE look. For Farrington, p_value = tests x P(a
    count as high), a bound whatever the tests have in common (Bonferroni), P with the uncertainty of the
    expected count in it; recurrence_interval_days = 1 / p_value, each day being one look. In simulated pasts
    of 0.5 to 20 cases a week P <= .001 came up 0.25 to 1.75 times as often as it says. EARS has no p-value
    and no recurrence interval: seven counts say nothing about the far tail. statistic is the exceedance
    score, (observed - expected) / (upper - expected).

    Source: Noufaily et al. (2013), Statistics in Medicine 32:1206; Farrington et al. (1996), JRSS A 159:547;
    Hutwagner et al. (2003), Journal of Urban Health 80:i89. Held to R `surveillance` 1.20.3.

    Example: ``Exceedance(level="lad", strata=("all", "10-24 female")).detect(study, rng)``
    """

    name: ClassVar[str] = "exceedance"
    version: ClassVar[str] = "1"

    level: str | None = word(None)
    strata: tuple[str, ...] = words(("all",))
    period: str = choice("week", *PERIODS)
    years: int = whole(5, at_least=YEARS_FOR_A_TREND, at_most=9)
    half_window: int = whole(3, at_least=1, at_most=10)
    seasons: int = whole(10, at_least=1, at_most=26)
    skip: int = whole(26, at_least=0, at_most=51)
    alpha: float = number(0.01, above=0, at_most=0.5)
    threshold: str = choice("nb_plugin", *THRESHOLDS)
    min_cases: int = whole(5, at_least=1)
    ears: str = choice("C1", *GAPS)
    ears_baseline: int = whole(7, at_least=3, at_most=52)
    ears_alpha: float = number(0.001, above=0, at_most=0.5)

    def __post_init__(self) -> None:
        check(self)
        if len({read_stratum(text) for text in self.strata}) != len(self.strata):
            raise ValueError(f"strata: {', '.join(self.strata)} names one twice; name each once")

    @property
    def baseline_days(self) -> int:
        """How many days of past it would like, the last period included."""
        days, per_year = PERIODS[self.period]
        return days * (self.years * per_year + self.half_window + 1)

    def detect(self, study: Study, rng: np.random.Generator) -> tuple[Cluster, ...]:  # noqa: ARG002
        """Units and strata with more cases than usual, the highest above usual first; see `Detector`."""
        units = self._units(study)
        strata = [read_stratum(text) for text in self.strata]
        tests = len(units) * len(strata)
        inside = _inside(study)
        found = [
            cluster
            for stratum in strata
            for chosen in [stratum.holds(study) & inside[study.location]]
            for unit, areas in units.items()
            for counted in [chosen & areas[study.location]]
            for cluster in self._test(
                study, unit, stratum, counted, self._counts(study, counted, areas), tests
            )
        ]
        return tuple(sorted(found, key=lambda one: (-(one.statistic or 0), one.unit or "", one.stratum)))

    def _units(self, study: Study) -> dict[str, npt.NDArray[np.bool_]]:
        """(areas,) per unit: which areas inside the scope are of it. Raises ValueError for no such level."""
        inside = _inside(study)
        if self.level is None:
            return {WHOLE_SCOPE: inside}
        if self.level not in study.locations.units:
            if not len(inside):
                return {}
            known = ", ".join(study.locations.units) or "null"
            raise ValueError(f"exceedance.level: the areas have no {self.level!r}; use one of {known}")
        codes = np.array(study.locations.units[self.level])
        return {str(code): (codes == code) & inside for code in np.unique(codes[inside]) if code}

    def _test(
        self,
        study: Study,
        unit: str,
        stratum: Stratum,
        chosen: npt.NDArray[np.bool_],
        counts: npt.NDArray[np.float64],
        tests: int,
    ) -> Iterator[Cluster]:
        days, _ = PERIODS[self.period]
        if not len(counts) or counts[-4:].sum() < self.min_cases:
            return
        bound, basis = self._bound(counts)
        if bound is None or not bound.alarm:
            return
        now = chosen & (study.day >= study.days - days)
        p = None if bound.chance is None else min(1.0, max(tests * bound.chance, _LEAST_P))
        yield Cluster(
            detector=self.name,
            detector_version=self.version,
            place=study.place,
            members=tuple(sorted(study.ids[index] for index in np.flatnonzero(now))),
            # Not the unit's areas but those of its cases, in the order of the locations: `unit` says which.
            areas=tuple(study.locations.codes[area] for area in np.unique(study.location[now])),
            centre=None,
            radius_km=None,
            start=study.as_of - timedelta(days=days - 1),
            end=study.as_of,
            observed=int(now.sum()),
            expected=float(bound.expected),
            relative_risk=float(now.sum() / bound.expected) if bound.expected > 0 else None,
            statistic=float(bound.score) if np.isfinite(bound.score) else None,
            p_value=p,
            recurrence_interval_days=None if p is None else 1 / p,
            parameters=evidence(self),
            expected_basis=f"{basis}; {tests} such counts are looked at together",
            unit=unit,
            stratum=stratum.words,
        )

    def _counts(
        self, study: Study, chosen: npt.NDArray[np.bool_], areas: npt.NDArray[np.bool_]
    ) -> npt.NDArray[np.float64]:
        """Cases per period, the oldest first, from when all areas are reported as they are now.

        What is left over at the start is dropped.
        """
        days, _ = PERIODS[self.period]
        first = 0 if study.complete_from is None else max(0, int(study.complete_from[areas].max(initial=0)))
        periods = (study.days - first) // days
        back = (study.days - 1 - study.day[chosen]) // days
        return np.bincount(back, minlength=max(periods, 1))[: max(periods, 0)][::-1].astype(np.float64)

    def _bound(self, counts: npt.NDArray[np.float64]) -> tuple[Bound | None, str]:
        """The bound of the last period, and what it rests on."""
        at = len(counts) - 1
        _, per_year = PERIODS[self.period]
        years = min(self.years, (at - self.half_window) // per_year)
        cold = Ears(self.ears, self.ears_baseline, self.ears_alpha, _LEAST_SD)
        if years >= YEARS_FOR_A_TREND:
            rule = self._rule(years)
            assert at >= reach(rule)
            return farrington_bound(counts, at, rule), f"its own counts of the last {years} years, by season"
        if at < ears_reach(cold):
            return None, ""
        short = f"its own last {self.ears_baseline} {self.period}s only, for want of a longer past"
        return ears_bound(counts, at, cold), f"{short} (EARS {self.ears})"

    def _rule(self, years: int) -> Farrington:
        return Farrington(
            years=years,
            half_window=self.half_window,
            seasons=self.seasons,
            skip=self.skip,
            alpha=self.alpha,
            threshold=self.threshold,
            least_cases=self.min_cases,
            per_year=PERIODS[self.period][1],
        )


def _inside(study: Study) -> npt.NDArray[np.bool_]:
    inside = study.locations.inside
    return np.ones(len(study.locations.codes), np.bool_) if inside is None else inside
