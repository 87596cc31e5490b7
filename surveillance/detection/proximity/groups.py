"""Clusters of near cases that go on: those that a change touched grow anew, the others stay as they are.

The cores of one area of which each is at most the window after the one before are one run. Two runs of areas
that are near each other have neighbours in each other exactly where the gap between them is at most the
window (where they overlap, the first of one lies between two of the other): so clusters are found among runs,
of which there are few, and not among pairs of cases.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from surveillance.detection.proximity.cases import SPAN, Cases
from surveillance.detection.proximity.near import Ints, ranges

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Grown:
    """A cluster: its members, sorted, and where and when each is (as `Cases.spot`)."""

    members: tuple[str, ...]
    spot: Ints

    @cached_property
    def names(self) -> frozenset[str]:
        return frozenset(self.members)

    @cached_property
    def last_day(self) -> int:
        """Of its last case, as `date.toordinal`."""
        return int((self.spot % SPAN).max())


@dataclass(frozen=True, eq=False)
class Runs:
    """Runs of cores, sorted by area and day. area, first, last: (runs,). of: (cases,) the run, or -1."""

    area: Ints
    first: Ints
    last: Ints
    of: Ints


def grow(cases: Cases, core: Mask, seeds: Ints) -> list[Grown]:
    """The whole clusters of the cores among some cases and of the cores near those."""
    runs = _runs(cases, core)
    _, around = cases.in_balls(cases.spot[seeds])
    begin = np.unique(runs.of[around[core[around]]])
    reached, label = _spread(cases, runs, begin)
    if not len(reached):
        return []
    of_run = np.full(len(runs.area) + 1, -1)  # the last one stands for cases that are no core
    of_run[reached] = label
    cluster = of_run[runs.of]
    edge, beside = _edge(cases, core, runs, reached)
    cluster[edge] = cluster[beside]
    inside = np.flatnonzero(cluster >= 0)
    inside = inside[np.argsort(cluster[inside], kind="stable")]
    ends = np.cumsum(np.bincount(cluster[inside]))[:-1]
    return [_grown(cases, members) for members in np.split(inside, ends)]


def touched(before: Cases, after: Cases, core: tuple[Mask, Mask], gone: Ints, come: Ints) -> Ints:
    """The cases (of `after`) whose cluster, or whose nearest core, may be another one than before.

    They are the cases that came, those that are cores now and were none or the other way round, and the
    neighbours of these and of the cases that went.
    """
    was, now = core
    stayed = np.ones(len(before.spot), np.bool_)
    stayed[gone] = False
    new = np.zeros(len(after.spot), np.bool_)
    new[come] = True
    turned = np.flatnonzero(~new)[was[stayed] != now[~new]]
    moved = np.concatenate([before.spot[gone], after.spot[come], after.spot[turned]])
    _, around = after.in_balls(moved)
    return np.unique(np.concatenate([come, turned, around]))


def untouched(groups: Iterable[Grown], names: Iterable[str], grown: Iterable[Grown]) -> list[Grown]:
    """The clusters that hold none of these cases, nor any that has grown anew."""
    others = frozenset(names).union(*(one.names for one in grown))
    return [one for one in groups if one.names.isdisjoint(others)]


def _runs(cases: Cases, core: Mask) -> Runs:
    area, day = np.divmod(cases.spot[core], SPAN)
    begins = np.ones(len(area), np.bool_)
    begins[1:] = (np.diff(area) != 0) | (np.diff(day) > cases.window_days)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(area))[: len(first)] - 1
    of = np.full(len(core), -1)
    of[core] = np.cumsum(begins) - 1
    return Runs(area[first], day[first], day[last], of)


def _spread(cases: Cases, runs: Runs, begin: Ints) -> tuple[Ints, Ints]:
    """The runs that can be reached from some, sorted, and the number of the cluster of each."""
    seen = np.zeros(len(runs.area), np.bool_)
    seen[begin] = True
    frontier, edges = begin, []
    while len(frontier):
        one, other = _beside(cases, runs, frontier)
        edges.append((one, other))
        frontier = np.unique(other[~seen[other]])
        seen[frontier] = True
    reached = np.flatnonzero(seen)
    if not edges:
        return reached, reached
    one, other = (reached.searchsorted(np.concatenate(ends)) for ends in zip(*edges, strict=True))
    joined = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(len(reached), len(reached)))
    return reached, connected_components(joined, directed=False)[1].astype(np.int64)


def _beside(cases: Cases, runs: Runs, some: Ints) -> tuple[Ints, Ints]:
    """Pairs of some runs with every run that has neighbours in it, itself included."""
    which, area = cases.near.of(runs.area[some])
    pair, other = ranges(runs.area.searchsorted(area), runs.area.searchsorted(area, "right"))
    one = some[which[pair]]
    gap = np.maximum(runs.first[other] - runs.last[one], runs.first[one] - runs.last[other])
    return one[gap <= cases.window_days], other[gap <= cases.window_days]


def _edge(cases: Cases, core: Mask, runs: Runs, reached: Ints) -> tuple[Ints, Ints]:
    """The cases near some runs that are no cores themselves, and the core that each belongs to: the nearest
    in km, then in days, then by id."""
    edge = np.flatnonzero(~core)
    which, area = cases.near.of(runs.area[reached])
    low = area * SPAN + np.maximum(runs.first[reached] - cases.window_days, 0)[which]
    high = area * SPAN + np.minimum(runs.last[reached] + cases.window_days, SPAN - 1)[which]
    spot = cases.spot[edge]
    _, found = ranges(spot.searchsorted(low), spot.searchsorted(high, "right"))
    edge = edge[np.unique(found)]
    one, other = cases.in_balls(cases.spot[edge])
    one, other = one[core[other]], other[core[other]]
    (area, day), (core_area, core_day) = (
        np.divmod(cases.spot[edge[one]], SPAN),
        np.divmod(cases.spot[other], SPAN),
    )
    km, gap = cases.near.km(area, core_area), np.abs(day - core_day)
    name = cases.ids[other].astype(str)
    nearest_first = np.lexsort((name, gap, km, one))
    one, first = np.unique(one[nearest_first], return_index=True)
    return edge[one], other[nearest_first[first]]


def _grown(cases: Cases, some: Ints) -> Grown:
    order = np.argsort(cases.ids[some])
    return Grown(tuple(cases.ids[some[order]].tolist()), cases.spot[some[order]])
