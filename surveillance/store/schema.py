"""The schema's revisions: which one a database is at, and which one it should be."""

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table, text

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

NEWEST = max(path.name for path in (Path(__file__).parent / "migrations/versions").glob("[0-9]*.py"))[:4]
"""The revision that this code needs: each migration's file begins with its own."""
_VERSION = table("alembic_version", column("version_num"))
_LOCK = 7_310_151_201  # any number that no other use of advisory locks takes


class SchemaFault(RuntimeError):
    """The database's schema is not the one that this code needs."""


def upgrade(connection: Connection) -> None:
    """Runs every revision that is missing, inside the caller's transaction; others wait for its end."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    if revision(connection) != NEWEST:
        from surveillance.store import migrating  # every process checks the schema; few need Alembic

        migrating.migrate(connection)


def check(connection: Connection) -> None:
    """Raises SchemaFault unless the database is at this code's revision."""
    found = revision(connection)
    if found != NEWEST:
        raise SchemaFault(
            f"the database is at schema {found or 'none'}, this code needs {NEWEST}: surveillance db upgrade"
        )


def revision(connection: Connection) -> str | None:
    """The database's revision; None: it has no schema."""
    if not inspect(connection).has_table(_VERSION.name):
        return None
    found: str | None = connection.scalar(select(_VERSION.c.version_num))
    return found
