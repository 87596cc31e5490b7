"""What no topic gives back, in one file: what people decided, and what was seen, told and published.

One JSON text a line, compressed: first the schema, then rows, tables in the order in which they refer to each
other, at last how many rows there are. The file holds what is about people, as the database does: what is
sealed there is sealed here, under the same keys.
"""

import gzip
import json
import os
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnClause, Date, LargeBinary, Table, delete, func, insert, select, text

from surveillance.store import schema
from surveillance.store.catalogue import Nature, tables_of
from surveillance.store.columns import Texts, UtcTime
from surveillance.store.database import Transaction
from surveillance.store.sealed import as_stored
from surveillance.store.statements import chunks
from surveillance.store.tables import duplicates, records
from surveillance.store.tables_audit import audit

_EXPORTED = (Nature.DECIDED, Nature.HAPPENED)
_PAGE = 500
_READ: dict[type, Callable[[Any], Any]] = {
    UtcTime: datetime.fromisoformat,
    Date: date.fromisoformat,
    LargeBinary: b64decode,
    Texts: tuple,
}


class ExportFault(RuntimeError):
    """An export cannot be read back here; the text says why."""


def write(tx: Transaction, to: Path, now: datetime) -> int:
    """Writes the export to a new file that only its owner reads; returns how many rows it holds."""
    rows = 0
    with os.fdopen(os.open(to, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as raw:
        with gzip.open(raw, "wt", encoding="utf-8") as file:
            file.write(json.dumps({"schema": schema.revision(tx), "at": now.isoformat()}) + "\n")
            for table, row in _rows(tx):
                file.write(json.dumps([table.name, row]) + "\n")
                rows += 1
            file.write(json.dumps({"rows": rows}) + "\n")
        raw.flush()
        os.fsync(raw.fileno())
    return rows


def read(tx: Transaction, source: Path) -> int:
    """Puts an export into a database that holds nothing yet; returns how many rows it held.

    Raises ExportFault where it is cut off, of another schema, or where the database holds anything.
    """
    if any(tx.execute(select(func.count()).select_from(one)).scalar_one() for one in (records, audit)):
        raise ExportFault("the database is not empty: make a new one with `surveillance db upgrade`")
    tables = {table.name: table for table in tables_of(*_EXPORTED)}
    for table in reversed(tables.values()):
        tx.execute(delete(table))
    rows, told = 0, None
    for lines in chunks(_lines(source, tx), _PAGE):
        told = next((one["rows"] for one in lines if isinstance(one, dict)), None)
        stored = [one for one in lines if isinstance(one, list)]
        _insert(tx, tables, stored)
        rows += len(stored)
    if rows != told:
        raise ExportFault(f"{source} is cut off: it holds {rows} rows of {told or 'more'}")
    _count_on(tx, tables.values())
    return rows


def _rows(tx: Transaction) -> Iterator[tuple[Table, dict[str, Any]]]:
    for table in tables_of(*_EXPORTED):
        stored = as_stored(table)
        query = select(stored).order_by(*(stored.c[key.name] for key in table.primary_key.columns))
        if table is duplicates:  # a pair that is only proposed follows from the records
            query = query.where(stored.c.state != "proposed")
        for row in tx.execute(query).yield_per(_PAGE):
            yield table, {name: _as_json(value) for name, value in row._mapping.items()}


def _as_json(value: Any) -> Any:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value.isoformat() if isinstance(value, date | datetime) else value


def _lines(source: Path, tx: Transaction) -> Iterator[Any]:
    try:
        with gzip.open(source, "rt", encoding="utf-8") as file:
            found = json.loads(file.readline())["schema"]
            if found != schema.revision(tx):
                raise ExportFault(f"{source} is of schema {found}: read it with the version that wrote it")
            yield from map(json.loads, file)
    except (EOFError, gzip.BadGzipFile, KeyError, TypeError, UnicodeDecodeError, json.JSONDecodeError):
        raise ExportFault(f"{source} is no export, or is cut off") from None


def _insert(tx: Transaction, tables: dict[str, Table], lines: Iterable[list[Any]]) -> None:
    by_table: dict[str, list[dict[str, Any]]] = {}
    for name, row in lines:
        by_table.setdefault(name, []).append(row)
    for name, rows in by_table.items():
        stored = as_stored(tables[name])
        readers = {column.name: _reader(column) for column in stored.c}
        values = [{k: v if v is None else readers[k](v) for k, v in row.items()} for row in rows]
        tx.execute(insert(stored), values)


def _reader(column: ColumnClause[Any]) -> Callable[[Any], Any]:
    return _READ.get(type(column.type), lambda value: value)


def _count_on(tx: Transaction, tables: Iterable[Table]) -> None:
    """PostgreSQL numbers the next row after the last one that was put in; SQLite does by itself."""
    if tx.dialect.name == "sqlite":
        return
    for table in tables:
        for column in table.primary_key.columns:
            own = text("SELECT pg_get_serial_sequence(:table, :column)")
            sequence = tx.execute(own, {"table": table.name, "column": column.name}).scalar_one()
            if sequence is not None:
                last = select(func.max(column)).scalar_subquery()
                tx.execute(select(func.setval(sequence, func.coalesce(last, 1), last.is_not(None))))
