"""The schema's revisions: Alembic, run from the package itself."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

# So that the metadata hold every table:
from surveillance.store import (  # noqa: F401
    tables_accounts,
    tables_acts,
    tables_answers,
    tables_archive,
    tables_audit,
    tables_cases,
    tables_delivery,
    tables_releases,
    tables_sealing,
    tables_seen,
    tables_tests,
)

_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK = 7_310_151_201  # any number that no other use of advisory locks takes


class SchemaFault(RuntimeError):
    """The database's schema is not the one that this code needs."""


def upgrade(connection: Connection) -> None:
    """Runs every revision that is missing, inside the caller's transaction; others wait for its end."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    configuration = _configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def check(connection: Connection) -> None:
    """Raises SchemaFault unless the database is at this code's revision."""
    needed = ScriptDirectory.from_config(_configuration()).get_current_head()
    found = revision(connection)
    if found != needed:
        raise SchemaFault(
            f"the database is at schema {found or 'none'}, this code needs {needed}: surveillance db upgrade"
        )


def revision(connection: Connection) -> str | None:
    """The database's revision; None: it has no schema."""
    return MigrationContext.configure(connection).get_current_revision()


def _configuration() -> Config:
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
