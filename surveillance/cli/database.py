"""surveillance db: the database brought up to date, checked, copied, built anew."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from surveillance.answering import measure_stored
from surveillance.cli.errors import Mistake
from surveillance.cli.keys import audit_key_of, desk_keys
from surveillance.cli.who import who_runs_it
from surveillance.configuration import Configuration, load_configuration
from surveillance.kafka.reader import read_range
from surveillance.service import build_service
from surveillance.settings import Settings
from surveillance.store import audit, exports, roles, schema, seals
from surveillance.store.copies import back_up, new_file, restore
from surveillance.store.database import Store
from surveillance.upkeep import expiring, rebuilding, resealing
from surveillance.upkeep.verifying import Keys, verify

app = typer.Typer(no_args_is_help=True)


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(app, name="db", help="The database.")


@contextmanager
def opened(settings: Settings) -> Iterator[Store]:
    """The database of the settings, closed at the end."""
    store = Store.open(settings.database)
    try:
        yield store
    finally:
        store.close()


@app.command("upgrade")
def upgrade() -> None:
    """Bring the database's schema up to date."""
    with opened(Settings()) as store:
        store.upgrade()
        roles.grant_where_used(store)
        measure_stored(store)
    typer.echo("the schema is up to date")


@app.command("roles")
def set_roles(
    apply: Annotated[bool, typer.Option("--apply", help="Run the SQL instead of printing it.")] = False,
) -> None:
    """Three roles of PostgreSQL: migrator, worker and web, each with what it needs and nothing else.

    For an administrator of the server. With --apply, roles also get the passwords that
    SURVEILLANCE_DATABASE_MIGRATOR_PASSWORD, _WORKER_PASSWORD and _WEB_PASSWORD name.
    """
    settings = Settings()
    with opened(settings) as store:
        if store.dialect != "postgresql":
            raise Mistake("database_url: SQLite has no roles; the file's owner may do everything")
        if not apply:
            with store.reading() as tx:
                typer.echo("".join(f"{statement};\n" for statement in roles.statements(tx)), nl=False)
            return
        done, passwords = roles.apply(store), _passwords(settings)
        roles.set_passwords(store, passwords)
    typer.echo(f"{done} statements; passwords of {', '.join(passwords) or 'nobody'}")


def _passwords(settings: Settings) -> dict[roles.Role, str]:
    given: dict[roles.Role, SecretStr | None] = {
        roles.MIGRATOR: settings.database_migrator_password,
        roles.WORKER: settings.database_worker_password,
        roles.WEB: settings.database_web_password,
    }
    return {role: secret.get_secret_value() for role, secret in given.items() if secret is not None}


@app.command("verify")
def verify_database(
    sample: Annotated[
        int, typer.Option(min=0, help="Compare so many records with what follows from them; 0: all.")
    ] = 10_000,
    head: Annotated[str, typer.Option(help="SEQUENCE:MAC of the audit chain, as it was published.")] = "",
) -> None:
    """Check the schema, the audit chain, published counts, the ledger, alerts and the line list. Exit code 1
    where anything is not as it should be. A worker may go on meanwhile."""
    settings = Settings()
    keys, configuration = Keys(*desk_keys(settings)), load_configuration(settings.config_dir)
    faults = 0
    with opened(settings) as store:
        for check in verify(store, configuration, keys, sample or None, published_head(head)):
            typer.echo(
                f"{'NO' if check.faults else 'ok'}  {check.about}: {'; '.join(check.faults) or check.found}"
            )
            faults += len(check.faults)
    if faults:
        raise typer.Exit(1)


@app.command("backup")
def backup(
    to: Annotated[Path, typer.Argument(help="A new file, or a directory: the file's name holds the time.")],
) -> None:
    """Copy the whole database into one file, which only you can read. Nothing has to stop meanwhile."""
    with opened(Settings()) as store:
        store.check_schema()
        made = back_up(store, to, datetime.now(UTC))
    typer.echo(f"{made}: {made.stat().st_size} bytes")
    typer.echo("what it holds is about people: encrypt it before it leaves this machine")


@app.command("restore")
def restore_database(
    source: Annotated[Path, typer.Argument(help="A file that `db backup` made.")],
    over: Annotated[bool, typer.Option("--over", help="Replace all that the database holds.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Put a backup back. Workers and pages must be stopped. The worker that starts next fetches from the
    topics what came after the backup."""
    if over and not yes:
        typer.confirm("All that the database holds now will be gone. Restore over it?", abort=True)
    with opened(Settings()) as store:
        restore(store, source, over)
        store.upgrade()
        roles.grant_where_used(store)
        measure_stored(store)
    typer.echo("restored, and the schema is up to date; check it with: surveillance db verify")
    typer.echo(
        "records that were erased after the backup are back: erase them again before you start a worker"
    )


@app.command("expire")
def expire_records(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
) -> None:
    """Remove what has expired by the policy of its use case, as a worker does once a day."""
    settings = Settings()
    key, configuration, now = (
        audit_key_of(settings),
        load_configuration(settings.config_dir),
        datetime.now(UTC),
    )
    policy = expiring.policy_of(configuration, now, settings.keep_uncounted_days)
    for use_case in configuration.use_cases:
        last = policy.last_days.get(use_case)
        typer.echo(f"{use_case}: {f'cases up to {last}' if last else 'kept for ever'}")
    with opened(settings) as store:
        store.check_schema()
        found = expiring.due(store, configuration, policy, now)
        typer.echo(f"{len(found.keys)} records have expired; {found.held} more are held by alerts")
        if not dry_run:
            done = expiring.expire(store, found, configuration, now, key)
            typer.echo(
                f"removed: {done.records} records, {done.snapshots} snapshots, {done.refused} refused "
                f"messages, texts of {done.alerts} alerts; archived: {done.months} months"
            )


@app.command("seal")
def seal(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be sealed.")] = False,
) -> None:
    """Seal restricted values that lie plain, or under an older key, under the first key of
    restricted_keys_file. Nothing has to stop meanwhile; broken off, say it again. The audit chain has an
    entry of it. Exit code 1 where values are left that no key opens."""
    settings = Settings()
    if (keys := settings.restricted_keys) is None:
        raise Mistake(
            "setting restricted_keys_file: missing. Set it (SURVEILLANCE_RESTRICTED_KEYS_FILE) to the keys"
        )
    with opened(settings) as store:
        store.check_schema()
        if dry_run:
            with store.reading() as tx:
                _tell_sealed(seals.unsealed(tx, keys), "would be sealed")
            return
        done = resealing.reseal(store, keys, who_runs_it(), datetime.now(UTC), audit_key_of(settings))
        _tell_sealed(done.sealed.items(), f"sealed under key {keys.first}")
        store.forget(whole=True)  # else the pages of SQLite's file keep what lay plain in them
    _tell_left(done)


def _tell_sealed(counts: Iterable[tuple[str, int]], what: str) -> None:
    told = [f"{table}: {count} values {what}" for table, count in counts if count]
    typer.echo("\n".join(told) or "nothing lies plain or under an older key")


def _tell_left(done: resealing.Resealed) -> None:
    for key_id in done.unused_keys:
        typer.echo(f"nothing is under key {key_id} any more: remove its line, but keep it with old backups")
    if done.shut:
        typer.echo(f"{done.shut} values are left that none of the keys opens: surveillance db verify")
        raise typer.Exit(1)


@app.command("export")
def export(
    to: Annotated[Path, typer.Argument(help="A new file, or a directory: the file's name holds the time.")],
) -> None:
    """Write down what no topic gives back: what people decided and erased, alerts, what was told and
    published. Do it often, so that `db rebuild --from-topics` can put it back."""
    now = datetime.now(UTC)
    to = new_file(to, now, ".export.gz")
    with opened(Settings()) as store, store.reading() as tx:
        schema.check(tx)
        rows, head = exports.write(tx, to, now), audit.head(tx)
    typer.echo(f"{to}: {rows} rows; head of the audit chain {head}")


@app.command("rebuild")
def rebuild_database(
    from_topics: Annotated[
        bool, typer.Option("--from-topics", help="Fill an empty database from the topics.")
    ] = False,
    source: Annotated[
        Path | None, typer.Option("--export", help="With --from-topics: the newest file of `db export`.")
    ] = None,
    head: Annotated[str, typer.Option(help="With --export: the newest head that was published.")] = "",
) -> None:
    """Write all that follows from the records anew. Workers wait meanwhile, and then look at everything once
    more."""
    settings = Settings()
    configuration = load_configuration(settings.config_dir)
    if from_topics:
        _refill(settings, configuration, source, head)
        return
    with opened(settings) as store:
        store.check_schema()
        rebuilt = rebuilding.rebuild(store, configuration, datetime.now(UTC))
    typer.echo(f"rebuilt from {rebuilt} records; check it with: surveillance db verify")


def _refill(settings: Settings, configuration: Configuration, source: Path | None, head: str) -> None:
    """An empty database filled from an export, then from the topics."""
    if source is None:
        raise Mistake("--export: missing. Without it what was erased would come back: name the newest export")
    service = build_service(settings.model_copy(update={"replay": True}), configuration)
    service.store.check_schema()
    ends = service.logs.ends()  # before anything is written: a broker that is away leaves the database empty
    rows = rebuilding.read_export(service.store, source, Keys(*desk_keys(settings)), published_head(head))
    typer.echo(f"{rows} rows of {source} are back")
    read = partial(read_range, settings.kafka)
    handled = rebuilding.refill(service.store, ends, read, service.ingest, service.clock)
    rebuilding.finish(service.store, configuration, service.clock())
    service.close()
    typer.echo(f"{handled} messages handled; check it with: surveillance db verify")


def published_head(text: str) -> audit.Head | None:
    """The head of the audit chain that was given, if one was. Raises Mistake."""
    try:
        return audit.Head.parse(text) if text else None
    except ValueError as error:
        raise Mistake(f"--head: {error}") from error
