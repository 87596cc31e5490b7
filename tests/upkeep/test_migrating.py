"""Up from every released schema with rows in every table: nothing is lost, and the database is whole."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory
from lived_in import AUDIT, KEYS, live_in

from small_house import NOW, House
from surveillance.answering import measure_stored
from surveillance.configuration import Configuration
from surveillance.store import audit
from surveillance.store.columns import UtcTime
from surveillance.store.database import Store, Transaction
from surveillance.store.migrating import make_configuration
from surveillance.store.tables import Base
from surveillance.upkeep.verifying import verify

SCRIPTS = ScriptDirectory.from_config(make_configuration())
RELEASED = [one.revision for one in reversed(list(SCRIPTS.walk_revisions()))]
RENAMED = {"deliveries": "delivery_attempts"}  # a table of an earlier schema -> where its rows went
SET_BY_REVISIONS = {"audit_head", "audit"}  # written below by the code itself, for its macs
PUBLISHING = "0008"  # before it nothing was published, so the chain says nothing of it

Rows = dict[str, list[dict[str, Any]]]
FILLERS: dict[type, Any] = {
    str: lambda name, n: f"{name}-{n}",
    int: lambda _, n: n,
    float: lambda _, n: n / 2,
    bool: lambda *_: True,
    datetime: lambda *_: NOW,
    date: lambda *_: NOW.date(),
    bytes: lambda *_: b"x",
    dict: lambda *_: [],
}


@pytest.fixture(scope="session")
def lived(planet: Configuration, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """The rows of a house in which everything happened, and some of every other table."""
    path = tmp_path_factory.mktemp("lived") / "surveillance.db"
    path.write_bytes(sqlite_template.read_bytes())
    house = House(planet, Store.open(f"sqlite:///{path}"))
    live_in(house)
    with house.store.transaction() as tx:
        fill_empty(tx, Base.metadata)
    with house.store.reading() as tx:
        rows = {
            t.name: [dict(r._mapping) for r in tx.execute(t.select())] for t in Base.metadata.sorted_tables
        }
    house.store.close()
    assert all(rows.values()), "every table has rows"
    return rows


def fill_empty(tx: Transaction, metadata: sa.MetaData) -> None:
    """Two rows in each table that has none, driven by its schema alone."""
    for table in metadata.sorted_tables:
        if tx.execute(sa.select(sa.func.count()).select_from(table)).scalar_one() == 0:
            tx.execute(table.insert(), [filler(tx, table, n) for n in (1, 2)])


def filler(tx: Transaction, table: sa.Table, n: int) -> dict[str, Any]:
    return {column.name: _value(tx, column, n) for column in table.c}


def _value(tx: Transaction, column: sa.Column[Any], n: int) -> Any:
    for key in column.foreign_keys:
        return (
            tx.execute(sa.select(key.column).limit(1).offset(n - 1)).scalar()
            or tx.execute(sa.select(key.column).limit(1)).scalar_one()
        )
    plain = column.type.impl if isinstance(column.type, sa.TypeDecorator) else column.type
    kind = dict if isinstance(plain, sa.JSON) else plain.python_type
    return FILLERS[kind](column.name, n)


def migrate(store: Store, revision: str) -> None:
    configuration = make_configuration()
    with store.transaction() as tx:
        configuration.attributes["connection"] = tx
        command.upgrade(configuration, revision)


def tables_there(tx: Transaction) -> Iterator[sa.Table]:
    """The tables as they are, with the types that the code gives those columns that it still knows."""
    there = sa.MetaData()
    there.reflect(tx)
    for table in there.sorted_tables:
        if table.name == "alembic_version":
            continue
        known = Base.metadata.tables.get(table.name)
        for column in table.c:
            if known is not None and column.name in known.c:
                column.type = known.c[column.name].type
            elif isinstance(column.type, sa.DateTime):
                column.type = UtcTime()
        yield table


def put_in(tx: Transaction, lived: Rows, revision: str) -> None:
    """The rows that lived, as far as the schema of then could hold them; others in tables that are gone."""
    for table in tables_there(tx):
        if table.name in SET_BY_REVISIONS:
            continue
        rows = [
            {name: row[name] for name in table.c.keys() & row.keys()} for row in lived.get(table.name, ())
        ]
        fitting = [r for r in rows if all(r.get(c.name) is not None or c.nullable for c in table.c)]
        tx.execute(table.insert(), fitting or [filler(tx, table, n) for n in (1, 2)])
    if revision >= "0003":
        for row in lived["audit"]:
            if revision >= PUBLISHING or row["act"] != "released":
                named = (row["by"], row["act"], row["subject"], row["at"], row["facts"])
                audit.append(tx, AUDIT, audit.Entry(*named))


def content(tx: Transaction) -> dict[str, list[dict[str, Any]]]:
    return {
        table.name: sorted(
            (dict(row._mapping) for row in tx.execute(table.select())),
            key=lambda row: repr([row[c.name] for c in table.primary_key.columns]),
        )
        for table in tables_there(tx)
    }


@pytest.mark.parametrize("revision", RELEASED)
def test_every_row_is_there_afterwards_and_the_database_is_whole(
    empty_url: str, lived: Rows, planet: Configuration, revision: str
) -> None:
    store = Store.open(empty_url)
    migrate(store, revision)
    with store.transaction() as tx:
        put_in(tx, lived, revision)
    with store.reading() as tx:
        before = content(tx)
    store.upgrade()
    measure_stored(store)
    with store.reading() as tx:
        after = content(tx)
    for name, rows in before.items():
        assert rows, name
        now = after[RENAMED.get(name, name)]
        kept = rows[0].keys() & now[0].keys()
        assert [{k: r[k] for k in kept} for r in now] == [{k: r[k] for k in kept} for r in rows], name
    assert [c for c in verify(store, planet, KEYS) if c.faults] == []
    store.close()


@pytest.mark.parametrize("revision", [RELEASED[0], RELEASED[len(RELEASED) // 2]])
def test_keys_and_references_hold_after_an_upgrade(empty_url: str, lived: Rows, revision: str) -> None:
    store = Store.open(empty_url)
    migrate(store, revision)
    with store.transaction() as tx:
        put_in(tx, lived, revision)
    store.upgrade()
    for table in Base.metadata.sorted_tables:
        with store.reading() as tx:
            row = tx.execute(table.select()).first()
        if row is not None:
            with pytest.raises(sa.exc.IntegrityError), store.transaction() as tx:
                tx.execute(table.insert(), dict(row._mapping))
    for child, own in (("record_versions", "record"), ("alert_history", "alert_id"), ("outbox", "alert_id")):
        missing = -1 if own == "record" else "nobody"
        with pytest.raises(sa.exc.IntegrityError), store.transaction() as tx:
            tx.execute(sa.update(Base.metadata.tables[child]).values({own: missing}))
    store.close()


def test_the_newest_released_schema_is_the_one_that_is_tested() -> None:
    assert SCRIPTS.get_current_head() == RELEASED[-1]
    assert NOW.tzinfo is UTC
