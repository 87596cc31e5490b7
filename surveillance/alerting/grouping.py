"""Which findings and alerts are about one cluster: connected components over what they share."""

from collections.abc import Iterable, Sequence

from surveillance.alerting.alert import Alert
from surveillance.alerting.breadth import Group, records_in
from surveillance.alerting.finding import Finding
from surveillance.detection.cluster import Cluster

__all__ = ["Group", "age_order", "finding_order", "group", "records_in"]


def age_order(alert: Alert) -> tuple[str, str]:
    """Sorts alerts, the oldest first."""
    return alert.opened_at.isoformat(), alert.id


def group(alerts: Iterable[Alert], findings: Iterable[Finding], *, join_alerts: bool) -> tuple[Group, ...]:
    """Join what shares a record, or lies in the same area with overlapping days.

    Alerts are joined to each other only through findings and, with `join_alerts`, by a record that both
    hold; a broad alert only by what a person put into it (see `breadth`). Findings are narrow ones. The
    result does not depend on the order of the arguments.
    """
    ordered = sorted(alerts, key=age_order)
    found = sorted(findings, key=finding_order)
    parent = list(range(len(ordered) + len(found)))
    held = [frozenset(a.added_by_hand) if a.broad else records_in(a) for a in ordered]
    _join_by_record(held, [f.records for f in found], parent, join_alerts)
    narrow = [[c for c in alert.clusters if not c.is_broad] for alert in ordered]
    _join_by_place(narrow, [f.cluster for f in found], parent)
    groups: dict[int, tuple[list[Alert], list[Finding]]] = {}
    for number in range(len(parent)):
        of_group, seen = groups.setdefault(_root(parent, number), ([], []))
        if number < len(ordered):
            of_group.append(ordered[number])
        else:
            seen.append(found[number - len(ordered)])
    return tuple(Group(tuple(of_group), tuple(seen)) for of_group, seen in groups.values())


def _join_by_record(
    held: Sequence[frozenset[str]], found: Sequence[frozenset[str]], parent: list[int], join_alerts: bool
) -> None:
    holder: dict[str, int] = {}
    for number, records in enumerate(found, start=len(held)):
        for record in records:
            _join(parent, number, holder.setdefault(record, number))
    for number, records in enumerate(held):
        for record in records:
            if join_alerts or record in holder:
                _join(parent, number, holder.setdefault(record, number))


def _join_by_place(
    evidence: Sequence[Sequence[Cluster]], found: Sequence[Cluster], parent: list[int]
) -> None:
    first = len(evidence)
    for number, cluster in enumerate(found, start=first):
        for other, clusters in enumerate([*evidence, *((c,) for c in found[: number - first])]):
            if _root(parent, other) != _root(parent, number) and any(_meet(cluster, c) for c in clusters):
                _join(parent, number, other)


def _meet(one: Cluster, other: Cluster) -> bool:
    """Same area and overlapping days. A residence and a place of incident are not the same area."""
    return (
        one.place == other.place
        and one.start <= other.end
        and other.start <= one.end
        and not frozenset(one.areas).isdisjoint(other.areas)
    )


def _root(parent: list[int], number: int) -> int:
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


def _join(parent: list[int], one: int, other: int) -> None:
    # The smaller number is the root, so groups come out in the order of their first element.
    low, high = sorted((_root(parent, one), _root(parent, other)))
    parent[high] = low


def finding_order(finding: Finding) -> tuple[object, ...]:
    """Sorts findings, always the same way."""
    cluster = finding.cluster
    return cluster.place, cluster.detector, finding.members, cluster.areas, cluster.start, cluster.end
