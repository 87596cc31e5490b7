"""Commands about published counts."""

from datetime import UTC, date, datetime
from typing import Annotated

import typer

from surveillance.cli.errors import Mistake
from surveillance.configuration import load_configuration
from surveillance.releasing import release_history
from surveillance.settings import Settings
from surveillance.store.database import Store

releases_app = typer.Typer(no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Adds these commands."""
    app.add_typer(releases_app, name="releases", help="Counts for people who must not see small ones.")


@releases_app.command("history")
def history(since: Annotated[str, typer.Option(help="From the first whole block since this day.")]) -> None:
    """Publish periods from before the clock began, once the partners' history is loaded.

    What is published is never counted again: load everything first.
    """
    settings = Settings()
    try:
        day = date.fromisoformat(since)
    except ValueError:
        raise Mistake(f"--since {since}: is no day; give it as 2024-01-31") from None
    if settings.audit_key is None:
        raise Mistake("SURVEILLANCE_AUDIT_KEY: missing; set it to a long random text, at least 32 characters")
    store = Store.open(settings.database)
    store.check_schema()
    key = settings.audit_key.get_secret_value().encode()
    configuration = load_configuration(settings.config_dir)
    made = release_history(store, configuration, day, datetime.now(UTC), key)
    typer.echo(f"{made} periods published")
