"""The migrations make exactly what the tables say, and may be started by any number of processes."""

import subprocess
import sys
import threading
from datetime import timedelta

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect

from store.store_factories import T0, alert, minutes
from surveillance.alerting.alert import AlertChange, Change, State
from surveillance.store import alerts, queue
from surveillance.store.database import Store, Transaction
from surveillance.store.migrating import make_configuration
from surveillance.store.queue import Choice, Cut, View
from surveillance.store.schema import NEWEST, SchemaFault
from surveillance.store.tables import Base


def test_upgrade_from_nothing_makes_exactly_the_tables_of_the_models(empty_url: str) -> None:
    store = Store.open(empty_url)
    store.upgrade()
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
        assert len(inspect(connection).get_table_names()) == len(Base.metadata.tables) + 1
    store.check_schema()


def test_the_newest_revision_is_told_by_the_names_of_the_migrations() -> None:
    assert ScriptDirectory.from_config(make_configuration()).get_current_head() == NEWEST


def test_a_database_that_is_up_to_date_is_known_and_upgraded_without_alembic(store: Store) -> None:
    code = (
        "import sys; from surveillance.store.database import Store; store = Store.open(sys.argv[1]); "
        "store.check_schema(); store.upgrade(); print('alembic' in sys.modules)"
    )
    url = store.engine.url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


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


def test_alerts_of_an_older_schema_get_their_owner_and_due_time(empty_url: str) -> None:
    store = Store.open(empty_url)
    store.upgrade()
    owned = alert("owned", state=State.ASSESSING, owner="lead", assess_due=T0 + minutes(9))
    with store.transaction() as tx:
        for one in (owned, alert("free"), alert("closed", state=State.CLOSED)):
            alerts.save(tx, [AlertChange(Change.OPENED, one, T0, "service", "a reason", True)])
        _downgrade_below(tx, "0007")
    store.upgrade()
    with store.reading() as tx:
        within = frozenset({("example", "county")})
        listed = queue.page(tx, Choice("lead", T0, within), Cut(View.ALL, {}, 0, 9))
    found = {row.id: (row.owner, row.due_at) for row in listed}
    assert found == {"owned": ("lead", T0 + minutes(9)), "free": (None, T0 + timedelta(hours=4))}


def _downgrade_below(tx: Transaction, revision: str) -> None:
    configuration = make_configuration()
    configuration.attributes["connection"] = tx
    below = ScriptDirectory.from_config(configuration).get_revision(revision).down_revision
    command.downgrade(configuration, str(below))
