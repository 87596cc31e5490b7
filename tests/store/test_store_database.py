"""What a transaction promises, how a database is opened, and which errors are outages."""

import sqlite3
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy import exc
from store_factories import key, version

from postgresql_server import PostgresqlServer
from surveillance.line_list.record import RecordVersion
from surveillance.store import line_list, ticks
from surveillance.store.database import Store, UrlFault, transient, unstorable
from surveillance.store.tables import records
from surveillance.store.ticks import Tick

only_postgresql = pytest.mark.parametrize(
    "database", [pytest.param("postgresql", marks=pytest.mark.postgresql)]
)


def test_a_transaction_stores_all_or_nothing(store: Store) -> None:
    def fail() -> None:
        with store.transaction() as tx:
            line_list.lock(tx, {key()})
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    with store.reading() as tx:
        assert tx.execute(sa.select(records)).all() == []


def test_reading_cannot_write(store: Store) -> None:
    with pytest.raises(exc.DBAPIError), store.reading() as tx:
        line_list.lock(tx, {key()})
    with store.transaction() as tx:  # the same connection, given out again, can
        line_list.lock(tx, {key()})


def test_reading_sees_one_state_while_others_write(store: Store) -> None:
    with store.reading() as tx:
        before = tx.execute(sa.select(records)).all()
        with store.transaction() as other:
            line_list.lock(other, {key()})
        assert tx.execute(sa.select(records)).all() == before == []


def test_threads_of_one_process_write_in_turn(store: Store) -> None:
    together = threading.Barrier(8)

    def write(number: int) -> None:
        together.wait()
        for i in range(5):
            with store.transaction() as tx:
                line_list.lock(tx, {key(f"{number}-{i}")})

    threads = [threading.Thread(target=write, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.reading() as tx:
        assert tx.execute(sa.select(sa.func.count()).select_from(records)).scalar_one() == 40


def test_times_come_back_as_they_went_in_but_in_utc(store: Store) -> None:
    summer = datetime(2024, 7, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    with store.transaction() as tx:
        ticks.plan(tx, [Tick("midnight", summer)])
    with store.transaction() as tx:
        [tick] = ticks.due(tx, summer)
    assert tick.due_at == summer
    assert tick.due_at.tzinfo is UTC


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(exc.StatementError, match="without a zone"), store.transaction() as tx:
        ticks.plan(tx, [Tick("midnight", datetime(2024, 7, 1))])


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "postgresql://host/name", "sqlite://", "sqlite:///:memory:"]
)
def test_a_url_that_cannot_serve_is_refused_with_what_to_write(url: str) -> None:
    with pytest.raises(ValueError, match=r"use (one of: .*)?sqlite"):
        Store.open(url)


def test_only_its_owner_can_read_the_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "var" / "surveillance.db"
    store = Store.open(f"sqlite:///{path}")
    store.upgrade()
    with store.transaction() as tx:
        line_list.lock(tx, {key()})
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()}
    assert "surveillance.db-wal" in modes
    assert set(modes.values()) == {0o600}


def test_a_value_the_database_cannot_hold_is_a_defect_of_its_record(store: Store) -> None:
    unstorable = replace(version(), version=2**70)
    with pytest.raises((exc.DBAPIError, OverflowError)) as raised:
        _save(store, unstorable)
    assert not transient(raised.value)


@only_postgresql
@pytest.mark.parametrize("text", ["nul \x00", "half \ud800"])
def test_text_that_postgresql_does_not_take_is_a_defect_of_its_record(store: Store, text: str) -> None:
    with pytest.raises(exc.StatementError) as raised:
        _save(store, version(content={"text": text}))
    assert unstorable(raised.value)


def _save(store: Store, unstorable: RecordVersion) -> None:
    with store.transaction() as tx:
        line_list.lock(tx, {key()})
        line_list.save_versions(tx, [unstorable])


def test_a_broken_rule_of_the_schema_is_a_defect(store: Store) -> None:
    with pytest.raises(exc.IntegrityError) as raised, store.transaction() as tx:
        tx.execute(records.insert(), [key()._asdict(), key()._asdict()])
    assert not transient(raised.value)


def test_a_missing_table_is_an_outage_and_not_a_fault_of_the_records(empty_url: str) -> None:
    with pytest.raises(exc.DBAPIError) as raised, Store.open(empty_url).transaction() as tx:
        line_list.lock(tx, {key()})
    assert transient(raised.value)


def test_a_busy_file_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "busy.db").touch()
    store = Store.open(f"sqlite:///{tmp_path / 'busy.db'}")
    with store.engine.connect() as connection:
        connection.exec_driver_sql("SELECT 1")
    other = sqlite3.connect(tmp_path / "busy.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    def hurry(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute("PRAGMA busy_timeout=10")

    sa.event.listen(store.engine, "checkout", hurry)
    with pytest.raises(exc.OperationalError) as raised, store.transaction():
        pass
    assert transient(raised.value)
    other.close()


@pytest.mark.parametrize("error", [KeyError("x"), ValueError("x"), exc.ArgumentError("x")])
def test_an_error_of_our_own_is_no_outage(error: Exception) -> None:
    assert not transient(error)


def test_a_server_that_is_not_there_is_an_outage(tmp_path: Path) -> None:
    absent = Store.open(f"postgresql+psycopg://postgres@/nothing?host={tmp_path}")
    with pytest.raises(exc.OperationalError) as raised, absent.transaction():
        pass
    assert isinstance(raised.value.orig, psycopg.OperationalError)
    assert transient(raised.value)


@only_postgresql
def test_a_connection_that_the_server_ends_is_an_outage_and_the_next_one_works(
    store: Store, postgresql_server: PostgresqlServer
) -> None:
    end_all = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'surveillance'"

    def work() -> None:
        with store.transaction() as tx:
            line_list.lock(tx, {key()})
            postgresql_server.execute(end_all)
            line_list.lock(tx, {key()})

    with pytest.raises(exc.DBAPIError) as raised:
        work()
    assert transient(raised.value)
    with store.transaction() as tx:
        assert line_list.lock(tx, {key()})


@only_postgresql
def test_a_deadlock_is_an_outage_so_the_loser_tries_again(store: Store) -> None:
    with store.transaction() as tx:
        line_list.lock(tx, {key("a"), key("b")})
    together, errors = threading.Barrier(2), []

    def lock_both(first: str, second: str) -> None:
        try:
            with store.transaction() as tx:
                line_list.lock(tx, {key(first)})
                together.wait()
                line_list.lock(tx, {key(second)})
        except exc.DBAPIError as error:
            errors.append(error)

    threads = [threading.Thread(target=lock_both, args=order) for order in (("a", "b"), ("b", "a"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [transient(error) for error in errors] == [True]


def test_a_mistyped_file_is_told_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "mistyped.db"
    with pytest.raises(UrlFault, match=r"mistyped\.db; to make it: surveillance db upgrade"):
        Store.open(f"sqlite:///{path}").check_schema()
    assert not path.exists()
