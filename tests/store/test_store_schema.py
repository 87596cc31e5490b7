"""The migrations make exactly what the tables say, and may be started by any number of processes."""

import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import inspect

from surveillance.store import tables_accounts  # noqa: F401  # adds its tables to those of Base
from surveillance.store.database import Store
from surveillance.store.schema import SchemaFault
from surveillance.store.tables import Base


def test_upgrade_from_nothing_makes_exactly_the_tables_of_the_models(empty_url: str) -> None:
    store = Store.open(empty_url)
    store.upgrade()
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert len(inspect(connection).get_table_names()) == len(Base.metadata.tables) + 1
    store.check_schema()


def test_every_column_says_what_it_means() -> None:
    silent = [str(c) for table in Base.metadata.tables.values() for c in table.c if not c.comment]
    assert silent == []


def test_a_second_upgrade_changes_nothing(store: Store) -> None:
    store.upgrade()
    store.check_schema()


def test_processes_that_start_at_once_upgrade_once(empty_url: str) -> None:
    together, errors = threading.Barrier(3), []

    def start() -> None:
        try:
            store = Store.open(empty_url)
            together.wait()
            store.upgrade()
            store.check_schema()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_database_without_the_schema_is_named_with_its_cure(empty_url: str) -> None:
    with pytest.raises(SchemaFault, match="surveillance db upgrade"):
        Store.open(empty_url).check_schema()
