"""The detectors that a use case can choose from, by name."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from surveillance.detection.cluster import Detector
from surveillance.detection.exceedance.detector import Exceedance
from surveillance.detection.links import Links
from surveillance.detection.parameters import build_from
from surveillance.detection.proximity import Proximity
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.detection.scan.poisson import PoissonScan

DETECTORS: Mapping[str, Callable[..., Detector]] = MappingProxyType(
    {kind.name: kind for kind in (PermutationScan, PoissonScan, Proximity, Links, Exceedance)}
)


def names() -> tuple[str, ...]:
    """The names that `build` knows."""
    return tuple(DETECTORS)


def build(name: str, parameters: Mapping[str, Any]) -> Detector:
    """The detector of that name with these parameters.

    Raises ValueError naming the detector and parameter, the problem and the fix.
    """
    if name not in DETECTORS:
        raise ValueError(f"{name}: no such detector; use one of {', '.join(DETECTORS)}")
    try:
        return build_from(DETECTORS[name], parameters)
    except ValueError as fault:
        raise ValueError(f"{name}.{fault}") from None
