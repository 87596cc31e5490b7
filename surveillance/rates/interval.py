"""Rates per 100,000 with their 95 % confidence intervals."""

from dataclasses import dataclass
from functools import lru_cache
from math import sqrt

from scipy.special import gammaincinv, ndtri

PER = 100_000
DAYS_PER_YEAR = 365.25
CONFIDENCE = 0.95
LEAST_FOR_BYAR = 10


@dataclass(frozen=True, slots=True)
class Rate:
    """Cases per 100,000 people and year, or a ratio, with its confidence interval."""

    value: float
    low: float
    high: float


@lru_cache(maxsize=10_000)
def count_interval(cases: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of an expected count, given an observed one.

    Byar's approximation from ten cases on, below them exact by the chi-squared distribution (Garwood 1936,
    Biometrika 28:437): as the Office for Health Improvement and Disparities does (Public Health England 2018,
    Technical guide: confidence intervals; Breslow and Day 1987, Statistical Methods in Cancer Research II).
    Raises ValueError for a negative count.
    """
    if cases < 0:
        raise ValueError(f"cases: {cases} is negative; give how many cases there are")
    outside = (1 - confidence) / 2
    if cases < LEAST_FOR_BYAR:
        low = float(gammaincinv(cases, outside)) if cases else 0.0
        return low, float(gammaincinv(cases + 1, 1 - outside))
    z, more = float(ndtri(1 - outside)), cases + 1
    low = cases * (1 - 1 / (9 * cases) - z / (3 * sqrt(cases))) ** 3
    return low, more * (1 - 1 / (9 * more) + z / (3 * sqrt(more))) ** 3


def rate(cases: float, population: float, days: int) -> Rate | None:
    """Cases per 100,000 people and year; None where nobody lives or no day is counted."""
    person_years = population * days / DAYS_PER_YEAR
    return _per(cases, person_years / PER)


def ratio(cases: float, expected: float) -> Rate | None:
    """Observed over expected; None where none is expected."""
    return _per(cases, expected)


def _per(cases: float, unit: float) -> Rate | None:
    if unit <= 0:
        return None
    low, high = count_interval(cases)
    return Rate(cases / unit, low / unit, high / unit)
