"""Queues of alerts: chosen, counted, sorted and cut into pages by the database, from short columns only."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select

from surveillance.alerting.alert import Alert, Change, State
from surveillance.store.codec import alert_from_json
from surveillance.store.database import Transaction
from surveillance.store.tables import alert_history, alerts
from surveillance.store.tables_seen import alerts_seen

FINISHED = (State.NOT_A_CLUSTER, State.CLOSED, State.MERGED)
_FINISHED = tuple(state.value for state in FINISHED)


Reach = frozenset[tuple[str, str]]
"""Pairs of use case and scope whose alerts a person may see."""


class View(StrEnum):
    """A person's ways of looking at the alerts; all but the last leave out what is finished."""

    MINE = "mine"
    UNOWNED = "unowned"
    OVERDUE = "overdue"
    ALL = "all"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which alerts a person asks for.

    `at`: what is overdue then. A filter that is None lets everything through.
    """

    person: str
    at: datetime
    within: Reach
    use_case: str | None = None
    scope: str | None = None
    severity: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Which part of the alerts that were chosen, in which order of severities.

    `ranks`: by use case and severity, 0 the strongest.
    """

    view: View
    ranks: Mapping[tuple[str, str], int]
    first: int
    limit: int


@dataclass(frozen=True, slots=True)
class Listed:
    """An alert in a queue, as its columns say. `seen`: the newest revision the person was shown, or None."""

    id: str
    revision: int
    use_case: str
    scope: str
    state: State
    severity: str
    alive: bool
    opened_at: datetime
    changed_at: datetime
    owner: str | None
    due_at: datetime | None
    seen: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One row of an alert's history, without the alert after it; `state` and `severity` are that alert's."""

    alert_id: str
    revision: int
    change: Change
    at: datetime
    by: str
    reason: str
    told: bool
    state: State
    severity: str
    evaluation_id: int | None


class Revision(NamedTuple):
    """The revision of an alert now, and where it belongs."""

    revision: int
    use_case: str
    scope: str


def count_views(tx: Transaction, choice: Choice) -> dict[View, int]:
    """How many of the alerts chosen each view shows."""
    counts = [
        func.coalesce(func.sum(case((_in_view(view, choice), 1), else_=0)), 0).label(view) for view in View
    ]
    row = tx.execute(select(*counts).where(_chosen(choice))).one()
    return {view: int(count) for view, count in zip(View, row, strict=True)}


def page(tx: Transaction, choice: Choice, cut: Cut) -> list[Listed]:
    """A part of one view. The strongest first, then what changed last; overdue and finished by their time."""
    numbers = (
        select(alerts.c.id)
        .where(_chosen(choice), _in_view(cut.view, choice))
        .order_by(*_order(cut))
        .offset(cut.first)
        .limit(cut.limit)
    )
    ids = tx.execute(numbers).scalars().all()
    found = {row.id: row for row in _listed(tx, ids, choice.person)}
    return [found[alert_id] for alert_id in ids]


def whole(tx: Transaction, ids: Collection[str]) -> dict[str, Alert]:
    """The alerts themselves, by id, for those few that are read in full."""
    rows = tx.execute(select(alerts.c.id, alerts.c.alert).where(alerts.c.id.in_(sorted(ids))))
    return {alert_id: alert_from_json(stored) for alert_id, stored in rows}


def steps(tx: Transaction, after: Mapping[str, int]) -> dict[str, list[Step]]:
    """By alert, the rows of its history after a revision (0: all), the oldest first."""
    if not after:
        return {}
    newer = [
        and_(alert_history.c.alert_id == alert_id, alert_history.c.revision > revision)
        for alert_id, revision in sorted(after.items())
    ]
    rows = tx.execute(
        select(*_STEP).where(or_(*newer)).order_by(alert_history.c.alert_id, alert_history.c.revision)
    )
    found: dict[str, list[Step]] = {}
    for alert_id, revision, change, at, by, reason, told, evaluation_id, alert in rows:
        state, severity = State(alert["state"]), alert["severity"]
        step = Step(alert_id, revision, Change(change), at, by, reason, told, state, severity, evaluation_id)
        found.setdefault(alert_id, []).append(step)
    return found


def revisions(tx: Transaction, known: Mapping[str, int]) -> dict[str, Revision]:
    """Every alert whose revision is not the one known."""
    rows = tx.execute(select(alerts.c.id, alerts.c.revision, alerts.c.use_case, alerts.c.scope))
    return {row.id: Revision(*row[1:]) for row in rows if known.get(row.id) != row.revision}


Mark = tuple[int, int]
"""How many alerts there are, and the sum of their revisions: it rises with every change of any of them.

Whenever the transaction of the change began; times of changes would come out of order.
"""


def mark_of_changes(tx: Transaction, within: Reach | None = None) -> Mark:
    """The mark of all alerts, or of those within reach: a mark of others would tell that they change."""
    query = select(func.count(), func.sum(alerts.c.revision))
    count, revisions_made = tx.execute(query if within is None else query.where(_within(within))).one()
    return int(count), int(revisions_made or 0)


_STEP = (
    alert_history.c.alert_id,
    alert_history.c.revision,
    alert_history.c.change,
    alert_history.c.at,
    alert_history.c.by,
    alert_history.c.reason,
    alert_history.c.told,
    alert_history.c.evaluation_id,
    alert_history.c.alert,
)


def _listed(tx: Transaction, ids: Sequence[str], person: str) -> list[Listed]:
    columns = [alerts.c[name] for name in Listed.__slots__ if name != "seen"]
    by_person = and_(alerts_seen.c.alert_id == alerts.c.id, alerts_seen.c.person == person)
    query: Select[Any] = (
        select(*columns, alerts_seen.c.revision.label("seen"))
        .select_from(alerts.outerjoin(alerts_seen, by_person))
        .where(alerts.c.id.in_(ids))
    )
    rows = (row._asdict() for row in tx.execute(query))
    return [Listed(**row | {"state": State(row["state"])}) for row in rows]


def _chosen(choice: Choice) -> ColumnElement[bool]:
    """The person's alerts that meet every filter."""
    asked = [
        (use_case, scope)
        for use_case, scope in choice.within
        if choice.use_case in (None, use_case) and choice.scope in (None, scope)
    ]
    filters = [_within(frozenset(asked))]
    if choice.severity is not None:
        filters.append(alerts.c.severity == choice.severity)
    if choice.state is not None:
        filters.append(alerts.c.state == choice.state.value)
    return and_(*filters)


def _within(reach: Reach) -> ColumnElement[bool]:
    """Nothing is within reach of nobody."""
    scopes: dict[str, list[str]] = {}
    for use_case, scope in sorted(reach):
        scopes.setdefault(use_case, []).append(scope)
    within = [
        and_(alerts.c.use_case == u, alerts.c.scope.in_(of_use_case)) for u, of_use_case in scopes.items()
    ]
    return or_(false(), *within)


def _in_view(view: View, choice: Choice) -> ColumnElement[bool]:
    finished = alerts.c.state.in_(_FINISHED)
    if view is View.FINISHED:
        return finished
    tests: dict[View, ColumnElement[bool]] = {
        View.MINE: alerts.c.owner == choice.person,
        View.UNOWNED: alerts.c.owner.is_(None),
        View.OVERDUE: alerts.c.due_at < choice.at,
    }
    return and_(~finished, tests[view]) if view in tests else ~finished


def _order(cut: Cut) -> list[ColumnElement[Any]]:
    last_changed = [alerts.c.changed_at.desc(), alerts.c.id]
    if cut.view is View.FINISHED:
        return last_changed
    if cut.view is View.OVERDUE:
        return [alerts.c.due_at, alerts.c.id]
    ranks = [
        (and_(alerts.c.use_case == use_case, alerts.c.severity == severity), literal(rank))
        for (use_case, severity), rank in sorted(cut.ranks.items())
    ]
    strongest_first = [case(*ranks, else_=literal(len(ranks)))] if ranks else []
    candidates_last = case((alerts.c.state == State.CANDIDATE.value, 1), else_=0)
    return [candidates_last, *strongest_first, *last_changed]
