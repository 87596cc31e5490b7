"""surveillance alerts: the same words as on the page, and what people decide."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.table import Table

from surveillance.alerting.alert import Alert
from surveillance.alerting.identifying import Identifying
from surveillance.alerting.workflow import Act, Details, Outcome
from surveillance.cli.errors import Mistake
from surveillance.cli.keys import desk_keys
from surveillance.deciding import Decision, Desk, Lessons
from surveillance.deciding.response import plans_of
from surveillance.line_list.duplicates import Pair
from surveillance.line_list.record import RecordKey
from surveillance.settings import Settings
from surveillance.store import alerts, line_list
from surveillance.store.codec import to_json
from surveillance.store.responses import NewTask, TaskState
from surveillance.web.reading import Reading

app = typer.Typer(no_args_is_help=True)

_JSON = typer.Option("--json", help="Print JSON.")


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(app, name="alerts", help="Alerts as people read them.")


@app.command("list")
def list_alerts(as_json: Annotated[bool, _JSON] = False) -> None:
    """Every alert, the newest first."""
    with Reading.open(Settings()) as reading:
        found = [alert for alert, _ in reading.alerts()]
        if as_json:
            typer.echo(json.dumps([to_json(alert) for alert in found], indent=2))
            return
        table = Table("id", "use case", "severity", "state", "changed", "what", title=f"{len(found)} alerts")
        for alert in found:
            table.add_row(
                alert.id,
                alert.use_case,
                alert.severity,
                str(alert.state),
                reading.local(alert, alert.changed_at),
                reading.sentence(alert),
            )
        Console().print(table)


@app.command()
def show(alert_id: str, as_json: Annotated[bool, _JSON] = False) -> None:
    """One alert with its evidence and history."""
    with Reading.open(Settings()) as reading:
        alert = reading.alert(alert_id)
        if alert is None:
            raise Mistake(f"alert {alert_id}: there is none; see: surveillance alerts list")
        if as_json:
            typer.echo(json.dumps(reading.describe(alert), indent=2))
            return
        typer.echo(reading.in_words(alert))


BY = Annotated[str, typer.Option(help="Who decides.")]
WHY = Annotated[str, typer.Option(help="Why, in words that identify nobody.")]
_KEEP = typer.Option("--keep", help="A fragment that identifies nobody, although it looks so.")
KEEP = Annotated[list[str] | None, _KEEP]
_RECORD = typer.Option(help="partner/kind/record id; may be given several times.")


@app.command()
def move(
    alert_id: str,
    act: Act,
    by: BY,
    reason: WHY = "",
    outcome: Annotated[Outcome | None, typer.Option(help="How it ended; close needs one.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is; assign needs one.")] = None,
    worked: Annotated[str, typer.Option(help="What worked in the response; to close it needs this.")] = "",
    not_worked: Annotated[str, typer.Option(help="What did not, and is to change.")] = "",
    keep: KEEP = None,
) -> None:
    """Move an alert along its workflow: acknowledge, assess, respond, ..."""
    why, lessons = now(by, reason, keep), Lessons(worked, not_worked)
    with desk() as at_desk:
        _tell(at_desk.move(alert_id, act, why, Details(outcome, owner), lessons))


@app.command("open")
def open_alert(
    use_case: Annotated[str, typer.Option(help="The use case's id.")],
    scope: Annotated[str, typer.Option(help="The scope's id.")],
    severity: Annotated[str, typer.Option(help="One of the use case's bands.")],
    record: Annotated[list[str], _RECORD],
    by: BY,
    reason: WHY,
) -> None:
    """Open an alert by hand: people see clusters that no detector does."""
    with desk() as at_desk:
        _tell(at_desk.open(use_case, scope, severity, keys(record), now(by, reason)))


@app.command()
def add(
    alert_id: str,
    record: Annotated[list[str], _RECORD],
    by: BY,
    reason: WHY,
) -> None:
    """Add members, which stay whatever evaluations find."""
    with desk() as at_desk:
        _tell(at_desk.add(alert_id, keys(record), now(by, reason)))


@app.command()
def remove(
    alert_id: str,
    record: Annotated[list[str], _RECORD],
    by: BY,
    reason: WHY,
) -> None:
    """Remove members, which evaluations do not bring back."""
    with desk() as at_desk:
        _tell(at_desk.remove(alert_id, keys(record), now(by, reason)))


@app.command()
def link(first: str, second: str, by: BY, reason: WHY) -> None:
    """Link two records: partner/kind/record id each."""
    with desk() as at_desk:
        at_desk.link(_pair(first, second), now(by, reason))
    typer.echo(f"linked: {first} and {second}")


@app.command()
def duplicates() -> None:
    """Pairs of records that may be one person's, for a person to decide."""
    with desk() as at_desk, at_desk.store.reading() as tx:
        for first, second in line_list.duplicates_in(tx, "proposed"):
            typer.echo(f"{first} {second}")


@app.command()
def decide(
    first: str,
    second: str,
    state: Annotated[Literal["confirmed", "rejected"], typer.Argument(help="Whether they are one person's.")],
    by: BY,
    reason: WHY = "",
) -> None:
    """Decide whether two records are one person's."""
    with desk() as at_desk:
        at_desk.decide_duplicate(_pair(first, second), state, now(by, reason))
    typer.echo(f"{state} as one person: {first} and {second}")


@app.command()
def note(
    alert_id: str,
    text: Annotated[str, typer.Argument(help="In words that identify nobody.")],
    by: BY,
    keep: KEEP = None,
) -> None:
    """Write a note on an alert. Notes stay."""
    with desk() as at_desk:
        at_desk.note(alert_id, text, now(by, "", keep))
    typer.echo("noted")


@app.command()
def tasks(alert_id: str) -> None:
    """The tasks of the response to an alert."""
    with desk() as at_desk, at_desk.store.reading() as tx:
        alert = alerts.show(tx, alert_id)
        plans = [] if alert is None else plans_of(tx, alert)
    for task in (task for plan in plans for task in plan.tasks):
        due = f"due {task.due_at:%Y-%m-%d %H:%M %Z}" if task.due_at else "no time set"
        typer.echo(f"{task.id:>4}  {task.state:<10} {due}  {task.owner or task.role or '-'}  {task.title}")


@app.command()
def task(
    alert_id: str,
    task_id: int,
    by: BY,
    owner: Annotated[str, typer.Option(help="Who does it from now on.")] = "",
    state: Annotated[TaskState | None, typer.Option(help="What became of it.")] = None,
    reason: WHY = "",
) -> None:
    """Assign a task of a response, or say that it is done or not needed."""
    if not owner and state not in (TaskState.DONE, TaskState.NOT_NEEDED):
        raise Mistake("give --owner, or --state done, or --state not_needed with --reason")
    with desk() as at_desk:
        if owner:
            at_desk.assign_task(alert_id, task_id, owner, now(by, reason))
        if state is not None:
            at_desk.resolve_task(alert_id, task_id, state, now(by, reason))
    typer.echo(f"task {task_id}: {state or f'assigned to {owner}'}")


@app.command("add-task")
def add_task(
    alert_id: str,
    title: str,
    by: BY,
    what: Annotated[str, typer.Option(help="How.")] = "",
    role: Annotated[str, typer.Option(help="Which role is to do it.")] = "",
    due: Annotated[datetime | None, typer.Option(help="By when (UTC).")] = None,
) -> None:
    """Add a task to the response to an alert."""
    due_at = due.replace(tzinfo=UTC) if due else None
    with desk() as at_desk:
        number = at_desk.add_task(alert_id, NewTask(None, title, what, role, due_at), now(by, ""))
    typer.echo(f"task {number}: {title}")


@contextmanager
def desk() -> Iterator[Desk]:
    """The desk over the configured database. What may identify somebody is shown to whoever typed it."""
    with Reading.open(Settings()) as reading:
        at_desk = Desk(reading.configuration, reading.store, *desk_keys(Settings()))
        try:
            yield at_desk
        except Identifying as refused:
            found = "; ".join(f"`{f.text}` looks like {f.kind}" for f in refused.fragments)
            way = (
                "it cannot be kept"
                if refused.refused
                else "leave it out, or give --keep where it is harmless"
            )
            raise Mistake(f"{found}: {way}") from refused


def now(by: str, reason: str, keep: Iterable[str] | None = None) -> Decision:
    """What that person decides at this moment."""
    return Decision(by, datetime.now(UTC), reason, frozenset(keep or ()))


def keys(texts: Iterable[str]) -> set[RecordKey]:
    """The records that were named. Raises Mistake."""
    try:
        return {RecordKey.parse(text) for text in texts}
    except (ValueError, TypeError) as error:
        raise Mistake("a record is given as partner/kind/record id, such as north/incident/r-1") from error


def _pair(first: str, second: str) -> Pair:
    both = sorted(keys([first, second]))
    if len(both) != 2:
        raise Mistake("give two different records")
    return both[0], both[1]


def _tell(alert: Alert) -> None:
    typer.echo(f"alert {alert.id}, revision {alert.revision}: {alert.state}, {len(alert.members)} records")
