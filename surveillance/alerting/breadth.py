"""Broad evidence, a count of a whole unit such as a local authority, beside evidence of one cluster.

Its cases have nothing in common but the unit, so it must not join what has nothing to do with each other:

- a narrow cluster keeps its records: broad findings and alerts do without them;
- a broad finding joins one narrow alert, that which holds at least half of its records (the most first),
  as evidence only: it brings in no members. So a unit that is in excess because of one cluster is one
  alert, and one with several small clusters in it is an alert of its own;
- a broad alert joins the narrow cluster that holds at least half of its members, or one that a person put
  into it, and is an alert like any other from then on;
- broad evidence of one unit and place on overlapping days is one alert, whatever the strata;
- broad evidence is not told while at least half of its records are in finished alerts: no alert of it is
  ever reopened, and once most of its cases are new it is a new alert.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from surveillance.alerting.alert import Alert
from surveillance.alerting.finding import Finding, record_of
from surveillance.detection.cluster import Cluster


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts (the oldest first) and findings that belong together; either may be empty.

    `elsewhere` are record keys that its alerts held and a narrower cluster took.
    """

    alerts: tuple[Alert, ...]
    findings: tuple[Finding, ...]
    elsewhere: frozenset[str] = frozenset()

    @property
    def records(self) -> frozenset[str]:
        """Record keys of all its findings."""
        return frozenset().union(*(finding.records for finding in self.findings))


def records_in(alert: Alert) -> frozenset[str]:
    """Record keys of an alert's members."""
    return frozenset(map(record_of, alert.members))


@dataclass
class Place:
    """Where broad findings can go: an alert as it will be, or a new one.

    keeps: the record keys that are its own. evidence: what its alerts showed before. narrow: it takes
    evidence, but no members.
    """

    keeps: frozenset[str]
    narrow: bool
    evidence: tuple[Cluster, ...] = ()
    findings: list[Finding] = field(default_factory=list)


def set_apart(groups: Iterable[Group]) -> tuple[list[Group], list[Alert]]:
    """The narrow groups, and the broad alerts that no narrow one holds on to."""
    narrow: list[Group] = []
    broad: list[Alert] = []
    for group in groups:
        if group.findings or not all(alert.broad for alert in group.alerts):
            narrow.append(group)
        else:
            broad += group.alerts
    return narrow, broad


def absorb(groups: Sequence[Group], broad: Iterable[Alert]) -> tuple[list[Group], list[Alert]]:
    """The groups with the broad alerts that turn out to be their cluster; and the alerts that do not."""
    found = list(groups)
    left = []
    for alert in broad:
        shared = [len(group.records & records_in(alert)) for group in found]
        most = max(range(len(found)), key=shared.__getitem__, default=None)
        if most is None or not shared[most] or 2 * shared[most] < len(alert.members):
            left.append(alert)
            continue
        of_group = sorted((*found[most].alerts, alert), key=lambda a: (a.opened_at.isoformat(), a.id))
        found[most] = replace(found[most], alerts=tuple(of_group))
    return found, left


def place_broad(
    findings: Iterable[Finding], places: Sequence[Place], finished: Iterable[Alert], dormant: frozenset[str]
) -> list[Place]:
    """Puts broad findings, in a fixed order, where they belong; `places` get theirs added.

    Returns the places of alerts to open. `dormant` are records of clusters whose alerts stay finished.
    """
    settled = frozenset().union(*(records_in(a) | frozenset(a.removed_by_hand) for a in finished))
    narrow = [place for place in places if place.narrow]
    broad = [place for place in places if not place.narrow]
    kept = dormant.union(*(place.keeps for place in narrow))
    left = []
    for finding in findings:
        home = _narrow_home(finding, narrow, kept)
        if home is not None:
            home.findings.append(_only(finding, home.keeps))
        elif 2 * len(finding.records & settled) < len(finding.records) and finding.records - kept:
            left.append(finding)
    for together in _of_one_unit(left):
        _place_together(together, broad, kept)
    return [place for place in broad if not any(place is known for known in places)]


def _narrow_home(finding: Finding, places: Sequence[Place], kept: frozenset[str]) -> Place | None:
    """The narrow place with most of its records: at least half, or all are in clusters already."""
    home = max(places, key=lambda place: _rank(place, [finding]), default=None)
    shared = len(home.keeps & finding.records) if home else 0
    enough = 2 * shared >= len(finding.records) or not finding.records - kept
    return home if shared and enough else None


def _place_together(findings: list[Finding], broad: list[Place], kept: frozenset[str]) -> None:
    """Adds findings of one unit to the alert that showed that unit, or that has at least half of their
    records, or to a new one at the end of `broad`."""
    records = frozenset().union(*(finding.records for finding in findings))
    same = [place for place in broad if any(_same_unit(findings, c) for c in place.evidence)]
    most = max(same or broad, key=lambda place: _rank(place, findings), default=None)
    home = most if same or (most and 2 * len(most.keeps & records) >= len(records)) else None
    own = records - kept.union(*(place.keeps for place in broad if place is not home))
    if home is None and not own:  # all of them are in alerts of other units
        home = most
    if home is None:
        home = Place(frozenset(), narrow=False)
        broad.append(home)
    home.keeps |= own
    home.findings += [_only(finding, home.keeps) for finding in findings]


def _rank(place: Place, findings: Sequence[Finding]) -> tuple[int, bool]:
    """The more records the better; of equals, that which showed this very evidence before: a repeated look
    must not move it."""
    shared = {record for finding in findings for record in finding.records & place.keeps}
    return len(shared), any(finding.cluster in place.evidence for finding in findings)


def _of_one_unit(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Findings of one unit and place on overlapping days, together."""
    together: list[list[Finding]] = []
    for finding in sorted(findings, key=lambda finding: finding.cluster.start):
        group = next((g for g in together if _same_unit(g, finding.cluster)), None)
        if group is None:
            together.append([finding])
        else:
            group.append(finding)
    return together


def _same_unit(findings: Iterable[Finding], other: Cluster) -> bool:
    return any(
        (one.unit, one.place) == (other.unit, other.place)
        and one.start <= other.end
        and other.start <= one.end
        for one in (finding.cluster for finding in findings)
    )


def _only(finding: Finding, records: frozenset[str]) -> Finding:
    return replace(finding, members=tuple(m for m in finding.members if record_of(m) in records))
