"""Alerts in their current revision, and every revision they ever had."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, or_, select

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.due import next_due
from surveillance.alerting.finding import record_of
from surveillance.line_list.record import RecordKey
from surveillance.store.codec import alert_from_json, to_json
from surveillance.store.database import Transaction
from surveillance.store.records import numbers_of
from surveillance.store.statements import chunks, insert_into, insert_missing
from surveillance.store.tables import alert_history, alerts
from surveillance.store.tables_cases import alert_members

_PAGE = 500
ENDED = (State.CLOSED.value, State.NOT_A_CLUSTER.value, State.MERGED.value)


class StaleAlert(RuntimeError):
    """The alert changed since it was read: read it again and decide anew."""


@dataclass(frozen=True, slots=True)
class StoredChange:
    """A row of an alert's history. `evaluation_id` is None where a person made the change."""

    change: AlertChange
    evaluation_id: int | None


def save(tx: Transaction, changes: Sequence[AlertChange], evaluation_id: int | None = None) -> None:
    """Adds revisions: each must be the next of its alert, 1 for a new one. Raises StaleAlert.

    Nobody overwrites a revision: of two writers who read the same one, the second is refused.
    """
    if not changes:
        return
    current = _lock(tx, {change.alert.id for change in changes})
    for change in changes:
        if change.alert.revision != current.get(change.alert.id, 0) + 1:
            raise StaleAlert(f"alert {change.alert.id} is at another revision now")
        current[change.alert.id] = change.alert.revision
    latest = {change.alert.id: change.alert for change in changes}
    _write_current(tx, latest.values())
    _write_members(tx, latest.values())
    added = insert_missing(tx, alert_history, [_history_row(change, evaluation_id) for change in changes])
    if added != len(changes):
        raise StaleAlert("another writer opened the same alert just now")


def of_scope(tx: Transaction, use_case: str, scope: str, since: date) -> list[Alert]:
    """The alerts of a use case and scope that a look at the days from `since` on can meet, the oldest first.

    Unfinished ones of any age; finished and merged ones where their cluster reaches into these days.
    """
    query = (
        select(alerts.c.alert)
        .where(
            alerts.c.use_case == use_case,
            alerts.c.scope == scope,
            or_(alerts.c.end_day >= since, alerts.c.state.not_in(ENDED)),
        )
        .order_by(alerts.c.opened_at, alerts.c.id)
    )
    return [alert_from_json(stored) for stored in tx.execute(query).scalars()]


def listed(
    tx: Transaction,
    *,
    use_case: str | None = None,
    scope: str | None = None,
    states: Collection[State] | None = None,
    scopes: Collection[str] | None = None,
    newest_first: bool = False,
    limit: int | None = None,
) -> list[Alert]:
    """Alerts that meet every filter given, by the time they opened."""
    query = select(alerts.c.alert)
    if use_case is not None:
        query = query.where(alerts.c.use_case == use_case)
    if scope is not None:
        query = query.where(alerts.c.scope == scope)
    if scopes is not None:
        query = query.where(alerts.c.scope.in_(sorted(scopes)))
    if states is not None:
        query = query.where(alerts.c.state.in_(sorted(states)))
    order = (alerts.c.opened_at, alerts.c.id)
    query = query.order_by(*(column.desc() for column in order) if newest_first else order).limit(limit)
    return [alert_from_json(stored) for stored in tx.execute(query).scalars()]


def show(tx: Transaction, alert_id: str) -> Alert | None:
    """One alert in its current revision, or None."""
    stored = tx.execute(select(alerts.c.alert).where(alerts.c.id == alert_id)).scalar_one_or_none()
    return None if stored is None else alert_from_json(stored)


def family(tx: Transaction, alert: Alert) -> list[str]:
    """The ids of the alert and of all that were ever merged into it, itself first."""
    merged = select(alerts.c.id, alerts.c.alert).where(
        alerts.c.use_case == alert.use_case,
        alerts.c.scope == alert.scope,
        alerts.c.state == State.MERGED.value,
    )
    into = {row.id: row.alert.get("merged_into") for row in tx.execute(merged)}
    found = [alert.id]
    for target in found:  # grows while it is walked; an alert is merged once, so the walk ends
        found += sorted(one for one in into if into[one] == target)
    return found


def history(tx: Transaction, alert_id: str) -> list[StoredChange]:
    """Every change of an alert, the first one first."""
    rows = tx.execute(
        select(alert_history).where(alert_history.c.alert_id == alert_id).order_by(alert_history.c.revision)
    )
    return [StoredChange(_change(r), r.evaluation_id) for r in rows]


def changed_between(
    tx: Transaction, use_case: str, scope: str, since: datetime, until: datetime
) -> list[AlertChange]:
    """What happened to a scope's alerts from `since` to before `until`, in order of time."""
    rows = tx.execute(
        select(alert_history)
        .join(alerts, alerts.c.id == alert_history.c.alert_id)
        .where(alerts.c.use_case == use_case, alerts.c.scope == scope)
        .where(alert_history.c.at >= since, alert_history.c.at < until)
        .order_by(alert_history.c.at, alert_history.c.alert_id, alert_history.c.revision)
    )
    return [_change(row) for row in rows]


def at_revision(tx: Transaction, alert_id: str, revision: int) -> StoredChange | None:
    """The change that made one revision of an alert, or None."""
    row = tx.execute(
        select(alert_history).where(
            alert_history.c.alert_id == alert_id, alert_history.c.revision == revision
        )
    ).one_or_none()
    return None if row is None else StoredChange(_change(row), row.evaluation_id)


def moments(tx: Transaction, change: Change, ids: Collection[str]) -> dict[str, list[tuple[str, datetime]]]:
    """By alert, reason and time of all its changes of one kind, the first one first."""
    found: dict[str, list[tuple[str, datetime]]] = {}
    for some in chunks(sorted(ids)):
        query = (
            select(alert_history.c.alert_id, alert_history.c.reason, alert_history.c.at)
            .where(alert_history.c.alert_id.in_(some), alert_history.c.change == change.value)
            .order_by(alert_history.c.alert_id, alert_history.c.revision)
        )
        for alert_id, reason, at in tx.execute(query):
            found.setdefault(alert_id, []).append((reason, at))
    return found


def last_changes(tx: Transaction) -> dict[str, AlertChange]:
    """By alert, the row of its history that made its current revision."""
    current = and_(alert_history.c.alert_id == alerts.c.id, alert_history.c.revision == alerts.c.revision)
    rows = tx.execute(select(alert_history).join(alerts, current))
    return {r.alert_id: _change(r) for r in rows}


def places(tx: Transaction) -> dict[str, tuple[str, str]]:
    """By alert, its scope and use case."""
    rows = tx.execute(select(alerts.c.id, alerts.c.scope, alerts.c.use_case))
    return {row.id: (row.scope, row.use_case) for row in rows}


def count_by_state(tx: Transaction) -> dict[tuple[str, State], int]:
    """How many alerts there are, by use case and state."""
    by = (alerts.c.use_case, alerts.c.state)
    rows = tx.execute(select(*by, func.count()).group_by(*by))
    return {(use_case, State(state)): count for use_case, state, count in rows}


def relist_members(tx: Transaction) -> None:
    """Writes down anew which records are members of which alert, as the alerts say. Idempotent."""
    tx.execute(delete(alert_members))
    found = tx.execute(select(alerts.c.alert).order_by(alerts.c.id)).yield_per(_PAGE).scalars()
    for some in chunks(found, _PAGE):
        _write_members(tx, [alert_from_json(stored) for stored in some])


AWAITED = (State.OPEN, State.ACKNOWLEDGED, State.ASSESSING)
"""The states in which a target may be missed."""


def count_late(tx: Transaction, now: datetime) -> dict[tuple[str, State], int]:
    """How many alerts wait for somebody beyond their due time, by use case and state."""
    by = (alerts.c.use_case, alerts.c.state)
    late = and_(alerts.c.state.in_(AWAITED), alerts.c.due_at < now)
    rows = tx.execute(select(*by, func.count()).where(late).group_by(*by))
    return {(use_case, State(state)): count for use_case, state, count in rows}


def _change(row: Row[Any]) -> AlertChange:
    return AlertChange(Change(row.change), alert_from_json(row.alert), row.at, row.by, row.reason, row.told)


def _lock(tx: Transaction, ids: Collection[str]) -> dict[str, int]:
    """The current revision of those alerts that exist, kept from other writers until the end."""
    found: dict[str, int] = {}
    for some in chunks(sorted(ids)):
        rows = tx.execute(
            select(alerts.c.id, alerts.c.revision)
            .where(alerts.c.id.in_(some))
            .order_by(alerts.c.id)
            .with_for_update()
        )
        found |= {row.id: row.revision for row in rows}
    return found


def _write_current(tx: Transaction, latest: Iterable[Alert]) -> None:
    statement = insert_into(tx, alerts)
    changed = {column.name: statement.excluded[column.name] for column in alerts.c if column.name != "id"}
    # Two writers may open the same new alert at once: the later one meets the other's revision here.
    next_only = alerts.c.revision < statement.excluded.revision
    tx.execute(
        statement.on_conflict_do_update(index_elements=["id"], set_=changed, where=next_only),
        [_current_row(alert) for alert in latest],
    )


def _write_members(tx: Transaction, latest: Collection[Alert]) -> None:
    members = {alert.id: {RecordKey.parse(record_of(m)) for m in alert.members} for alert in latest}
    numbers = numbers_of(tx, {key for keys in members.values() for key in keys})
    for some in chunks(sorted(members)):
        tx.execute(delete(alert_members).where(alert_members.c.alert_id.in_(some)))
    insert_missing(
        tx,
        alert_members,
        [{"alert_id": a, "record": numbers[k]} for a, keys in members.items() for k in keys & numbers.keys()],
    )


def _current_row(alert: Alert) -> dict[str, Any]:
    due = next_due(alert)
    return {
        "id": alert.id,
        "revision": alert.revision,
        "use_case": alert.use_case,
        "scope": alert.scope,
        "state": alert.state.value,
        "severity": alert.severity,
        "alive": alert.alive,
        "start_day": alert.start,
        "end_day": alert.end,
        "opened_at": alert.opened_at,
        "changed_at": alert.changed_at,
        "owner": alert.owner,
        "due_at": due[1] if due else None,
        "alert": to_json(alert),
    }


def _history_row(change: AlertChange, evaluation_id: int | None) -> dict[str, Any]:
    return {
        "alert_id": change.alert.id,
        "revision": change.alert.revision,
        "change": change.change.value,
        "at": change.at,
        "by": change.by,
        "reason": change.reason,
        "told": change.told,
        "evaluation_id": evaluation_id,
        "alert": to_json(change.alert),
    }
