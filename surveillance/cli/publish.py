"""Commands of partners, and of the operator who loads their history."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from surveillance.cli.errors import Mistake
from surveillance.cli.feeding import Sent, open_feed, read_zone, send, tell_faults
from surveillance.cli.progress import console, progress_bar
from surveillance.configuration import Configuration, load_configuration
from surveillance.events.topics import Kind
from surveillance.geography.lookup import Gazetteer
from surveillance.settings import Settings
from surveillance.submitting.feed import Feed
from surveillance.submitting.outgoing import Outgoing

_COLUMNS = typer.Option(
    help="event.field=column,... or a YAML file; default: the partner's own, or columns named as fields."
)
_ZONE = typer.Option(help="Time zone of days and times that name none; default: that of the partner's areas.")


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    app.command()(publish)
    app.command()(backfill)


def publish(
    file: Path,
    partner: Annotated[str, typer.Option(help="The partner's id.")],
    topic: Annotated[Literal["incidents", "admissions"], typer.Option(help="What the file holds.")],
    columns: Annotated[str | None, _COLUMNS] = None,
    time_zone: Annotated[str | None, _ZONE] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only validate.")] = False,
    test: Annotated[bool, typer.Option("--test", help="As test records: answered, never counted.")] = False,
) -> None:
    """Publish a file (CSV, Excel, JSON) to a partner's topic. Nothing is sent unless every row is valid."""
    _run(file, partner, topic, columns, time_zone, backfill=False, dry_run=dry_run, test=test)


def backfill(
    file: Path,
    partner: Annotated[str, typer.Option(help="The partner's id.")],
    topic: Annotated[
        Literal["incidents", "admissions"], typer.Option(help="What the file holds.")
    ] = "incidents",
    columns: Annotated[str | None, _COLUMNS] = None,
    time_zone: Annotated[str | None, _ZONE] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only validate.")] = False,
) -> None:
    """Load a partner's history: it is stored as received when it was reported, and no alert is told."""
    _run(file, partner, topic, columns, time_zone, backfill=True, dry_run=dry_run)


def _run(
    file: Path,
    partner: str,
    topic: str,
    columns: str | None,
    time_zone: str | None,
    *,
    backfill: bool,
    dry_run: bool,
    test: bool = False,
) -> None:
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    kind: Kind = "incident" if topic == "incidents" else "admission"
    zone = None if time_zone is None else read_zone(time_zone)
    feed = open_feed(configuration, file, partner, kind, columns, zone, backfill, test)
    rows = _validate(feed, configuration.gazetteer)
    if dry_run:
        typer.echo(f"{file}: {rows} valid rows; nothing was sent")
        return
    with progress_bar() as progress:
        going = _valid(feed, configuration)
        done = send(feed, going, settings.kafka, settings.topic_prefix, progress, rows)
    _tell(file, done)


def _validate(feed: Feed, gazetteer: Gazetteer) -> int:
    """The number of rows; ends the command where one of them would be refused."""
    rows = bad = 0
    all_rows = feed.judged(gazetteer, datetime.now(UTC))
    with progress_bar() as progress:
        task = progress.add_task("validating", total=None)
        for row in all_rows:
            rows += 1
            bad += bool(row.faults)
            tell_faults(row.line, row.faults)
            progress.update(task, completed=rows)
    if bad:
        console.print(
            f"{feed.path}: {bad} of {rows} rows would be refused; nothing was sent", highlight=False
        )
        raise typer.Exit(1)
    if not rows:
        raise Mistake(f"{feed.path}: holds no row")
    return rows


def _valid(feed: Feed, configuration: Configuration) -> Iterator[tuple[int, Outgoing]]:
    """The events of a file that was found valid, once more from its start: it may be larger than memory."""
    for row in feed.judged(configuration.gazetteer, datetime.now(UTC)):
        if row.outgoing is None:
            raise Mistake(f"{feed.path}: was changed while it was read; publish it again")
        yield row.line, row.outgoing


def _tell(file: Path, done: Sent) -> None:
    for line, error in sorted(done.failures):
        console.print(f"line {line}: not delivered: {error}", markup=False, highlight=False)
    typer.echo(f"{file}: {done.sent} rows published, {len(done.failures)} not delivered")
    if done.failures:
        raise typer.Exit(1)
