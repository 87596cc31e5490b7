"""Response plans: begun with a response, their tasks resolved one by one, evaluated when the alert closes."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, and_, insert, select, update

from surveillance.store.database import Transaction
from surveillance.store.tables_acts import response_plans, response_tasks


class TaskState(StrEnum):
    """What became of a task."""

    OPEN = "open"
    DONE = "done"
    NOT_NEEDED = "not_needed"


class StaleTask(RuntimeError):
    """The task changed since it was read: look at it again."""


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task to add. `template`: its id in the use case's plan, None where a person adds it."""

    template: str | None
    title: str
    what: str
    role: str
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Task:
    """A task of a response plan as it stands."""

    id: int
    plan_id: int
    template: str | None
    title: str
    what: str
    role: str
    owner: str | None
    due_at: datetime | None
    state: TaskState
    revision: int
    added_at: datetime
    added_by: str
    resolved_at: datetime | None
    resolved_by: str | None
    reason: str | None

    def overdue(self, now: datetime) -> bool:
        """Whether it is open after its time."""
        return self.state is TaskState.OPEN and self.due_at is not None and self.due_at < now


@dataclass(frozen=True, slots=True)
class Plan:
    """A response with its tasks. `ended_at` None: it is under way, and not evaluated yet."""

    id: int
    alert_id: str
    started_at: datetime
    started_by: str
    ended_at: datetime | None
    ended_by: str | None
    outcome: str | None
    worked: str | None
    not_worked: str | None
    tasks: tuple[Task, ...]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a response ended: who closed it, when, with which outcome, and what it taught."""

    by: str
    at: datetime
    outcome: str
    worked: str
    not_worked: str


def begin(tx: Transaction, alert_id: str, by: str, at: datetime, tasks: Iterable[NewTask]) -> int:
    """Begins a response with its tasks; returns the plan's number."""
    values = {"alert_id": alert_id, "started_at": at, "started_by": by}
    row = tx.execute(insert(response_plans).values(**values).returning(response_plans.c.id))
    plan_id = int(row.scalar_one())
    for task in tasks:
        add_task(tx, plan_id, task, by, at)
    return plan_id


def add_task(tx: Transaction, plan_id: int, task: NewTask, by: str, at: datetime) -> int:
    """Adds an open task that nobody owns yet; returns its number."""
    values = {
        "plan_id": plan_id,
        "template": task.template,
        "title": task.title,
        "what": task.what,
        "role": task.role,
        "due_at": task.due_at,
        "state": TaskState.OPEN.value,
        "revision": 1,
        "added_at": at,
        "added_by": by,
    }
    row = tx.execute(insert(response_tasks).values(**values).returning(response_tasks.c.id))
    return int(row.scalar_one())


def change_task(tx: Transaction, task: Task, **values: Any) -> None:
    """Writes some columns of a task anew. Raises StaleTask where somebody changed it since it was read."""
    same = and_(response_tasks.c.id == task.id, response_tasks.c.revision == task.revision)
    done = tx.execute(update(response_tasks).where(same).values(**values, revision=task.revision + 1))
    if done.rowcount != 1:
        raise StaleTask("somebody changed this task meanwhile")


def end(tx: Transaction, plan_ids: Collection[int], how: Ending) -> None:
    """Ends responses with their evaluation. Idempotent by plan: the first ending stays."""
    under_way = and_(response_plans.c.id.in_(sorted(plan_ids)), response_plans.c.ended_at.is_(None))
    tx.execute(
        update(response_plans)
        .where(under_way)
        .values(
            ended_at=how.at,
            ended_by=how.by,
            outcome=how.outcome,
            worked=how.worked,
            not_worked=how.not_worked,
        )
    )


def of_alerts(tx: Transaction, alert_ids: Collection[str]) -> list[Plan]:
    """Every response to these alerts, the oldest first, each with its tasks in order of adding."""
    chosen = response_plans.c.alert_id.in_(sorted(alert_ids))
    plans = tx.execute(select(response_plans).where(chosen).order_by(response_plans.c.id)).all()
    tasks: dict[int, list[Task]] = {plan.id: [] for plan in plans}
    query = select(response_tasks).where(response_tasks.c.plan_id.in_(sorted(tasks)))
    for row in tx.execute(query.order_by(response_tasks.c.id)) if tasks else ():
        tasks[row.plan_id].append(_task(row))
    return [Plan(**plan._asdict(), tasks=tuple(tasks[plan.id])) for plan in plans]


def under_way(plans: Iterable[Plan]) -> list[Plan]:
    """Those that have not ended."""
    return [plan for plan in plans if plan.ended_at is None]


def open_tasks(plans: Iterable[Plan]) -> list[Task]:
    """The tasks of responses under way that are neither done nor unneeded."""
    return [t for plan in under_way(plans) for t in plan.tasks if t.state is TaskState.OPEN]


def _task(row: Row[Any]) -> Task:
    values = row._asdict()
    return Task(**{**values, "state": TaskState(values["state"])})
