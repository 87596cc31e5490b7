"""What both databases say differently, and how a statement over many keys stays one statement."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnElement,
    Connection,
    Table,
    Text,
    any_,
    case,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from surveillance.line_list.record import RecordKey

# SQLite takes 32,766 values in a statement, PostgreSQL 65,535.
_VALUES = 10_000
_MANY = 100
Item = TypeVar("Item")


def insert_into(tx: Connection, table: Table) -> postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the database's own dialect; both offer the same."""
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table)  # type: ignore[return-value]
    return postgresql.insert(table)


def execute_many(tx: Connection, statement: postgresql.Insert, rows: Sequence[dict[str, Any]]) -> int:
    """Runs an INSERT for many rows, sent together (both drivers do); returns how many it wrote."""
    if not rows:
        return 0
    return tx.execute(statement, rows, execution_options={"preserve_rowcount": True}).rowcount


def insert_missing(tx: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Inserts rows whose key is not there yet; the others stay as they are. Returns how many it added."""
    return execute_many(tx, insert_into(tx, table).on_conflict_do_nothing(), rows)


def chunks(items: Iterable[Item], size: int = _VALUES) -> Iterator[list[Item]]:
    """The items in lists that fit one statement."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def by_source(keys: Collection[RecordKey]) -> Iterator[tuple[str, str, list[str]]]:
    """Partner, kind and record ids, sorted: a batch comes from few partners, so few statements read it."""
    for (partner, kind), group in groupby(sorted(keys), key=lambda key: (key.partner, key.kind)):
        for ids in chunks(key.record_id for key in group):
            yield partner, kind, ids


def one_of(tx: Connection, column: ColumnElement[Any], texts: Collection[str]) -> ColumnElement[bool]:
    """Whether a text is one of these, which are one value of the statement however many they are.

    SQLite does not know how many, and would look each of them up in an index; of many it is told by the plus
    sign not to (https://www.sqlite.org/optoverview.html, section 3): to read the rows once takes a quarter.
    """
    if tx.dialect.name == "sqlite":
        if len(texts) > _MANY:
            column = UnaryExpression(column, operator=custom_op("+"))
        return column.in_(select(func.json_each(json.dumps(sorted(texts))).table_valued("value").c.value))
    return column == any_(literal(sorted(texts), ARRAY(Text)))


def smaller(column: Column[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The smaller of two values; null is no value."""
    return case((or_(column.is_(None), other < column), other), else_=column)


def larger(column: Column[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The larger of two values."""
    return case((other > column, other), else_=column)
