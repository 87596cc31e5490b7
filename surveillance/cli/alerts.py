"""surveillance alerts: the same words as on the page."""

import json
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from surveillance.cli.errors import Mistake
from surveillance.settings import Settings
from surveillance.store.codec import to_json
from surveillance.web.reading import Reading

app = typer.Typer(no_args_is_help=True)

_JSON = typer.Option("--json", help="Print JSON.")


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
