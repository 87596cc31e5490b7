"""Commands of partners, and of the operator who loads their history."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from surveillance.cli.errors import Mistake
from surveillance.cli.feeding import (
    Feed,
    Sent,
    open_feed,
    read_columns,
    read_zone,
    send,
    tell_faults,
)
from surveillance.cli.progress import console, progress_bar
from surveillance.configuration import load_configuration
from surveillance.events.canonical import canonical_hash
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.events.rows import JSON_LINES, Row
from surveillance.events.topics import Kind
from surveillance.geography.lookup import Gazetteer
from surveillance.settings import Settings

_COLUMNS = typer.Option(help="event.field=column,... or a YAML file; default: columns named as fields.")
_ZONE = typer.Option(help="Time zone of days and times that name none.")


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(publish)
    app.command()(backfill)


def publish(
    file: Path,
    partner: Annotated[str, typer.Option(help="The partner's id.")],
    topic: Annotated[Literal["incidents", "admissions"], typer.Option(help="What the file holds.")],
    columns: Annotated[str | None, _COLUMNS] = None,
    time_zone: Annotated[str, _ZONE] = "Europe/London",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only validate.")] = False,
    test: Annotated[bool, typer.Option("--test", help="As test records: answered, never counted.")] = False,
) -> None:
    """Publish a CSV or JSON Lines file to a partner's topic. Nothing is sent unless every line is valid."""
    _run(file, partner, topic, columns, time_zone, backfill=False, dry_run=dry_run, test=test)


def backfill(
    file: Path,
    partner: Annotated[str, typer.Option(help="The partner's id.")],
    topic: Annotated[
        Literal["incidents", "admissions"], typer.Option(help="What the file holds.")
    ] = "incidents",
    columns: Annotated[str | None, _COLUMNS] = None,
    time_zone: Annotated[str, _ZONE] = "Europe/London",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only validate.")] = False,
) -> None:
    """Load a partner's history: it is stored as received when it was reported, and no alert is told."""
    _run(file, partner, topic, columns, time_zone, backfill=True, dry_run=dry_run)


def _run(
    file: Path,
    partner: str,
    topic: str,
    columns: str | None,
    time_zone: str,
    *,
    backfill: bool,
    dry_run: bool,
    test: bool = False,
) -> None:
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    kind: Kind = "incident" if topic == "incidents" else "admission"
    if not file.is_file():
        raise Mistake(f"{file}: there is no such file")
    mapping = read_columns(columns, file, kind)
    feed = open_feed(configuration, file, partner, kind, mapping, read_zone(time_zone), backfill, test)
    rows = _validate(feed, configuration.gazetteer)
    if dry_run:
        typer.echo(f"{file}: {rows} valid rows; nothing was sent")
        return
    with progress_bar() as progress:
        done = send(feed, feed.rows(), settings.kafka, settings.topic_prefix, progress, rows)
    _tell(file, done)


def _validate(feed: Feed, gazetteer: Gazetteer) -> int:
    """The number of rows; ends the command where one of them would be refused."""
    now = datetime.now(UTC)
    all_rows = feed.rows()
    key = "record_id" if feed.kind == "incident" else "encounter_id"
    if feed.path.suffix.lower() not in JSON_LINES and key not in feed.columns:
        raise Mistake(
            f"{feed.path}: no column is the {key}; without it a second file would overwrite the first"
        )
    rows = bad = 0
    first_lines: dict[tuple[str, str], tuple[int, str]] = {}
    with progress_bar() as progress:
        task = progress.add_task("validating", total=None)
        for row in all_rows:
            rows += 1
            faults = feed.faults_of(row, gazetteer, now)
            faults += _said_twice(row, first_lines)
            bad += bool(faults)
            tell_faults(row.line, faults)
            progress.update(task, completed=rows)
    if bad:
        console.print(
            f"{feed.path}: {bad} of {rows} rows would be refused; nothing was sent", highlight=False
        )
        raise typer.Exit(1)
    if not rows:
        raise Mistake(f"{feed.path}: holds no row")
    return rows


def _said_twice(row: Row, first_lines: dict[tuple[str, str], tuple[int, str]]) -> tuple[Fault, ...]:
    """A fault where an earlier row says something else of the same version of the same record."""
    payload = row.payload or {}
    key = str(payload.get("record_id") or payload.get("encounter_id")), str(payload.get("version"))
    line, said = first_lines.setdefault(key, (row.line, canonical_hash(payload)))
    if row.payload is None or said == canonical_hash(payload):
        return ()
    rule = f"Line {line} says something else of the same version of this record"
    return (Fault(RefusalCode.INVALID_VALUE, "version", rule, "Give a revision a higher version"),)


def _tell(file: Path, done: Sent) -> None:
    for line, error in sorted(done.failures):
        console.print(f"line {line}: not delivered: {error}", markup=False, highlight=False)
    typer.echo(f"{file}: {done.sent} rows published, {len(done.failures)} not delivered")
    if done.failures:
        raise typer.Exit(1)
