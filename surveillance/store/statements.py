"""What both databases say differently, and how a statement over many keys stays one statement."""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby, islice
from typing import Any, TypeVar

from sqlalchemy import (
    ARRAY,
    Column,
    ColumnClause,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    Text,
    any_,
    case,
    cast,
    column,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import StatementError
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.types import TypeDecorator, TypeEngine

from surveillance.line_list.record import RecordKey
from surveillance.store.json_text import dump_rows

# SQLite takes 32,766 values in a statement, PostgreSQL 65,535.
_VALUES = 10_000
_MANY = 100
_COUNTED = {"preserve_rowcount": True}
Item = TypeVar("Item")


def insert_into(tx: Connection, table: Table) -> postgresql.Insert:
    """An INSERT that knows ON CONFLICT, in the database's own dialect; both offer the same."""
    if tx.dialect.name == "sqlite":
        return sqlite.insert(table)  # type: ignore[return-value]
    return postgresql.insert(table)


def execute_many(tx: Connection, statement: postgresql.Insert, rows: Sequence[dict[str, Any]]) -> int:
    """Runs an INSERT for many rows that name the same columns; returns how many it wrote.

    On PostgreSQL it is one statement with one value: a statement a row took client and server three times as
    long. So no two rows may meet in one ON CONFLICT DO UPDATE.
    """
    if not rows:
        return 0
    if tx.dialect.name == "sqlite":
        return tx.execute(statement, rows, execution_options=_COUNTED).rowcount
    return tx.execute(_together(tx, statement, rows), execution_options=_COUNTED).rowcount


def _together(
    tx: Connection, statement: postgresql.Insert, rows: Sequence[dict[str, Any]]
) -> postgresql.Insert:
    columns = [statement.table.c[name] for name in rows[0]]
    return statement.from_select(columns, _rows_of_json(tx, columns, rows), include_defaults=False)


def _rows_of_json(
    tx: Connection, columns: Sequence[ColumnClause[Any]], rows: Sequence[dict[str, Any]]
) -> Select[Any]:
    """The rows as a query over one JSON text, which is the quickest to make and to read."""
    text = literal(_as_json(tx, columns, rows), Text)
    typed = [column(c.name, _plain(c.type)) for c in columns]
    new = func.json_to_recordset(cast(text, postgresql.JSON)).table_valued(*typed)
    return select(new.render_derived(with_types=True))


def _as_json(tx: Connection, columns: Sequence[ColumnClause[Any]], rows: Sequence[dict[str, Any]]) -> str:
    """Raises StatementError for a value that its column does not take, as running a statement does."""
    prepare = [(c.name, c.type.process_bind_param) for c in columns if isinstance(c.type, TypeDecorator)]
    try:
        prepared = [dict(row) for row in rows] if prepare else rows
        for row in prepared:
            for name, process in prepare:
                row[name] = process(row[name], tx.dialect)
        return dump_rows(prepared)
    except (TypeError, ValueError) as error:
        raise StatementError(str(error), None, None, error, hide_parameters=True) from error


def _plain(kind: TypeEngine[Any]) -> TypeEngine[Any]:
    """The type without a collation, which the cast of an array cannot have."""
    return Text() if isinstance(kind, Text) else kind


def insert_missing(tx: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> int:
    """Inserts rows whose key is not there yet; the others stay as they are. Returns how many it added."""
    return execute_many(tx, insert_into(tx, table).on_conflict_do_nothing(), rows)


def insert_new(
    tx: Connection, table: Table, rows: Sequence[dict[str, Any]], returned: Sequence[ColumnElement[Any]]
) -> Sequence[Row[Any]]:
    """Inserts rows as `insert_missing` does; returns these columns of those that it added, in no order."""
    if not rows:
        return ()
    statement = insert_into(tx, table).on_conflict_do_nothing()
    if tx.dialect.name == "sqlite":
        return tx.execute(statement.returning(*returned), rows).all()
    return tx.execute(_together(tx, statement, rows).returning(*returned)).all()


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


def among(tx: Connection, wanted: ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """Whether a number or text is one of these, each looked up in an index. They are one value of the
    statement, so that it is the same statement however many they are: parsed, and compiled, once."""
    if tx.dialect.name == "sqlite":
        return wanted.in_(select(func.json_each(json.dumps(sorted(values))).table_valued("value").c.value))
    return wanted == any_(literal(sorted(values), ARRAY(_plain(wanted.type))))


def smaller(column: Column[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The smaller of two values; null is no value."""
    return case((or_(column.is_(None), other < column), other), else_=column)


def larger(column: Column[Any], other: ColumnElement[Any]) -> ColumnElement[Any]:
    """The larger of two values."""
    return case((other > column, other), else_=column)
