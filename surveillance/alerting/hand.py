"""What people see that no detector does: alerts opened by hand, members added and removed by hand.

Evaluations keep to these decisions: an added member stays, a removed one does not come back.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.finding import SERVICE, record_of
from surveillance.alerting.grouping import records_in
from surveillance.alerting.matching import FINISHED, alert_id
from surveillance.alerting.workflow import NotAllowed


@dataclass(frozen=True, slots=True)
class Sighting:
    """What a person holds to be a cluster. `members` are record@version; the rest as in an Alert."""

    use_case: str
    scope: str
    severity: str
    members: tuple[str, ...]
    areas: tuple[str, ...]
    start: date
    end: date


@dataclass(frozen=True, slots=True)
class Extent:
    """Areas and days of some members' cases as they stand now."""

    areas: tuple[str, ...]
    start: date
    end: date


def open_by_hand(
    seen: Sighting, by: str, at: datetime, as_of: date, reason: str, others: Iterable[Alert] = ()
) -> AlertChange:
    """A new open alert without evidence of a detector; a later finding of its records adds the evidence.

    `others` are the alerts of the use case and scope. Raises NotAllowed where one of them holds a member,
    and where there is none. The same sighting at the same time has the same id.
    """
    if not seen.members:
        raise NotAllowed("an alert needs a member")
    _refuse_held(map(record_of, seen.members), others)
    alert = Alert(
        id=alert_id(seen.use_case, seen.scope, as_of, seen.members, by, at.isoformat()),
        revision=1,
        use_case=seen.use_case,
        scope=seen.scope,
        state=State.OPEN,
        severity=seen.severity,
        members=tuple(sorted(set(seen.members))),
        areas=seen.areas,
        start=seen.start,
        end=seen.end,
        clusters=(),
        alive=False,  # no evaluation has found it
        as_of=as_of,
        opened_at=at,
        changed_at=at,
        opened_by=by,
        added_by_hand=tuple(sorted(set(map(record_of, seen.members)))),
    )
    return AlertChange(Change.OPENED, alert, at, by, reason, told=True)


def add_members(
    alert: Alert,
    members: Collection[str],
    by: str,
    at: datetime,
    reason: str,
    others: Iterable[Alert] = (),
    extent: Extent | None = None,
) -> AlertChange:
    """Add record@version members that stay, whatever evaluations find. Raises NotAllowed as `open_by_hand`.

    A member that an evaluation put there is made to stay; that alone is not told. `extent` is that of all
    members afterwards.
    """
    _refuse_finished(alert)
    added = {record_of(member): member for member in members}
    _refuse_held(added, (other for other in others if other.id != alert.id))
    held = {record_of(member): member for member in alert.members}
    after = replace(
        alert,
        members=tuple(sorted((added | held).values())),
        added_by_hand=tuple(sorted({*alert.added_by_hand, *added})),
        removed_by_hand=tuple(record for record in alert.removed_by_hand if record not in added),
    )
    return _change(alert, _reaching(after, extent), by, at, reason)


def remove_members(
    alert: Alert,
    records: Collection[str],
    by: str,
    at: datetime,
    reason: str,
    extent: Extent | None = None,
) -> AlertChange:
    """Remove members by record key; evaluations do not bring them back. Raises NotAllowed where none is.

    `extent` is that of the members that stay.
    """
    _refuse_finished(alert)
    removed = records_in(alert) & frozenset(records)
    after = replace(
        alert,
        members=tuple(member for member in alert.members if record_of(member) not in removed),
        added_by_hand=tuple(record for record in alert.added_by_hand if record not in removed),
        removed_by_hand=tuple(sorted({*alert.removed_by_hand, *removed})),
    )
    return _change(alert, _reaching(after, extent), by, at, reason)


def drop_erased(alert: Alert, stand_in: str, by: str, at: datetime) -> AlertChange:
    """The alert without the member whose record was erased; `stand_in` is the key that took its place.

    Also where nothing else changes: a new revision keeps off whoever read the alert before.
    """
    after = replace(
        alert,
        members=tuple(member for member in alert.members if record_of(member) != stand_in),
        added_by_hand=tuple(record for record in alert.added_by_hand if record != stand_in),
        removed_by_hand=tuple(record for record in alert.removed_by_hand if record != stand_in),
        revision=alert.revision + 1,
        changed_at=at,
    )
    told = after.members != alert.members
    return AlertChange(Change.MEMBERS, after, at, by, "a record was erased for good", told)


def _reaching(alert: Alert, extent: Extent | None) -> Alert:
    """Areas and days of what a person opened are those of its members and its evidence; any other alert
    has those of its evidence alone."""
    if extent is None or alert.opened_by == SERVICE:
        return alert
    areas = [area for cluster in alert.clusters for area in cluster.areas]
    days = [day for cluster in alert.clusters for day in (cluster.start, cluster.end)]
    return replace(
        alert,
        areas=tuple(dict.fromkeys([*areas, *extent.areas])),
        start=min([*days, extent.start]),
        end=max([*days, extent.end]),
    )


def _change(before: Alert, after: Alert, by: str, at: datetime, reason: str) -> AlertChange:
    if after == before:
        raise NotAllowed("this changes no member")
    told = after.members != before.members
    alert = replace(after, revision=before.revision + 1, changed_at=at)
    return AlertChange(Change.MEMBERS, alert, at, by, reason, told)


def _refuse_finished(alert: Alert) -> None:
    if alert.state in FINISHED or alert.state is State.MERGED:
        raise NotAllowed(f"the members of an alert that is {alert.state} do not change")


def _refuse_held(records: Iterable[str], others: Iterable[Alert]) -> None:
    """Nobody may make a record a member of two unfinished alerts; the message names the alert it is in."""
    wanted = frozenset(records)
    for other in others:
        unfinished = other.state not in FINISHED and other.state is not State.MERGED
        if unfinished and not wanted.isdisjoint(records_in(other)):
            raise NotAllowed(f"a record is a member of alert {other.id}: add to that one, or remove it there")
