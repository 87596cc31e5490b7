"""surveillance dead-letters: what was refused and why, and refused messages read again after a fix."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from surveillance.cli.errors import Mistake
from surveillance.cli.keys import desk_keys
from surveillance.cli.who import who_runs_it
from surveillance.configuration import load_configuration
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.kafka.reader import read_range
from surveillance.offsets import TopicLogs
from surveillance.rereading import Again, Outcome, Reread
from surveillance.settings import Settings
from surveillance.store import dead_letters
from surveillance.store.database import Store
from surveillance.store.dead_letters import StoredLetter, Wanted
from surveillance.web.house import utc_now

app = typer.Typer(no_args_is_help=True)

_PARTNER = Annotated[str | None, typer.Option(help="Of this partner only.")]
_REASON = Annotated[RefusalCode | None, typer.Option(help="Refused for this reason only.")]
_SINCE = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M"], help="Received since then (UTC) only."),
]
_SAYS = {
    Outcome.ACCEPTED: "accepted",
    Outcome.REFUSED: "still refused",
    Outcome.GONE: "the topic does not hold it any more; ask the partner to send it again",
    Outcome.ANOTHER: "another message lies there now, or dead_letter_key is not the one of then",
    Outcome.RESOLVED: "resolved already",
}


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(app, name="dead-letters", help="Refused messages, and reading them again.")


@app.command("list")
def list_letters(
    partner: _PARTNER = None,
    reason: _REASON = None,
    since: _SINCE = None,
    resolved: Annotated[bool, typer.Option("--all", help="Also those that are resolved.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many, the newest first.")] = 100,
) -> None:
    """Refused messages, the newest first: where each lies, which record it names, and why."""
    wanted = Wanted(partner, reason, _utc(since), None if resolved else True)
    with _store(Settings()) as store, store.reading() as tx:
        found = dead_letters.found(tx, wanted, limit)
    table = Table("id", "message", "record", "received (UTC)", "reason", "fields", "resolved")
    for one in found:
        letter = one.letter
        fields = ", ".join(dict.fromkeys(fault.field or "message" for fault in letter.faults))
        at = f"{letter.received_at:%Y-%m-%d %H:%M}"
        table.add_row(
            str(one.id), _place(one), letter.record_id or "", at, str(letter.code), fields, _resolution(one)
        )
    Console().print(table)


@app.command()
def show(letter: Annotated[int, typer.Argument(metavar="ID")]) -> None:
    """One refused message with every broken rule and what to send instead."""
    with _store(Settings()) as store, store.reading() as tx:
        found = dead_letters.found(tx, Wanted(ids=(letter,)))
    if not found:
        raise Mistake(f"dead letter {letter}: there is none; see: surveillance dead-letters list --all")
    (one,) = found
    typer.echo(f"message   {_place(one)}\nrecord    {one.letter.record_id or 'names none that may be kept'}")
    typer.echo(f"received  {one.letter.received_at:%Y-%m-%d %H:%M:%S} UTC\nreason    {one.letter.code}")
    typer.echo(f"resolved  {_resolution(one) or 'no'}")
    _tell(one.letter.faults)


@app.command()
def replay(
    letters: Annotated[list[int] | None, typer.Argument(metavar="ID...", help="Only these.")] = None,
    partner: _PARTNER = None,
    reason: _REASON = None,
    since: _SINCE = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would become of each.")] = False,
) -> None:
    """Read refused messages again from the partners' topics: what is valid today is stored, each once."""
    settings = Settings()
    audit_key, dead_letter_key = desk_keys(settings)
    configuration = load_configuration(settings.config_dir)
    wanted = Wanted(partner, reason, _utc(since), True, ids=tuple(letters) if letters else None)
    with _store(settings) as store:
        with store.reading() as tx:
            found = dead_letters.found(tx, wanted)
        known = [one for one in found if one.letter.partner in configuration.partners]
        again = Again(
            configuration,
            store,
            TopicLogs(settings.kafka, configuration.topics(settings.topic_prefix)).place,
            partial(read_range, settings.kafka),
            dead_letter_key,
            audit_key,
            who_runs_it(),
            settings.topic_prefix,
            dry_run,
        )
        counted = Counter(_told(one) for one in again.all(known, utc_now))
    asked = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counted.items()))
    typer.echo(f"{'would be: ' if dry_run else ''}{asked}" if counted else "nothing that is not resolved")


def _told(one: Reread) -> Outcome:
    typer.echo(f"{one.letter.id}  {_place(one.letter)}  {_SAYS[one.outcome]}")
    _tell(one.faults)
    return one.outcome


def _tell(faults: tuple[Fault, ...]) -> None:
    for fault in faults:
        typer.echo(f"  {fault.field or 'message'}: {fault.rule}. {fault.fix}. ({fault.code})")


def _place(one: StoredLetter) -> str:
    return f"{one.letter.topic}/{one.letter.partition}/{one.letter.offset}"


def _resolution(one: StoredLetter) -> str:
    return "" if one.resolved_at is None else f"by {one.resolved_by} on {one.resolved_at:%Y-%m-%d}"


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)


@contextmanager
def _store(settings: Settings) -> Iterator[Store]:
    store = Store.open(settings.database)
    try:
        store.check_schema()
        yield store
    finally:
        store.close()
