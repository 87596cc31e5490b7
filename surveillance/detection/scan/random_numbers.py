# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""Random numbers for compiled code, from a state that only counts up: SplitMix64."""

import numpy as np
from numba import njit

compiled = njit(nogil=True, cache=True, error_model="numpy")

GAMMA = np.uint64(0x9E3779B97F4A7C15)
MIX_2 = np.uint64(0x94D049BB133111EB)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_LOW = np.uint64(0xFFFFFFFF)
_SHIFTS = (np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32), np.uint64(11))
_ONE = np.uint64(1)
_TO_UNIT = 2.0**-53


@compiled
def mix(word):
    """The output function of SplitMix64 (Steele, Lea, Flood 2014)."""
    word = (word ^ (word >> _SHIFTS[0])) * _MIX_1
    word = (word ^ (word >> _SHIFTS[1])) * MIX_2
    return word ^ (word >> _SHIFTS[2])


@compiled
def unit(state):
    """(next state, a uniform number in [0, 1))."""
    state += GAMMA
    return state, (mix(state) >> _SHIFTS[4]) * _TO_UNIT


@compiled
def below(state, bound):
    """(next state, a uniform integer below `bound`, at most 2**32), without bias (Lemire 2019)."""
    wide = np.uint64(bound)
    state += GAMMA
    product = (mix(state) >> _SHIFTS[3]) * wide
    if (product & _LOW) < wide:
        unfair = (_LOW - wide + _ONE) % wide
        while (product & _LOW) < unfair:
            state += GAMMA
            product = (mix(state) >> _SHIFTS[3]) * wide
    return state, np.int64(product >> _SHIFTS[3])
