# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""Replicates drawn under the null of each model, compiled; replicate r depends on the seed and r only."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from surveillance.detection.scan.analysis import Randomisation
from surveillance.detection.scan.random_numbers import GAMMA, below, mix, unit

Ints = npt.NDArray[np.int64]

compiled = njit(nogil=True, cache=True, error_model="numpy")


class Null(NamedTuple):
    """What a replicate draws, stratum after stratum. place, age: int64; an age at or past the horizon counts
    in no window.

    With `weight` (float64, running sums within the stratum): each of the stratum's `draws` takes a cell of
    the pool in proportion, and may take it again. Without: each of its items takes another member of it.
    A case's place is its member's; its age that of the item, or where that is -1, of the member.
    pool_first, item_first: (strata + 1,) int64. draws: (strata,) int64.
    """

    pool_place: Ints
    pool_age: Ints
    weight: npt.NDArray[np.float64]
    pool_first: Ints
    item_age: Ints
    item_first: Ints
    draws: Ints

    @property
    def most(self) -> int:
        """Most cases that a replicate can hold."""
        return int(self.draws.sum()) + len(self.item_age)


_NOTHING = np.empty(0, np.int64)


def permute(place: Ints, age: Ints, stratum: Ints, horizon: int) -> Null:
    """The permutation model: the ages of a stratum's cases are dealt to its places anew."""
    # Sorted, so that the order in which cases come cannot matter.
    by_place = np.lexsort((place, stratum))
    recent = age < horizon
    by_age = np.lexsort((age[recent], stratum[recent]))
    bounds = np.arange(stratum.max() + 2)
    return Null(
        pool_place=place[by_place],
        pool_age=np.full(len(place), -1),
        weight=np.empty(0),
        pool_first=np.searchsorted(stratum[by_place], bounds).astype(np.int64),
        item_age=age[recent][by_age],
        item_first=np.searchsorted(stratum[recent][by_age], bounds).astype(np.int64),
        draws=np.zeros(len(bounds) - 1, np.int64),
    )


def label(place: Ints, age: Ints, cases: int, horizon: int) -> Null:
    """The Bernoulli model: so many of all persons are cases."""
    age = np.minimum(age, horizon)
    order = np.lexsort((age, place))
    return Null(
        pool_place=place[order],
        pool_age=age[order],
        weight=np.empty(0),
        pool_first=np.array([0, len(place)]),
        item_age=np.full(cases, -1),
        item_first=np.array([0, cases]),
        draws=np.zeros(1, np.int64),
    )


def scatter(
    measure: npt.NDArray[np.float64], place: Ints, age: Ints, randomisation: Randomisation, horizon: int
) -> Null:
    """The Poisson model: cases fall in proportion to `measure`, (locations, intervals by age).

    conditional: anywhere in the study. time-stratified: each keeps its interval. space-stratified: each keeps
    its location.
    """
    places, intervals = measure.shape
    if randomisation == "time-stratified":
        intervals = min(intervals, horizon)
        weight = measure[:, :intervals].T
        draws = np.bincount(age, minlength=intervals)[:intervals]
        ages, pool = np.divmod(np.arange(weight.size), places)
    else:
        # All intervals that no window reaches are one.
        late = measure[:, :horizon]
        rest = measure[:, horizon:].sum(axis=1, keepdims=True)
        weight = np.concatenate([late, rest], axis=1)
        pool, ages = np.divmod(np.arange(weight.size), weight.shape[1])
        draws = np.bincount(place, minlength=places)
        if randomisation == "conditional":
            weight, draws = weight.reshape(1, -1), np.array([len(place)])
    return Null(
        pool_place=pool,
        pool_age=ages,
        weight=np.cumsum(weight, axis=1).ravel(),
        pool_first=np.arange(len(weight) + 1) * weight.shape[1],
        item_age=_NOTHING,
        item_first=np.zeros(len(weight) + 1, np.int64),
        draws=draws.astype(np.int64),
    )


@compiled
def draw(seed, replicate, null, horizon, members, place, age):
    """Fill place and age with the replicate's cases within the horizon; how many there are.

    members: (pool,) int64, scratch.
    """
    state = mix(np.uint64(seed) + np.uint64(replicate) * GAMMA)
    state = mix(state + np.uint64(replicate))
    found = 0
    for stratum in range(len(null.draws)):
        first, after = null.pool_first[stratum], null.pool_first[stratum + 1]
        total = null.weight[after - 1] if null.draws[stratum] > 0 else 0.0
        for _ in range(null.draws[stratum]):
            state, share = unit(state)
            cell = first + np.searchsorted(null.weight[first:after], share * total, side="right")
            cell = min(cell, after - 1)
            if null.pool_age[cell] < horizon:
                place[found], age[found] = null.pool_place[cell], null.pool_age[cell]
                found += 1
        items = null.item_first[stratum + 1] - null.item_first[stratum]
        if items == 0:
            continue
        for one in range(first, after):
            members[one] = one
        for one in range(items):
            state, jump = below(state, after - first - one)
            picked = members[first + one + jump]
            members[first + one + jump] = members[first + one]
            its_age = null.item_age[null.item_first[stratum] + one]
            if its_age < 0:
                its_age = null.pool_age[picked]
            if its_age < horizon:
                place[found], age[found] = null.pool_place[picked], its_age
                found += 1
    return found
