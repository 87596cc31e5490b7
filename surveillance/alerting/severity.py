"""How severe a cluster is: the first band of its use case with a criterion that the cluster meets."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from surveillance.alerting.finding import Finding
from surveillance.detection.cluster import Cluster
from surveillance.use_case.model import Band, Criterion


def band_of(cluster: Cluster, bands: Sequence[Band]) -> Band | None:
    """The first band in list order that the cluster reaches; None: it raises nothing."""
    return next((band for band in bands if any(meets(cluster, c) for c in band.any_of)), None)


def meets(cluster: Cluster, criterion: Criterion) -> bool:
    """Whether a cluster meets every key that a criterion gives. What was not estimated is never met."""
    if cluster.detector != criterion.detector:
        return False
    for name, estimate in _ESTIMATES.items():
        wanted, found = getattr(criterion, name), estimate(cluster)
        if wanted is not None and (found is None or found < wanted):
            return False
    return True


def relative_risk(cluster: Cluster) -> float | None:
    """Observed over expected; None where no expected count was estimated, infinite where it is 0."""
    if cluster.expected is None:
        return None
    return cluster.observed / cluster.expected if cluster.expected > 0 else float("inf")


_ESTIMATES: dict[str, Callable[[Cluster], float | None]] = {
    "recurrence_interval_days": lambda cluster: cluster.recurrence_interval_days,
    "observed": lambda cluster: cluster.observed,
    "relative_risk": relative_risk,
}


def grade(
    clusters: Iterable[Cluster], bands: Sequence[Band], records: Mapping[str, Sequence[str]]
) -> tuple[Finding, ...]:
    """The clusters that reach a band, as findings, in the order given.

    `records` maps a case id of the study to the record@version of every record behind that case.
    """
    return tuple(
        Finding(
            cluster,
            band.name,
            band.opens,
            tuple(sorted({m for case in cluster.members for m in records[case]})),
        )
        for cluster in clusters
        if (band := band_of(cluster, bands)) is not None
    )
