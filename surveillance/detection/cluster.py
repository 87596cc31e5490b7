"""What every detector takes and gives: a Study in, Clusters out. Pure numpy; no clock, no I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

Metric = Literal["planar", "great_circle"]


@dataclass(frozen=True, eq=False)
class Locations:
    """Where cases can be.

    codes: the n area codes, in the order of the arrays.
    coordinates: (n, 2) float64; for `planar` x and y in km, for `great_circle` longitude and latitude
        in degrees.
    population: (n,) float64, or None where it is not known.
    inside: (n,) bool; False marks a neighbour's area that is read for its cases but may not be the
        centre of a cluster.
    units: higher unit (`msoa`, `lad`) -> the n codes of it, as far as they are known.
    reporting: (n,) int32 number of each location's reporting group: within a group, reports come alike (from
        the same partners since the same days). None: all alike.
    covered: (n, 2) int32 first and last day of coverage (`date.toordinal`, both included; the first is after
        the last where there is none). None: all, always.
    """

    codes: tuple[str, ...]
    coordinates: npt.NDArray[np.float64]
    metric: Metric = "planar"
    population: npt.NDArray[np.float64] | None = None
    inside: npt.NDArray[np.bool_] | None = None
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reporting: npt.NDArray[np.int32] | None = None
    covered: npt.NDArray[np.int32] | None = None


@dataclass(frozen=True, eq=False)
class Study:
    """The cases that one evaluation looks at, each person or event once.

    ids: the n case ids, unique; a cluster names its members by them.
    location: (n,) int32, index into `locations`.
    day: (n,) int32, days since `start`; `start + last_day` is the analysis day `as_of`.
    tokens: per case, what may link it to others (`school:...`, `location_of_concern:...`, `link:...`).
    age: (n,) int16 in years, -1 where it is not known; sex: per case, `unknown` where it is not known. Both
        empty where nobody gave any.
    complete_from: (areas,) int32, the day from which each area is reported by the partners that report it
        now; what was counted before is not comparable. None: all of the study is.
    received: (n,) int32, the day on which each case was received, days since `start`; None: not known.
    holidays: bank holidays of the place.
    reference: what its statistics are compared with, if not with replicates of the study itself.
    """

    ids: tuple[str, ...]
    location: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    start: date
    as_of: date
    locations: Locations
    tokens: tuple[tuple[str, ...], ...] = ()
    place: str = "residence"
    age: npt.NDArray[np.int16] = field(default_factory=lambda: np.empty(0, np.int16))
    sex: tuple[str, ...] = ()
    complete_from: npt.NDArray[np.int32] | None = None
    received: npt.NDArray[np.int32] | None = None
    holidays: frozenset[date] = frozenset()
    reference: "Reference | None" = None

    @property
    def days(self) -> int:
        """Length of the study period in days, first and last day included."""
        return (self.as_of - self.start).days + 1

    @cached_property
    def outside_coverage(self) -> int:
        """Cases of area-days that no partner covers. They count all the same: a death is a fact."""
        if self.locations.covered is None:
            return 0
        day = self.start.toordinal() + self.day
        first, last = self.locations.covered[self.location].T
        return int(((day < first) | (day > last)).sum())


@dataclass(frozen=True, eq=False)
class Reference:
    """A study whose replicates stand for chance in other studies too, and the seed that draws them.

    The looks of a day that goes on are compared with the study that was complete when the day began: each
    sees nearly the same cases, and were its replicates drawn anew, the noise of p would raise alarms of its
    own and let a cluster that grows look weaker.
    """

    study: Study
    seed: int


@dataclass(frozen=True, slots=True)
class Cluster:
    """Cases that a detector says belong together, with the evidence for it.

    `members` are the case ids inside, sorted; `areas` the area codes in distance order from the centre
    (the centre first). `statistic` is the detector's own (a scan: the log likelihood ratio).
    `recurrence_interval_days` is how often chance alone gives a cluster at least as strong anywhere in
    the study, None where the detector makes no such claim. `expected_basis` says in words what the
    expected count rests on. `unit` and `stratum` are given where all cases of a higher unit, of one age or
    sex, were counted: the unit's code (empty: the whole scope), and the stratum in words.
    """

    detector: str
    detector_version: str
    place: str
    members: tuple[str, ...]
    areas: tuple[str, ...]
    centre: str | None
    radius_km: float | None
    start: date
    end: date
    observed: int
    expected: float | None
    relative_risk: float | None
    statistic: float | None
    p_value: float | None
    recurrence_interval_days: float | None
    parameters: Mapping[str, Any] = field(default_factory=dict)
    expected_basis: str = ""
    linked_by: tuple[str, ...] = ()
    unit: str | None = None
    stratum: str = ""

    @property
    def is_broad(self) -> bool:
        """Whether it tells of a whole unit, in which its cases have nothing else in common."""
        return self.unit is not None


class Detector(Protocol):
    """A frozen dataclass of parameters with one verb. Same study and seed: same clusters, to the bit."""

    @property
    def name(self) -> str:
        """As the registry and a use case call it."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the same study and seed could give another result."""
        ...

    def detect(self, study: Study, rng: np.random.Generator) -> tuple[Cluster, ...]:
        """Clusters in `study`, the strongest first. Never changes its arguments."""
        ...
