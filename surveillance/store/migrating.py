"""Runs revisions of the schema: Alembic, from the package itself."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection

_MIGRATIONS = Path(__file__).parent / "migrations"


def migrate(connection: Connection) -> None:
    """Runs every revision that is missing, inside the caller's transaction."""
    configuration = make_configuration()
    configuration.attributes["connection"] = connection
    command.upgrade(configuration, "head")


def make_configuration() -> Config:
    """Alembic's, for the revisions of this package."""
    configuration = Config()
    configuration.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    configuration.set_main_option("path_separator", "os")
    return configuration
