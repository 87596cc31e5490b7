"""Links: cases that share a setting, a location of concern or a confirmed link, close in time."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from surveillance.detection.cluster import Cluster, Study
from surveillance.detection.parameters import check, evidence, whole, words

BASIS = "not estimated: the link, not the count, is the evidence"


@dataclass(frozen=True)
class Links:
    """Connected components of cases that share a token and lie within `window_days` of each other.

    A token is `type:identifier` (`school:...`, `location_of_concern:...`, `link:...`); `token_types` says
    which types link, null for all. Two cases are linked when they have a token in common and their days
    differ by at most `window_days`; a cluster is a connected component of at least `min_cases` cases. Only
    clusters still alive are told: the last case is within `window_days` of the last day.

    Formula: none is estimated, neither expected count nor p-value; observed in cases, time in whole days.
    `linked_by` names the types shared, never the identifiers: those may identify people.

    Source: cluster definitions that count shared settings and ties beside place and time, as in Public
    Health England (2019), Identifying and responding to suicide clusters. Held to a brute-force search.

    Example: ``Links(window_days=90, min_cases=2, token_types=("school",)).detect(study, rng)``
    """

    name: ClassVar[str] = "links"
    version: ClassVar[str] = "1"

    window_days: int = whole(90, at_least=1)
    min_cases: int = whole(2, at_least=2)
    token_types: tuple[str, ...] | None = words(None)

    def __post_init__(self) -> None:
        check(self)

    def detect(self, study: Study, rng: np.random.Generator) -> tuple[Cluster, ...]:  # noqa: ARG002
        """Clusters that go on today, the largest first; see `Detector`."""
        pairs = list(self._pairs(study))
        if not pairs:
            return ()
        one, other = np.array([pair[:2] for pair in pairs]).T
        n = len(study.ids)
        _, component = connected_components(
            coo_array((np.ones(len(one)), (one, other)), shape=(n, n)), directed=False
        )
        types = defaultdict(set)
        for first, _, kind in pairs:
            types[int(component[first])].add(kind)
        groups = [
            (np.flatnonzero(component == label), tuple(sorted(kinds))) for label, kinds in types.items()
        ]
        clusters = [self._cluster(study, *group) for group in groups if self._counts(study, group[0])]
        return tuple(sorted(clusters, key=lambda cluster: (-cluster.observed, cluster.members)))

    def _pairs(self, study: Study) -> Iterator[tuple[int, int, str]]:
        """Cases next to each other in time among those with one token, and the token's type.

        The next one is enough: whoever is within the window of a later one is within that of the next.
        """
        holders: dict[str, list[int]] = defaultdict(list)
        for index, tokens in enumerate(study.tokens):
            for token in set(tokens):
                holders[token].append(index)
        for token, cases in holders.items():
            kind = token.partition(":")[0]
            if self.token_types is not None and kind not in self.token_types:
                continue
            ordered = sorted(cases, key=lambda index: int(study.day[index]))
            for one, other in pairwise(ordered):
                if study.day[other] - study.day[one] <= self.window_days:
                    yield one, other, kind

    def _counts(self, study: Study, group: npt.NDArray[np.intp]) -> bool:
        """Large enough, alive, and not only of neighbours' areas."""
        inside = study.locations.inside
        ours = inside is None or bool(inside[study.location[group]].any())
        alive = bool(study.day[group].max() >= study.days - 1 - self.window_days)
        return len(group) >= self.min_cases and alive and ours

    def _cluster(self, study: Study, group: npt.NDArray[np.intp], kinds: tuple[str, ...]) -> Cluster:
        return Cluster(
            detector=self.name,
            detector_version=self.version,
            place=study.place,
            members=tuple(sorted(study.ids[index] for index in group)),
            # A link has no centre: the areas are in the order of the locations.
            areas=tuple(study.locations.codes[area] for area in np.unique(study.location[group])),
            centre=None,
            radius_km=None,
            start=study.start + timedelta(days=int(study.day[group].min())),
            end=study.start + timedelta(days=int(study.day[group].max())),
            observed=len(group),
            expected=None,
            relative_risk=None,
            statistic=None,
            p_value=None,
            recurrence_interval_days=None,
            parameters=evidence(self),
            expected_basis=BASIS,
            linked_by=kinds,
        )
