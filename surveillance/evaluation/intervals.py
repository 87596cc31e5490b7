"""Confidence intervals that hold for few events: exact ones, none by a normal approximation."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.special import bdtr, betaincinv, gammaincinv

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its confidence interval; None where nothing was seen that would give it, infinite where
    the interval has no upper end."""

    value: float | None
    low: float | None
    high: float | None


def rate(events: int, years: float, confidence: float = CONFIDENCE) -> Estimate:
    """Events a year, exact for a Poisson count (Garwood 1936, Biometrika 28:437).

    Raises ValueError for no time at all or a negative count.
    """
    if years <= 0 or events < 0:
        raise ValueError(f"years: {events} events in {years} years give no rate; both must be positive")
    outside = (1 - confidence) / 2
    low = gammaincinv(events, outside) if events else 0.0
    high = gammaincinv(events + 1, 1 - outside)
    return Estimate(events / years, float(low) / years, float(high) / years)


def proportion(hits: int, of: int, confidence: float = CONFIDENCE) -> Estimate:
    """Hits among `of`, exact for a binomial count (Clopper, Pearson 1934, Biometrika 26:404)."""
    if not 0 <= hits <= of:
        raise ValueError(f"hits: {hits} of {of} is no proportion")
    if of == 0:
        return Estimate(None, None, None)
    outside = (1 - confidence) / 2
    low = betaincinv(hits, of - hits + 1, outside) if hits else 0.0
    high = betaincinv(hits + 1, of - hits, 1 - outside) if hits < of else 1.0
    return Estimate(hits / of, float(low), float(high))


def middle(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """The median; the interval between two order statistics, free of any distribution (Conover 1999, 3.2).

    Of fewer than six values none is wide enough for 95 %: then the interval is unknown.
    """
    if not values:
        return Estimate(None, None, None)
    ordered, n = sorted(values), len(values)
    outside = bdtr(np.arange(n), n, 0.5) <= (1 - confidence) / 2
    rank = int(outside.sum()) - 1  # as many values or fewer lie below the lower end
    if rank < 0:
        return Estimate(median(ordered), None, None)
    return Estimate(median(ordered), ordered[rank], ordered[n - 1 - rank])
