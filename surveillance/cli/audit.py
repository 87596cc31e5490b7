"""surveillance audit: whether the chain of who saw and did what is whole, and what is in it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from surveillance.cli.errors import Mistake
from surveillance.cli.keys import desk_keys
from surveillance.releasing import verify_releases
from surveillance.settings import Settings
from surveillance.store import audit
from surveillance.store.database import Store

app = typer.Typer(no_args_is_help=True)


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(app, name="audit", help="Who saw and did what.")


@app.command()
def verify(
    head: Annotated[
        str, typer.Option(help="SEQUENCE:MAC as it was published: in the log every midnight.")
    ] = "",
) -> None:
    """Check that no entry was changed, removed or added; with --head, that none was cut off since then; and
    that the counts that are stored as published are those that were."""
    settings = Settings()
    key, _ = desk_keys(settings)
    try:
        published = audit.Head.parse(head) if head else None
    except ValueError as error:
        raise Mistake(f"--head: {error}") from error
    with _store(settings) as store, store.reading() as tx:
        last = audit.verify(tx, key, published)
        counts = verify_releases(tx)
    typer.echo(f"the chain is whole: {last.sequence} entries")
    typer.echo(f"published counts are as they were published: {counts} periods and blocks")
    typer.echo(str(last))


@app.command("head")
def show_head() -> None:
    """Print the end of the chain, to be kept outside the database."""
    with _store(Settings()) as store, store.reading() as tx:
        typer.echo(str(audit.head(tx)))


@app.command()
def show(
    subject: Annotated[str, typer.Option(help="alert/ID, account/ID, ...; may end in *")] = "",
    by: Annotated[str, typer.Option(help="Who did it.")] = "",
    act: Annotated[str, typer.Option(help="What was done.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Entries, the newest first."""
    with _store(Settings()) as store, store.reading() as tx:
        rows = audit.listed(tx, subject=subject or None, by=by or None, act=act or None, limit=limit)
    if as_json:
        typer.echo(json.dumps([_as_json(number, entry) for number, entry in rows], indent=2))
        return
    table = Table("entry", "when", "by", "act", "about", "what else", title=f"{len(rows)} entries")
    for number, entry in rows:
        facts = "; ".join(f"{name} {value}" for name, value in entry.facts.items())
        table.add_row(
            str(number), f"{entry.at:%Y-%m-%d %H:%M:%S %Z}", entry.by, entry.act, entry.subject, facts
        )
    Console().print(table)


def _as_json(number: int, entry: audit.Entry) -> dict[str, object]:
    return {
        "sequence": number,
        "at": entry.at.isoformat(),
        "by": entry.by,
        "act": entry.act,
        "subject": entry.subject,
        "facts": dict(entry.facts),
    }


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    store = Store.open(settings.database)
    try:
        store.check_schema()
        yield store
    finally:
        store.close()
