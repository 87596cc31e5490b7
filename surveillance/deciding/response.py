"""The response to an alert: its plan begins with it, and it ends evaluated, with no task left open."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from surveillance.alerting.alert import Alert
from surveillance.alerting.due import WorkingTime, add_working_hours
from surveillance.alerting.workflow import Details, NotAllowed
from surveillance.deciding.decision import Decision, Lessons, Unknown
from surveillance.store import alerts, responses
from surveillance.store.database import Transaction
from surveillance.store.responses import NewTask, Plan, Task
from surveillance.use_case.model import PlanTask, ResponsePlan


def plans_of(tx: Transaction, alert: Alert) -> list[Plan]:
    """Every response to the alert, and to those that were merged into it: work under way is not lost."""
    return responses.of_alerts(tx, alerts.family(tx, alert))


def begin(
    tx: Transaction, alert: Alert, template: ResponsePlan | None, working: WorkingTime, why: Decision
) -> None:
    """Begins a response with the tasks of the template, unless one is under way already."""
    if not responses.under_way(plans_of(tx, alert)):
        tasks = _tasks(template, why.at, working)
        responses.begin(tx, alert.id, why.by, why.at, tasks)


def end(tx: Transaction, alert: Alert, details: Details | None, lessons: Lessons, why: Decision) -> None:
    """Ends the responses under way. Raises NotAllowed where a task is open or the evaluation is missing."""
    plans = plans_of(tx, alert)
    under_way = responses.under_way(plans)
    if not under_way:
        return
    left = responses.open_tasks(plans)
    if left:
        raise NotAllowed(f"close needs every task done or not needed, with why; open: {len(left)}")
    if not lessons.complete:
        raise NotAllowed("close needs the evaluation of the response: what worked, and what did not")
    outcome = str(details.outcome) if details and details.outcome else ""
    how = responses.Ending(why.by, why.at, outcome, lessons.worked, lessons.not_worked)
    responses.end(tx, {plan.id for plan in under_way}, how)


def plan_to_add_to(tx: Transaction, alert: Alert) -> Plan:
    """The response under way. Raises NotAllowed where there is none."""
    under_way = responses.under_way(plans_of(tx, alert))
    if not under_way:
        raise NotAllowed("there is no response under way: respond to the alert first")
    return under_way[-1]


def open_task(tx: Transaction, alert: Alert, task_id: int, why: Decision) -> Task:
    """A task of a response under way. Raises Unknown, StaleTask or NotAllowed."""
    task = next((t for plan in plans_of(tx, alert) for t in plan.tasks if t.id == task_id), None)
    if task is None:
        raise Unknown(f"no task {task_id} in the response to alert {alert.id}")
    if why.seen is not None and why.seen != task.revision:
        raise responses.StaleTask("somebody changed this task meanwhile")
    if task not in responses.open_tasks(plans_of(tx, alert)):
        raise NotAllowed(f"this task is {task.state} already, or its response has ended")
    return task


def _tasks(template: ResponsePlan | None, start: datetime, working: WorkingTime) -> Iterator[NewTask]:
    for task in template.tasks if template else ():
        yield NewTask(task.id, task.title, task.what, task.owner, _due(task, start, working))


def _due(task: PlanTask, start: datetime, working: WorkingTime) -> datetime | None:
    if task.due_working_hours is not None:
        return add_working_hours(start, task.due_working_hours, working)
    return None if task.due_hours is None else start + timedelta(hours=task.due_hours)
