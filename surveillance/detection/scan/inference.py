"""What a statistic means beside the replicates: p-values and recurrence intervals as SaTScan reports them."""

from math import exp, expm1, pi, sqrt

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan.analysis import TimeUnit

Floats = npt.NDArray[np.float64]

EULER_GAMMA = 0.5772156649015329
# A year is 365.25 days in SaTScan, a month a twelfth of it.
UNIT_DAYS: dict[TimeUnit, float] = {"day": 1.0, "week": 7.0, "month": 365.25 / 12, "year": 365.25}
# Statistics this close, relatively, are tied: replicates add the same numbers up in another order.
TIE = 1e-9


def p_value(statistic: float, maxima: Floats) -> float | None:
    """(1 + replicates whose highest statistic is at least as high) / (1 + replicates); None without any.

    maxima: ascending.
    """
    if not len(maxima):
        return None
    below = np.searchsorted(maxima, statistic - TIE * max(1.0, statistic), side="left")
    return float(1 + len(maxima) - below) / (1 + len(maxima))


def gumbel_p_value(statistic: float, maxima: Floats) -> float | None:
    """Tail of the Gumbel distribution with the mean and variance of the maxima; None where they do not vary.

    Conservative in the far tail (Abrams, Kleinman and Kulldorff 2010, Int J Health Geogr 9:61).
    """
    if len(maxima) < 2 or maxima[0] == maxima[-1]:
        return None
    scale = float(maxima.std(ddof=1)) * sqrt(6) / pi
    mode = float(maxima.mean()) - EULER_GAMMA * scale
    return -expm1(-exp(min((mode - statistic) / scale, 700.0)))


def recurrence_interval_days(p: float, unit: TimeUnit, analyses: int = 1) -> float:
    """How often chance alone brings such a cluster if the analysis is made once a unit, at least a day.

    analyses: how many the p-value allows for; the interval is of a single one of them.
    """
    single = float(1 - (1 - p) ** (1 / analyses))
    return max(UNIT_DAYS[unit] / single, 1.0)
