"""Funnel limits: how far from the average chance alone takes an area of a given size.

Source: Spiegelhalter (2005), Funnel plots for comparing institutional performance, Statistics in Medicine
24:1185. Areas are never ranked: a league table shows mostly chance (Goldstein and Spiegelhalter 1996, Journal
of the Royal Statistical Society A 159:385).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr, pdtrik

Floats = npt.NDArray[np.float64]
ALMOST_ALL, MOST = 0.998, 0.95
WINSORISED = 0.1
LEAST_AREAS, LEAST_EXPECTED = 10, 5.0


class Standing(StrEnum):
    """Where an area lies beside what chance alone explains."""

    FAR_LOWER = "far-lower"
    LOWER = "lower"
    WITHIN = "within"
    HIGHER = "higher"
    FAR_HIGHER = "far-higher"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Limits:
    """Observed over expected at the four limits, for one expected count."""

    expected: float
    far_low: float
    low: float
    high: float
    far_high: float


def limits(expected: Sequence[float] | Floats, overdispersion: float = 1.0) -> list[Limits]:
    """The limits at 95 % and 99.8 % for expected counts over 0.

    Poisson limits, interpolated between counts as in Spiegelhalter's appendix A.1.1. With `overdispersion`
    over 1 every limit lies farther from 1 by its square root (his multiplicative model).
    """
    each = np.asarray(expected, dtype=np.float64)
    tails = [(1 - ALMOST_ALL) / 2, (1 - MOST) / 2, (1 + MOST) / 2, (1 + ALMOST_ALL) / 2]
    ratios = [np.maximum(0, 1 + (_quantile(each, p) / each - 1) * np.sqrt(overdispersion)) for p in tails]
    return [Limits(*map(float, row)) for row in zip(each, *ratios, strict=True)]


def _quantile(expected: Floats, p: float) -> Floats:
    """The p-quantile of a Poisson count, interpolated, so that limits are smooth and exact on average."""
    above = np.ceil(pdtrik(p, expected))
    below = np.maximum(above - 1, 0)
    count = np.where(pdtr(below, expected) >= p, below, above)
    reached, before = pdtr(count, expected), np.where(count > 0, pdtr(np.maximum(count - 1, 0), expected), 0)
    value: Floats = count - (reached - p) / (reached - before)
    return np.maximum(0.0, value)


def overdispersion(cases: Floats, expected: Floats) -> float:
    """How much more areas differ than chance lets them: 1 where they do not, or where they are too few.

    Pearson's statistic of the areas over their number, from square-root transformed counts whose tenth at
    either end is winsorised (Spiegelhalter 2005, section 4.4); taken as 1 unless it is over 1 by two of its
    standard errors. Areas with less than five expected are left out: their roots are far from normal.
    """
    known = expected >= LEAST_EXPECTED
    if known.sum() < LEAST_AREAS:
        return 1.0
    z = 2 * (np.sqrt(cases[known]) - np.sqrt(expected[known]))
    low, high = np.quantile(z, [WINSORISED, 1 - WINSORISED])
    phi = float((np.clip(z, low, high) ** 2).mean())
    return phi if phi > 1 + 2 * np.sqrt(2 / known.sum()) else 1.0


def standing(cases: float, at: Limits) -> Standing:
    """Where an area with so many cases lies among its limits."""
    observed = cases / at.expected
    if observed > at.high:
        return Standing.FAR_HIGHER if observed > at.far_high else Standing.HIGHER
    if observed < at.low:
        return Standing.FAR_LOWER if observed < at.far_low else Standing.LOWER
    return Standing.WITHIN


def chance_alone(areas: int) -> float:
    """How many of so many areas lie outside the 95 % limits by chance alone, on average."""
    return areas * (1 - MOST)
