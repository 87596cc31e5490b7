"""Cases near each other in space and in time: `Proximity`."""

from surveillance.detection.proximity.detector import Proximity
from surveillance.detection.proximity.usual import BY_CASES, BY_POPULATION

__all__ = ["BY_CASES", "BY_POPULATION", "Proximity"]
