# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""The statistic of a cylinder under any model, compiled, and what is a high or a low rate."""

import numpy as np
from numba import njit

compiled = njit(nogil=True, cache=True, error_model="numpy")
# Sums of counts are exact in any order, so the compiler may do many at once.
vectorised = njit(
    nogil=True, cache=True, error_model="numpy", fastmath={"nnan", "nsz", "reassoc", "contract"}
)

# Statistics closer than this are equal: rounding must neither make nor break a tie.
SAME = 1e-9
# Below this there is nothing to speak of.
LOWEST = 1e-4


@compiled
def log_likelihood_ratio(cases, measure, total, persons):
    """Poisson: c ln(c/mu) + (C-c) ln((C-c)/(C-mu)), mu the measure. Bernoulli: that of Kulldorff (1997) for
    c of `measure` persons inside and C-c of the others. Infinite where that cannot be (bounds only)."""
    if persons > 0:
        inside, outside = measure - cases, (persons - measure) - (total - cases)
        if inside < 0 or outside < 0:
            return np.inf
        return (
            _entropy(cases, measure)
            + _entropy(inside, measure)
            + _entropy(total - cases, persons - measure)
            + _entropy(outside, persons - measure)
            - _entropy(total, persons)
            - _entropy(persons - total, persons)
        )
    if measure <= 0:
        return np.inf if cases > 0 else 0.0
    if total - cases > 0 and total - measure <= 0:
        return np.inf
    return _entropy(cases, measure) + _entropy(total - cases, total - measure)


@compiled
def _entropy(part, whole):
    """part ln(part / whole); 0 ln 0 is 0."""
    return part * np.log(part / whole) if part > 0 else 0.0


@compiled
def is_high(cases, measure, total, persons):
    return cases * persons > measure * total if persons > 0 else cases > measure


@compiled
def is_low(cases, measure, total, persons):
    return cases * persons < measure * total if persons > 0 else cases < measure
