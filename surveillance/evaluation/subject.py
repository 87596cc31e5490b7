"""What is evaluated: one use case in one scope, as configured; small enough to send to workers."""

import hashlib
import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import date
from typing import Any

from surveillance.configuration import Configuration, Region
from surveillance.detection import recurrence
from surveillance.detection.cluster import Detector
from surveillance.evaluation.simulated import Background, Injection
from surveillance.geography.lookup import Gazetteer
from surveillance.use_case.model import UseCase

VERSION = "2"  # changes whenever the same run could give another result


@dataclass(frozen=True, eq=False)
class Subject:
    """A configuration with nothing in it but one use case and one scope."""

    configuration: Configuration
    use_case: UseCase
    region: Region

    @property
    def fingerprint(self) -> str:
        """Of all that a run depends on besides its own settings: definition, detectors, areas, versions."""
        detectors = self.configuration.detectors[self.use_case.id]
        stated = {
            "version": [VERSION, recurrence.VERSION],
            "use_case": self.use_case.model_dump(mode="json", include=_DECIDES),
            "detectors": [[d.name, d.version, _parameters(d)] for d in detectors],
            "areas": self.region.read.codes,
            "coordinates": self.region.locations.coordinates.tolist(),
            "time_zone": self.region.scope.time_zone,
        }
        return hashlib.sha256(json.dumps(stated, sort_keys=True).encode()).hexdigest()[:16]


# Words, receivers and the like change no alert.
_DECIDES = {"id", "records", "cases", "places", "count", "looks", "baseline_days", "study_start", "bands"}


def subject_of(configuration: Configuration, use_case: str, scope: str) -> Subject:
    """The subject of a use case and scope; KeyError where there is none."""
    region = configuration.regions[scope]
    # Areas anew, without what they keep ready to hand: that cannot be sent to a worker.
    bare = Region(region.scope, replace(region.inside), replace(region.read))
    small = replace(
        configuration,
        use_cases={use_case: configuration.use_cases[use_case]},
        regions={scope: bare},
        detectors={use_case: tuple(_on_one_thread(d) for d in configuration.detectors[use_case])},
        gazetteer=Gazetteer(()),
    )
    return Subject(small, small.use_cases[use_case], bare)


@dataclass(frozen=True)
class Run:
    """One history to replay: a null year (no injection), or one injected cluster. A pure function of this and
    of the subject.

    cell: what it counts for in the tables. first: the first evaluated day; days: how many. detectors: only
    these, each by itself; None: all of them, each by itself and together.
    """

    cell: str
    seed: int
    background: Background
    days: int
    injection: Injection | None = None
    first: date = date(2031, 1, 1)
    detectors: tuple[str, ...] | None = None

    @property
    def key(self) -> str:
        """The same run has the same key, whatever else is planned."""
        stated = json.dumps(asdict(self), sort_keys=True, default=str)
        return f"{self.cell}/{self.seed}/{hashlib.sha256(stated.encode()).hexdigest()[:12]}"


def _on_one_thread(detector: Detector) -> Detector:
    """Workers share the cores already; the number of threads changes no result."""
    named = {one.name for one in fields(detector)}  # type: ignore[arg-type]
    return replace(detector, threads=1) if "threads" in named else detector  # type: ignore[type-var]


def _parameters(detector: Any) -> dict[str, Any]:
    return {one.name: getattr(detector, one.name) for one in fields(detector) if one.name != "threads"}
