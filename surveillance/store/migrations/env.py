"""Run by Alembic: on the connection that the service gives, or on SURVEILLANCE_DATABASE_URL."""

import os

from alembic import context
from sqlalchemy import Connection

from surveillance.store import tables_accounts  # noqa: F401  # adds its tables to those of Base
from surveillance.store.tables import Base


def run(connection: Connection) -> None:
    """Runs revisions in the caller's transaction, which commits them all or none."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    from surveillance.store.database import Store

    with Store.open(os.environ["SURVEILLANCE_DATABASE_URL"]).transaction() as tx:
        run(tx)
