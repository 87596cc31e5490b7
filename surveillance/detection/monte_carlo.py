"""p-values by simulation: ties count, early stopping never changes what a reported p-value means."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

# Given the first replicate, how many, and ascending levels: how many levels each replicate reaches.
Reached = Callable[[int, int, npt.NDArray[np.float64]], npt.NDArray[np.int64]]

LARGEST_WAVE = 256
OFTEN = 10
"""Replicates that reach a level before it counts as reached often."""
AMONG = 0.8
"""Of so many replicates, divided by max_p: a level whose p-value is 2 max_p does so in 1 of 10^6 trials."""


def p_values(
    observed: Sequence[float],
    reached: Reached,
    replicates: int,
    max_p: float = 1.0,
    sequential_exceedances: int | None = None,
) -> tuple[float | None, ...]:
    """p of each observed statistic against the highest statistic of each replicate.

    p = (1 + replicates with a statistic >= observed) / (1 + replicates). With `sequential_exceedances` h,
    a statistic that h of the first m replicates reach gets p = h / m at once, the m-th being the h-th
    (Besag and Clifford 1991, Biometrika 78:301). None where p is certain to be above `max_p`: nobody waits
    for its exact value, only for what `reached_often` needs. p never rises with the statistic. Waves are the
    same whatever the number of threads.
    """
    open_ = dict.fromkeys(range(len(observed)), 0)
    result: list[float | None] = [None] * len(observed)
    for first, count in _waves(replicates, sequential_exceedances or max(OFTEN, int(max_p * replicates))):
        if not open_:
            break
        levels = np.array(sorted({observed[index] for index in open_}))
        highest = reached(first, count, levels)
        for index in list(open_):
            hits = np.flatnonzero(highest > np.searchsorted(levels, observed[index]))
            h = sequential_exceedances
            if h is not None and open_[index] + len(hits) >= h:
                p = h / (first + int(hits[h - open_[index] - 1]) + 1)
                result[index] = p if p <= max_p else None
                del open_[index]
                continue
            open_[index] += len(hits)
            too_many = (1 + open_[index]) / (1 + replicates) > max_p
            if h is None and too_many and (open_[index] >= OFTEN or (first + count) * max_p > AMONG):
                del open_[index]
    for index, exceeded in open_.items():
        p = (1 + exceeded) / (1 + replicates)
        result[index] = p if p <= max_p else None
    return tuple(result)


def reached_often(maxima: npt.NDArray[np.float64], max_p: float) -> float:
    """The highest level that chance reaches often enough to pass over whatever stays below it; 0: none.

    maxima: the highest statistic of replicates, in their order. Only as many are asked as the rule admits.
    """
    asked = np.sort(maxima[: int(AMONG / max_p)])
    return float(asked[-OFTEN]) if len(asked) >= OFTEN else 0.0


def _waves(replicates: int, enough: int) -> Iterator[tuple[int, int]]:
    """(first, count): small waves first, since most looks find nothing; one if nothing can stop early.

    Half of all looks are at something that every second replicate exceeds; then half as many again.
    """
    first, size = 0, 2 * enough
    while first < replicates:
        count = min(size, replicates - first)
        yield first, count
        first += count
        size = min(max(first // 2, 1), LARGEST_WAVE)
