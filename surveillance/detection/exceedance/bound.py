"""The bounds that a count is compared with, and how far beyond them it lies."""

from dataclasses import dataclass

import numpy as np

from surveillance.detection.chances import CountLaw, normal_above, normal_quantile

EXPONENTS = {"2/3": 2 / 3, "1/2": 0.5, "none": 1.0}
THRESHOLDS = ("delta", "nb_plugin", "muan")


@dataclass(frozen=True, slots=True)
class Bound:
    """What one count was compared with.

    expected: cases. lower, upper: the bounds; NaN where there were too few cases to say anything.
    score: (observed - expected) / (upper - expected), above 1 beyond the bound; on the scale that the
    method predicts on, as R has it. p_value: upper tail of the observed count under the method's own
    distribution. chance: the upper tail with the uncertainty of the expected count in it, None where the
    method gives none. alarm: observed above upper.
    """

    expected: float
    lower: float
    upper: float
    score: float
    p_value: float | None
    chance: float | None
    alarm: bool


def delta_bound(
    expected: float, error: float, dispersion: float, observed: float, alpha: float, power: str = "2/3"
) -> tuple[float, float, float, float]:
    """(lower, upper, p, score) by a power transformation to near normality (Farrington et al. 1996).

    error: standard error of `expected`, in cases. alpha: one-sided.
    """
    exponent = EXPONENTS[power]
    spread = dispersion + error**2 / expected
    deviation = np.sqrt(exponent**2 * expected ** (2 * exponent - 1) * spread)
    centre, reach = expected**exponent, normal_quantile(1 - alpha) * deviation
    lower = max(centre - reach, 0.0) ** (1 / exponent)
    upper = (centre + reach) ** (1 / exponent)
    p = normal_above((observed**exponent - centre) / deviation)
    return float(lower), float(upper), p, float((observed - expected) / (upper - expected))


def count_bound(
    link: float, link_error: float, dispersion: float, observed: float, alpha: float, method: str
) -> tuple[float, float, float, float]:
    """(lower, upper, p, score) from a negative binomial, Poisson without overdispersion (Noufaily 2013).

    link, link_error: log of the expected count and its standard error. `nb_plugin` takes the expected count
    as it is, `muan` its upper quantile.
    """
    at = link if method == "nb_plugin" else normal_quantile(1 - alpha) * link_error + link
    mean = float(np.exp(at))
    if not np.isfinite(mean):
        return (float("nan"),) * 4
    law = CountLaw(mean, dispersion)
    lower, upper = law.quantile(alpha), law.quantile(1 - alpha)
    return lower, upper, law.at_least(observed), float((observed - link) / (upper - link))


def chance_of(observed: float, expected: float, error: float, dispersion: float, least: float) -> float:
    """P(a count >= observed): negative binomial of this mean, its variance that of count and estimate.

    variance = dispersion x expected + error ** 2. least: the smallest expected count that the baseline can
    tell from none, half a case in all of it (Jeffreys), so that no count is impossible.
    """
    mean = max(expected, least)
    spread = dispersion + error**2 / mean
    return CountLaw(mean, spread, rounding=1e-9).at_least(observed)
