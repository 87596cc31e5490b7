"""What a scan is asked and what it answers, for every model and analysis; `run_scan` joins the two."""

from dataclasses import dataclass, field
from datetime import date
from typing import Literal

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations

Model = Literal["permutation", "poisson", "bernoulli"]
Span = Literal["prospective", "retrospective", "spatial", "temporal"]
TimeUnit = Literal["day", "week", "month", "year"]
Randomisation = Literal["conditional", "time-stratified", "space-stratified"]
Secondary = Literal["no-overlap", "no-centre-in-more-likely", "none"]
Rates = Literal["high", "low", "high-or-low"]


@dataclass(frozen=True, eq=False)
class Counts:
    """Rows of cases or of controls.

    location: (n,) int32, index into the locations. day: (n,) int32, days since the start of the study.
    count: (n,) int64, at least 0. stratum: (n,) int32, number of the combination of covariates, 0 where
    there are none.
    """

    location: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    count: npt.NDArray[np.int64]
    stratum: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Population:
    """Rows of people at risk: as `Counts`, but of people (float64), as of a day that may lie outside the
    study. Between two days of one location and stratum the number is interpolated; before the first and
    after the last it stays."""

    location: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    people: npt.NDArray[np.float64]
    stratum: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class ScanStudy:
    """All that a scan looks at.

    start, end: first and last day of the study, both included. controls: for the Bernoulli model.
    population: for the Poisson model; instead of it `expected`: (locations, days) float64, cases expected
    by a modelled baseline, in any unit (only their proportions count).
    """

    locations: Locations
    cases: Counts
    start: date
    end: date
    controls: Counts | None = None
    population: Population | None = None
    expected: npt.NDArray[np.float64] | None = None


@dataclass(frozen=True)
class Analysis:
    """The settings of a scan, named as SaTScan's users know them.

    max_share: of the cases (permutation), of the population at risk (poisson), of cases and controls
    (bernoulli). max_window: in time units, or None where `max_window_share` of the study period is meant.
    earlier_analyses_since: the first day of the analyses whose maximum the p-value allows for.
    """

    model: Model
    span: Span
    time_unit: TimeUnit = "day"
    max_share: float = 0.5
    max_radius_km: float | None = None
    min_window: int = 1
    max_window: int | None = None
    max_window_share: float | None = None
    min_cases: int = 2
    replicates: int = 999
    day_of_week: bool = False
    log_linear_trend: bool = False
    randomisation: Randomisation = "conditional"
    earlier_analyses_since: date | None = None
    secondary: Secondary = "no-overlap"
    rates: Rates = "high"
    threads: int = 1


@dataclass(frozen=True, slots=True)
class ScanCluster:
    """A cylinder that stands out. `locations` in distance order, the centre first; for a purely temporal
    scan all of them, with neither centre nor radius. `start` and `end` are days of the calendar, both
    included. `recurrence_interval_days` only where the analysis is prospective."""

    centre: str | None
    radius_km: float | None
    locations: tuple[str, ...]
    start: date
    end: date
    observed: int
    expected: float
    statistic: float
    relative_risk: float
    p_value: float | None
    gumbel_p_value: float | None
    recurrence_interval_days: float | None


@dataclass(frozen=True, eq=False)
class ScanResult:
    """Clusters, the strongest first. `maxima`: (replicates,) float64, each replicate's highest statistic,
    ascending. `cases`: how many the study has."""

    clusters: tuple[ScanCluster, ...]
    cases: int
    maxima: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
