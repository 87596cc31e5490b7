"""Proximity rule: cases near each other in space and in time, with the count that would be usual there."""

from dataclasses import dataclass, replace
from datetime import date
from typing import ClassVar

import numpy as np

from surveillance.detection.cluster import Cluster, Study
from surveillance.detection.parameters import check, evidence, number, whole
from surveillance.detection.proximity import remembered
from surveillance.detection.proximity.cases import SPAN
from surveillance.detection.proximity.groups import Grown
from surveillance.detection.proximity.near import Ints, Near, Positions, near_of
from surveillance.detection.proximity.remembered import Known, Shown
from surveillance.detection.proximity.usual import (
    BY_CASES,
    BY_POPULATION,
    balls_of,
    by_cases,
    share_of_population,
)


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
        near = near_of(study.locations, self.radius_km)
        key = near.key, repr(self), study.place
        last = remembered.recall(key, study)
        now = remembered.look(study, near, self.window_days, self.min_cases, last)
        now = replace(now, shown=self._show(study, near, now, last))
        remembered.remember(key, now, last)
        inside, cases = study.locations.inside, len(study.ids) - study.outside_coverage
        told = [_tell(study, one, cases) for one in now.shown if inside is None or inside[one.centre]]
        return tuple(sorted(told, key=lambda one: (-(one.relative_risk or 0), one.members)))

    def _show(self, study: Study, near: Near, now: Known, last: Known | None) -> tuple[Shown, ...]:
        """Each cluster with its evidence, which is made anew where its members or the frame are others."""
        same = last is not None and last.frame == now.frame
        made = dict(zip(last.groups, last.shown, strict=True)) if last is not None and same else {}
        return tuple(made.get(group) or self._cluster(study, near, group) for group in now.groups)

    def _cluster(self, study: Study, near: Near, group: Grown) -> Shown:
        area, day = np.divmod(group.spot, SPAN)
        areas, reach_km = _from_centre(near.positions, area)
        codes = tuple(study.locations.codes[one] for one in areas)
        balls = balls_of(study, near, group.spot, self.window_days)
        share = share_of_population(study, balls)
        cluster = Cluster(
            detector=self.name,
            detector_version=self.version,
            place=study.place,
            members=group.members,
            areas=codes,
            centre=codes[0],
            radius_km=reach_km,
            start=date.fromordinal(int(day.min())),
            end=date.fromordinal(int(day.max())),
            observed=len(group.members),
            expected=None,
            relative_risk=None,
            statistic=None,
            p_value=None,
            recurrence_interval_days=None,
            parameters=evidence(self),
            expected_basis=BY_CASES if share is None else BY_POPULATION,
        )
        return Shown(cluster, int(areas[0]), balls, share)


def _tell(study: Study, shown: Shown, cases: int) -> Cluster:
    """The cluster with the count that would be usual among so many cases."""
    expected = by_cases(study, shown.balls) if shown.share is None else float(cases * shown.share)
    risk = shown.cluster.observed / expected if expected > 0 else None
    return replace(shown.cluster, expected=expected, relative_risk=risk)


def _from_centre(positions: Positions, area: Ints) -> tuple[Ints, float]:
    """The areas of some cases in distance order from the centre, and how far that is in km."""
    used, cases = np.unique(area, return_counts=True)
    km = np.sqrt(((positions[used][:, None] - positions[used][None]) ** 2).sum(axis=2))
    # The centre is the area from which the cluster reaches least far; of equals the one with most cases.
    centre = np.lexsort((used, -cases, km.max(axis=1)))[0]
    areas = used[np.lexsort((used, np.arange(len(used)) != centre, km[centre]))]
    return areas, float(km[centre].max())
