"""From what an evaluation found to what changes in the alerts: one alert per ongoing cluster.

`match` is a pure function of the stored alerts, the findings and the look. It keeps these rules:

- a record is a member of at most one unfinished alert of a use case and scope;
- a cluster that grows updates its alert; it never opens a second one;
- a count of a whole unit never joins clusters that have nothing to do with each other (`breadth`);
- alerts that turn out to be one cluster become one: the oldest stays, the others are merged into it;
- a finished alert stays finished until a record that it never held joins its cluster;
- what a person added stays, what a person removed does not come back;
- matching its own result again changes nothing, so a repeated evaluation is harmless.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from uuid import UUID, uuid5

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.breadth import Place, absorb, place_broad, set_apart
from surveillance.alerting.comparison import change_between
from surveillance.alerting.finding import SERVICE, Finding, Look, record_of
from surveillance.alerting.grouping import Group, age_order, finding_order, group, records_in

__all__ = ["FINISHED", "Finding", "Look", "alert_id", "match"]

FINISHED = frozenset({State.CLOSED, State.NOT_A_CLUSTER})
# From least to most work done. Merged alerts keep the furthest: work under way is not started anew.
_PROGRESS = (
    State.CANDIDATE,
    State.OPEN,
    State.ACKNOWLEDGED,
    State.ASSESSING,
    State.MONITORING,
    State.RESPONDING,
)
_NAMESPACE = UUID("5d7c8f0a-3c0e-5b43-9d0a-2b7a4f6c1e90")


def match(alerts: Iterable[Alert], findings: Iterable[Finding], look: Look) -> tuple[AlertChange, ...]:
    """The changes that findings make to alerts, at most one per alert, the oldest alert first.

    `alerts` are all alerts of the use case and scope in their current revision, the finished and merged
    ones included; others are ignored. `findings` are everything that this look found; their order does
    not matter.
    """
    known = [a for a in alerts if (a.use_case, a.scope) == (look.use_case, look.scope)]
    unfinished = [a for a in known if a.state not in FINISHED and a.state is not State.MERGED]
    finished = sorted((a for a in known if a.state in FINISHED), key=age_order)
    found = sorted(findings, key=finding_order)
    groups = group(unfinished, [f for f in found if not f.cluster.is_broad], join_alerts=True)
    narrow, broad = set_apart(groups)
    # What an unfinished alert holds, or has just been shown, belongs to it: no reopened alert takes it.
    taken = {r for g in narrow if g.alerts for r in g.records} | {
        r for a in unfinished for r in records_in(a)
    }
    answer = _Answer(look, frozenset(alert.id for alert in known), frozenset(taken))
    new = [finding for g in narrow if not g.alerts for finding in g.findings]
    settled = answer.settle(group(finished, new, join_alerts=False))
    dormant = frozenset().union(*(g.records for g, change in settled if change is None))
    reopened = [g for g, change in settled if change is not None and g.alerts]
    opened = [g for g, change in settled if change is not None and not g.alerts]
    ongoing = [g for g in narrow if g.alerts]
    together, broad = absorb([*ongoing, *opened], broad)
    live = _Live(
        ongoing=[g for g in together if g.alerts],
        begun=[g for g in together if not g.alerts] + reopened,
        broad=[Group((alert,), ()) for alert in broad],
        dormant=dormant,
    )
    again = {alert.id for g in reopened for alert in g.alerts}
    resting = [alert for alert in finished if alert.id not in again]
    placed = _with_broad(live, answer, [f for f in found if f.cluster.is_broad], resting)
    changes = [change for g in (*placed.ongoing, *placed.broad) for change in _update(g, look)]
    changes += [change for _, change in answer.settle(placed.begun) if change is not None]
    return tuple(sorted(changes, key=lambda change: age_order(change.alert)))


@dataclass(frozen=True)
class _Live:
    """Groups by what becomes of them: `ongoing` alerts go on, `begun` open or are reopened, `broad` alerts
    go on by themselves. `dormant` are the records of clusters of which all is in a finished alert."""

    ongoing: list[Group]
    begun: list[Group]
    broad: list[Group]
    dormant: frozenset[str]


@dataclass(frozen=True)
class _Answer:
    """Opens and reopens alerts. `ids` are those that exist, `taken` the records that others hold."""

    look: Look
    ids: frozenset[str]
    taken: frozenset[str]

    def settle(self, groups: Iterable[Group]) -> list[tuple[Group, AlertChange | None]]:
        """Each group with the change that begins or reopens its alert; None where nothing is new in it."""
        settled: list[tuple[Group, AlertChange | None]] = []
        taken = set(self.taken)
        for g in groups:
            if not g.findings:
                continue
            change = _reopen(g, self.look, taken) if g.alerts else _open(g, self.look, self.ids)
            settled.append((g, change))
            if change is not None:
                taken |= records_in(change.alert)
        return settled


def alert_id(use_case: str, scope: str, as_of: date, members: Iterable[str], *more: str) -> str:
    """An alert's id: the same for the same first members on the same day, so a repeated look repeats it."""
    return str(uuid5(_NAMESPACE, "\n".join((use_case, scope, as_of.isoformat(), *sorted(members), *more))))


def _with_broad(live: _Live, answer: _Answer, found: Iterable[Finding], finished: Sequence[Alert]) -> _Live:
    """The groups with the broad findings that belong to them, and without the records that broad alerts
    leave to narrow clusters."""
    begun = [records_in(change.alert) for _, change in answer.settle(live.begun) if change is not None]
    held = [g.records.union(*(records_in(a) for a in g.alerts if not a.broad)) for g in live.ongoing]
    own = [*held, *begun]

    def leave(g: Group, position: int | None) -> Group:
        of_broad = frozenset().union(*(records_in(a) for a in g.alerts if a.broad))
        others = (records for i, records in enumerate(own) if i != position)
        return replace(g, elsewhere=of_broad & live.dormant.union(*others))

    ongoing = [leave(g, i) for i, g in enumerate(live.ongoing)]
    broad = [leave(g, None) for g in live.broad]
    places = [
        *(_place(g, g.records.union(*map(records_in, g.alerts)) - g.elsewhere, True) for g in ongoing),
        *(_place(g, records, True) for g, records in zip(live.begun, begun, strict=True)),
        *(_place(g, records_in(g.alerts[0]) - g.elsewhere, False) for g in broad),
    ]
    more = place_broad(found, places, finished, live.dormant)
    groups = [
        replace(g, findings=(*g.findings, *place.findings))
        for g, place in zip([*ongoing, *live.begun, *broad], places, strict=True)
    ]
    end = len(ongoing) + len(live.begun)
    new = [Group((), tuple(place.findings)) for place in more]
    return _Live(groups[: len(ongoing)], groups[len(ongoing) : end] + new, groups[end:], live.dormant)


def _place(g: Group, keeps: frozenset[str], narrow: bool) -> Place:
    return Place(keeps, narrow, tuple(cluster for alert in g.alerts for cluster in alert.clusters))


def _update(g: Group, look: Look) -> list[AlertChange]:
    """The changes of a group with unfinished alerts: the oldest one goes on, the others merge into it."""
    oldest, *others = g.alerts
    after = _see(_without(_merge(g.alerts, look), g.elsewhere), g.findings, look)
    change = change_between(oldest, after, look)
    return [*([change] if change else []), *(_merge_away(other, oldest, look) for other in others)]


def _merge(alerts: tuple[Alert, ...], look: Look) -> Alert:
    """The oldest of some alerts with what people and evaluations put into any of them."""
    added = {record for alert in alerts for record in alert.added_by_hand}
    removed = {record for alert in alerts for record in alert.removed_by_hand} - added
    return replace(
        alerts[0],
        state=max((alert.state for alert in alerts), key=_PROGRESS.index),
        severity=min((alert.severity for alert in alerts), key=look.rank),
        members=tuple(sorted({member for alert in alerts for member in alert.members})),
        added_by_hand=tuple(sorted(added)),
        removed_by_hand=tuple(sorted(removed)),
        broad=all(alert.broad for alert in alerts),
        owner=next((alert.owner for alert in alerts if alert.owner), None),
        acknowledge_due=min((a.acknowledge_due for a in alerts if a.acknowledge_due), default=None),
        assess_due=min((a.assess_due for a in alerts if a.assess_due), default=None),
    )


def _without(alert: Alert, elsewhere: Collection[str]) -> Alert:
    """An alert without the records that a narrower cluster took; what a person put there stays."""
    lost = frozenset(elsewhere) - frozenset(alert.added_by_hand)
    return (
        replace(alert, members=tuple(m for m in alert.members if record_of(m) not in lost)) if lost else alert
    )


def _merge_away(alert: Alert, into: Alert, look: Look) -> AlertChange:
    after = replace(
        alert,
        revision=alert.revision + 1,
        state=State.MERGED,
        alive=False,
        as_of=look.as_of,
        changed_at=look.at,
        merged_into=into.id,
    )
    # Told, so that nobody waits for a merged alert: all its members are another alert's now.
    return AlertChange(Change.MERGED, after, look.at, SERVICE, f"one cluster with alert {into.id}", told=True)


def _see(alert: Alert, findings: tuple[Finding, ...], look: Look) -> Alert:
    """An alert after a look: its members as they stand now, and as evidence what the look found.

    A member stays while its record is a case, in the window or not. Where nothing was found the last
    evidence stays too, and `alive` says so.
    """
    members = _members(alert, findings, look)
    if not findings:
        return replace(alert, members=members, alive=False)
    evidence = sorted(findings, key=lambda finding: _strength(finding, look))
    clusters = tuple(finding.cluster for finding in evidence)
    opens = alert.state is State.CANDIDATE and any(finding.opens == State.OPEN for finding in findings)
    severities = {evidence[0].severity}
    areas = [area for cluster in clusters for area in cluster.areas]
    days = [day for cluster in clusters for day in (cluster.start, cluster.end)]
    if alert.opened_by != SERVICE:  # a detector that sees less than a person did takes nothing back
        severities.add(alert.severity)
        areas += alert.areas
        days += (alert.start, alert.end)
    return replace(
        alert,
        state=State.OPEN if opens else alert.state,
        severity=min(severities, key=look.rank),
        members=members,
        areas=tuple(dict.fromkeys(areas)),
        start=min(days),
        end=max(days),
        clusters=clusters,
        alive=True,
        broad=alert.broad and all(cluster.is_broad for cluster in clusters),
    )


def _members(alert: Alert, findings: Iterable[Finding], look: Look) -> tuple[str, ...]:
    found = {record_of(member): member for finding in findings for member in sorted(finding.members)}
    held = {record_of(member): member for member in sorted(alert.members)}
    stays = {
        r: look.standing.get(r, m) for r, m in held.items() if r in look.standing or r in alert.added_by_hand
    }
    removed = frozenset(alert.removed_by_hand)
    return tuple(sorted(member for record, member in (stays | found).items() if record not in removed))


def _strength(finding: Finding, look: Look) -> tuple[object, ...]:
    """Sorts findings, the strongest first; the rest only makes the order the same every time."""
    c = finding.cluster
    numbers = (c.recurrence_interval_days, c.statistic, c.observed)
    strongest = (-(number or 0.0) for number in numbers)
    return look.rank(finding.severity), *strongest, c.detector, c.place, c.members, c.areas, c.start, c.end


def _open(g: Group, look: Look, ids: Collection[str]) -> AlertChange:
    """A new alert for findings that touch none."""
    members = sorted({member for finding in g.findings for member in finding.members})
    name = alert_id(look.use_case, look.scope, look.as_of, members)
    while name in ids:  # the same records were an alert before, and people took it apart
        name = alert_id(look.use_case, look.scope, look.as_of, members, name)
    blank = Alert(
        id=name,
        revision=1,
        use_case=look.use_case,
        scope=look.scope,
        state=State.CANDIDATE,
        severity="",
        members=(),
        areas=(),
        start=look.as_of,
        end=look.as_of,
        clusters=(),
        alive=True,
        as_of=look.as_of,
        opened_at=look.at,
        changed_at=look.at,
        broad=True,
    )
    alert = _see(blank, g.findings, look)
    reason = f"{len(alert.members)} records, severity {alert.severity}"
    return AlertChange(Change.OPENED, alert, look.at, SERVICE, reason, told=True)


def _reopen(g: Group, look: Look, taken: Collection[str]) -> AlertChange | None:
    """Reopen the oldest finished alert that findings touch, if they bring a record that none of them held."""
    held = {record for alert in g.alerts for record in (*records_in(alert), *alert.removed_by_hand)}
    joined = g.records - held
    if not joined:
        return None
    oldest = g.alerts[0]
    own = replace(
        oldest,
        revision=oldest.revision + 1,
        state=State.OPEN,
        members=tuple(member for member in oldest.members if record_of(member) not in taken),
        added_by_hand=tuple(record for record in oldest.added_by_hand if record not in taken),
        outcome=None,
        acknowledge_due=None,
        assess_due=None,
        as_of=look.as_of,
        changed_at=look.at,
    )
    reason = f"records that joined since it was finished: {len(joined)}"
    return AlertChange(Change.REOPENED, _see(own, g.findings, look), look.at, SERVICE, reason, told=True)
