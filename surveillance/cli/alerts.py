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
from surveillance.alerting.workflow import Act, Details, Outcome
from surveillance.cli.errors import Mistake
from surveillance.deciding import Decision, Desk
from surveillance.line_list.duplicates import Pair
from surveillance.line_list.record import RecordKey
from surveillance.settings import Settings
from surveillance.store import line_list
from surveillance.store.codec import to_json
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


_BY = typer.Option(help="Who decides.")
_WHY = typer.Option(help="Why, in words that identify nobody.")
_RECORD = typer.Option(help="partner/kind/record id; may be given several times.")


@app.command()
def move(
    alert_id: str,
    act: Act,
    by: Annotated[str, _BY],
    reason: Annotated[str, _WHY] = "",
    outcome: Annotated[Outcome | None, typer.Option(help="How it ended; close needs one.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is; assign needs one.")] = None,
) -> None:
    """Move an alert along its workflow: acknowledge, assess, respond, ..."""
    with _desk() as desk:
        _tell(desk.move(alert_id, act, _now(by, reason), Details(outcome, owner)))


@app.command("open")
def open_alert(
    use_case: Annotated[str, typer.Option(help="The use case's id.")],
    scope: Annotated[str, typer.Option(help="The scope's id.")],
    severity: Annotated[str, typer.Option(help="One of the use case's bands.")],
    record: Annotated[list[str], _RECORD],
    by: Annotated[str, _BY],
    reason: Annotated[str, _WHY],
) -> None:
    """Open an alert by hand: people see clusters that no detector does."""
    with _desk() as desk:
        _tell(desk.open(use_case, scope, severity, _keys(record), _now(by, reason)))


@app.command()
def add(
    alert_id: str,
    record: Annotated[list[str], _RECORD],
    by: Annotated[str, _BY],
    reason: Annotated[str, _WHY],
) -> None:
    """Add members, which stay whatever evaluations find."""
    with _desk() as desk:
        _tell(desk.add(alert_id, _keys(record), _now(by, reason)))


@app.command()
def remove(
    alert_id: str,
    record: Annotated[list[str], _RECORD],
    by: Annotated[str, _BY],
    reason: Annotated[str, _WHY],
) -> None:
    """Remove members, which evaluations do not bring back."""
    with _desk() as desk:
        _tell(desk.remove(alert_id, _keys(record), _now(by, reason)))


@app.command()
def link(first: str, second: str, by: Annotated[str, _BY], reason: Annotated[str, _WHY]) -> None:
    """Link two records: partner/kind/record id each."""
    with _desk() as desk:
        desk.link(_pair(first, second), _now(by, reason))
    typer.echo(f"linked: {first} and {second}")


@app.command()
def duplicates() -> None:
    """Pairs of records that may be one person's, for a person to decide."""
    with _desk() as desk, desk.store.reading() as tx:
        for first, second in line_list.duplicates_in(tx, "proposed"):
            typer.echo(f"{first} {second}")


@app.command()
def decide(
    first: str,
    second: str,
    state: Annotated[Literal["confirmed", "rejected"], typer.Argument(help="Whether they are one person's.")],
    by: Annotated[str, _BY],
    reason: Annotated[str, _WHY] = "",
) -> None:
    """Decide whether two records are one person's."""
    with _desk() as desk:
        desk.decide_duplicate(_pair(first, second), state, _now(by, reason))
    typer.echo(f"{state} as one person: {first} and {second}")


@contextmanager
def _desk() -> Iterator[Desk]:
    with Reading.open(Settings()) as reading:
        yield Desk(reading.configuration, reading.store)


def _now(by: str, reason: str) -> Decision:
    return Decision(by, datetime.now(UTC), reason)


def _keys(texts: Iterable[str]) -> set[RecordKey]:
    try:
        return {RecordKey.parse(text) for text in texts}
    except (ValueError, TypeError) as error:
        raise Mistake("a record is given as partner/kind/record id, such as north/incident/r-1") from error


def _pair(first: str, second: str) -> Pair:
    keys = sorted(_keys([first, second]))
    if len(keys) != 2:
        raise Mistake("give two different records")
    return keys[0], keys[1]


def _tell(alert: Alert) -> None:
    typer.echo(f"alert {alert.id}, revision {alert.revision}: {alert.state}, {len(alert.members)} records")
