"""Proximity rule: cases near each other in space and in time, with the count that would be usual there."""

from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.neighbors import KDTree

from surveillance.detection.cluster import Cluster, Study
from surveillance.detection.parameters import check, evidence, number, whole
from surveillance.geography.distance import positions_km

Ints = npt.NDArray[np.int64]
Positions = npt.NDArray[np.float64]
Pairs = tuple[Ints, Ints]

# Distances are compared to the micrometre: rounding must not decide who is a neighbour.
MICROMETRE_KM = 1e-9
# Cases whose neighbours are looked up at once: the pairs before the days are compared are many.
CHUNK = 2000

BY_POPULATION = "all cases, by the population near the cluster and the days around it"
BY_CASES = "all cases, by the cases of the areas near the cluster and of the days around it"


@dataclass(frozen=True)
class Proximity:
    """DBSCAN with two thresholds: cases within `radius_km` AND `window_days` of each other are neighbours.

    A case with at least `min_cases` neighbours, itself counted, is a core; cores that are neighbours are one
    cluster, and so are their other neighbours (one near two clusters goes to its nearest core: in km, then
    days, then by id). Distance in km, time in whole days, both bounds included. Only clusters still alive
    are told: the last case is within `window_days` of the last day.

    Expected (cases): that of the union of the members' balls, the area-days (z, d) of the study with some
    member i at dist(z, i) <= radius_km and |d - day_i| <= window_days. With known population P_z:
    C x sum over area-days of P_z / sum over all area-days of P_z, where area-days without coverage count
    neither here nor there. Without: sum over area-days of C_z C_d / C, within areas whose reports come alike.
    relative_risk is observed / expected. Density is not risk: there is no p-value and no recurrence
    interval, since a tail probability at a place chosen for its cases says nothing.

    Source: Ester, Kriegel, Sander, Xu (1996), KDD-96:226; two thresholds as in Birant, Kut (2007), Data &
    Knowledge Engineering 60:208. Held to a brute-force search.

    Example: ``Proximity(radius_km=2, window_days=30, min_cases=3).detect(study, rng)``
    """

    name: ClassVar[str] = "proximity"
    version: ClassVar[str] = "1"

    radius_km: float = number(5.0, above=0)
    window_days: int = whole(30, at_least=1)
    min_cases: int = whole(3, at_least=2)

    def __post_init__(self) -> None:
        check(self)

    def detect(self, study: Study, rng: np.random.Generator) -> tuple[Cluster, ...]:  # noqa: ARG002
        """Clusters that go on today, the most observed over expected first; see `Detector`."""
        if len(study.ids) < self.min_cases:
            return ()
        positions = positions_km(study.locations.coordinates, study.locations.metric)
        groups = self._groups(study, positions)
        alive = [group for group in groups if study.day[group].max() >= study.days - 1 - self.window_days]
        inside = study.locations.inside
        areas = KDTree(positions)
        clusters = [self._cluster(study, positions, areas, group) for group in alive]
        told = [
            one for one in clusters if inside is None or inside[study.locations.codes.index(one.areas[0])]
        ]
        return tuple(sorted(told, key=lambda one: (-(one.relative_risk or 0), one.members)))

    def _groups(self, study: Study, positions: Positions) -> list[Ints]:
        """Members of each cluster, as indices of cases in id order."""
        by_id = np.array(sorted(range(len(study.ids)), key=study.ids.__getitem__))
        places, day = positions[study.location[by_id]], study.day[by_id].astype(np.int64)
        tree = KDTree(places)
        some = self._around_alive(tree, places, day, study.days - 1 - self.window_days)
        near, km = self._neighbours(some, tree, places, day)
        label = _label(near, km, day, self.min_cases)
        return [by_id[label == one] for one in range(label.max(initial=-1) + 1)]

    def _around_alive(self, tree: KDTree, positions: Positions, day: Ints, alive: int) -> Ints:
        """The cases that can decide about a cluster with a case on the day `alive` or later.

        From these cases on, through every core, to the neighbours of whatever was reached: they say to
        which core a case on the edge belongs. No other case is near a cluster that goes on.
        """
        reached = np.zeros(len(day), np.bool_)
        frontier, hands_on = np.flatnonzero(day >= alive), np.ones(len(day), np.bool_)
        while len(frontier):
            reached[frontier] = True
            (one, other), _ = self._neighbours(frontier, tree, positions, day)
            cores = np.bincount(one, minlength=len(day)) >= self.min_cases
            beyond = np.unique(other[(cores | hands_on)[one]])
            frontier, hands_on = beyond[~reached[beyond]], np.zeros(len(day), np.bool_)
        (_, edge), _ = self._neighbours(np.flatnonzero(reached), tree, positions, day)
        return np.unique(edge)

    def _neighbours(
        self, some: Ints, tree: KDTree, positions: Positions, day: Ints
    ) -> tuple[Pairs, npt.NDArray[np.float64]]:
        """Pairs of some cases with all their neighbours (each with itself too), and their distance in km."""
        parts = [
            self._neighbours_of(some[at : at + CHUNK], tree, positions, day)
            for at in range(0, len(some), CHUNK)
        ]
        if not parts:
            none = np.empty(0, np.int64)
            return (none, none), np.empty(0)
        one, other, km = (np.concatenate(column) for column in zip(*parts, strict=True))
        return (one, other), km

    def _neighbours_of(
        self, some: Ints, tree: KDTree, positions: Positions, day: Ints
    ) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
        one, other, km = _within(tree, positions, positions[some], self.radius_km)
        one = some[one]
        together = np.abs(day[one] - day[other]) <= self.window_days
        return one[together], other[together], km[together]

    def _cluster(self, study: Study, positions: Positions, areas_tree: KDTree, group: Ints) -> Cluster:
        used, cases = np.unique(study.location[group], return_counts=True)
        km = np.sqrt(((positions[used][:, None] - positions[used][None]) ** 2).sum(axis=2))
        # The centre is the area from which the cluster reaches least far; of equals the one with most cases.
        centre = np.lexsort((used, -cases, km.max(axis=1)))[0]
        areas = used[np.lexsort((used, np.arange(len(used)) != centre, km[centre]))]
        expected, basis = self._expected(study, positions, areas_tree, group)
        return Cluster(
            detector=self.name,
            detector_version=self.version,
            place=study.place,
            members=tuple(sorted(study.ids[index] for index in group)),
            areas=tuple(study.locations.codes[area] for area in areas),
            centre=study.locations.codes[areas[0]],
            radius_km=float(km[centre].max()),
            start=study.start + timedelta(days=int(study.day[group].min())),
            end=study.start + timedelta(days=int(study.day[group].max())),
            observed=len(group),
            expected=expected,
            relative_risk=len(group) / expected if expected > 0 else None,
            statistic=None,
            p_value=None,
            recurrence_interval_days=None,
            parameters=evidence(self),
            expected_basis=basis,
        )

    def _expected(
        self, study: Study, positions: Positions, areas_tree: KDTree, group: Ints
    ) -> tuple[float, str]:
        """Expected cases in the union of the members' balls, and what that rests on."""
        member, near, _ = _within(areas_tree, positions, positions[study.location[group]], self.radius_km)
        used, row = np.unique(near, return_inverse=True)
        usual = np.zeros((len(used), study.days), np.bool_)
        for index, day in enumerate(study.day[group]):
            usual[row[member == index], max(day - self.window_days, 0) : day + self.window_days + 1] = True
        usual &= _covered(study, used)
        population = study.locations.population
        if population is not None and population.sum() > 0:
            at_risk = population @ _days_covered(study)
            share = usual.sum(axis=1) @ population[used] / at_risk if at_risk > 0 else 0.0
            return float((len(study.ids) - study.outside_coverage) * share), BY_POPULATION
        return _by_cases(study, used, usual), BY_CASES


def _covered(study: Study, used: Ints) -> npt.NDArray[np.bool_]:
    """(len(used), days) which days of these areas any partner covers."""
    if study.locations.covered is None:
        return np.ones((len(used), study.days), np.bool_)
    first, last = study.locations.covered[used].T[:, :, None]
    day = study.start.toordinal() + np.arange(study.days)
    return np.asarray((first <= day) & (day <= last))


def _days_covered(study: Study) -> Ints:
    """(n,) how many days of the study any partner covers each area."""
    covered = study.locations.covered
    if covered is None:
        return np.full(len(study.locations.codes), study.days, np.int64)
    begin, end = study.start.toordinal(), study.as_of.toordinal()
    first, last = covered.astype(np.int64).T
    days: Ints = np.maximum(np.minimum(last, end) - np.maximum(first, begin) + 1, 0)
    return days


def _by_cases(study: Study, used: Ints, usual: npt.NDArray[np.bool_]) -> float:
    """Sum of C_z C_d / C over the area-days marked, within each reporting group."""
    reporting = study.locations.reporting
    group = np.zeros(len(study.locations.codes), np.int64) if reporting is None else reporting
    by_area = np.bincount(study.location, minlength=len(group))
    expected = 0.0
    for one in np.unique(group[used]):
        days = study.day[group[study.location] == one]
        by_day = np.bincount(days, minlength=study.days)
        here = group[used] == one
        expected += float(by_area[used[here]] @ usual[here] @ by_day) / max(len(days), 1)
    return expected


def _label(near: Pairs, km: npt.NDArray[np.float64], day: Ints, min_cases: int) -> Ints:
    """(n,) the cluster of each case, or -1; clusters numbered by their first core."""
    one, other = near
    n = len(day)
    core = np.bincount(one, minlength=n) >= min_cases
    both = core[one] & core[other]
    edges = coo_array((np.ones(both.sum(), np.int8), (one[both], other[both])), shape=(n, n))
    _, component = connected_components(edges, directed=False)
    label = np.full(n, -1, np.int64)
    label[core] = np.unique(component[core], return_inverse=True)[1]
    border = ~core[one] & core[other]
    one, other, km = one[border], other[border], km[border]
    nearest_first = np.lexsort((other, np.abs(day[one] - day[other]), km))
    case, first = np.unique(one[nearest_first], return_index=True)
    label[case] = label[other[nearest_first][first]]
    return label


def _within(
    tree: KDTree, positions: Positions, of: Positions, radius_km: float
) -> tuple[Ints, Ints, npt.NDArray[np.float64]]:
    """Pairs (index in `of`, in `positions`) at most `radius_km` apart, to the micrometre, and their km."""
    around = tree.query_radius(of, radius_km + MICROMETRE_KM)
    one = np.repeat(np.arange(len(of)), [len(found) for found in around])
    other = np.concatenate(around).astype(np.int64)
    km = np.sqrt(((of[one] - positions[other]) ** 2).sum(axis=1))
    near = km <= radius_km + MICROMETRE_KM / 2
    return one[near], other[near], km[near]
