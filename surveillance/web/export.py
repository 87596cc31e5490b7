"""What is taken out of the service: published counts, or the pseudonymous line list of a filter.

Both are streamed, so that memory stays bounded, and no cell can be a formula of a spreadsheet.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from tempfile import TemporaryFile

from openpyxl import Workbook

from surveillance.store import cases as store_cases
from surveillance.store.database import Store, Transaction
from surveillance.web.asked import Chosen
from surveillance.web.cases import Reader
from surveillance.web.overview.published import published_rows

CSV, XLSX = "csv", "xlsx"
MEDIA_TYPES = {
    CSV: "text/csv; charset=utf-8",
    XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LINES, _BYTES = 1_000, 65_536
Row = Sequence[str]


@dataclass(frozen=True)
class Table:
    """A header and its rows; they are read while they are sent."""

    header: Row
    rows: Iterable[Row]


# --- counts -----------------------------------------------------------------------------------------------


def export_counts(tx: Transaction, chosen: Chosen) -> Table:
    """Every count that is published of the use case in these scopes within the days: the one way by which
    counts leave the service. Nothing here reads the line list: see surveillance.disclosure."""
    wanted = chosen.wanted
    span = wanted.first or date.min, wanted.last or date.max
    rows = [
        (scope.id, row.table, row.cell, row.first.isoformat(), row.last.isoformat(), row.cases)
        for scope in chosen.scopes
        for row in published_rows(tx, chosen.use_case.id, scope.id, *span)
    ]
    return Table(("Scope", "Table", "Cell", "First day", "Last day", "Count"), rows)


# --- line list --------------------------------------------------------------------------------------------


def export_lines(store: Store, reader: Reader) -> Table:
    """The line list of a filter, a row per record, with the columns that the reader may see."""
    header = [column.title for column in reader.columns]
    return Table(header, _rows(store, reader))


def _rows(store: Store, reader: Reader) -> Iterator[Row]:
    """Page by page, each in a reading of its own: a slow taker holds up nobody."""
    after: store_cases.After | None = None
    while True:
        with store.reading() as tx:
            lines = store_cases.lines(tx, reader.chosen.wanted, "day", after, _LINES)
            rows = reader.rows(tx, lines)
        fields = [column.field for column in reader.columns]
        yield from ([_text(row.record if f == "record" else getattr(row, f)) for f in fields] for row in rows)
        if len(lines) < _LINES:
            return
        after = store_cases.sort_value(lines[-1], "day"), lines[-1].record


def _text(value: object) -> str:
    """A value of a row in one cell."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {one}" for key, one in value.items())
    if isinstance(value, tuple):
        return "; ".join(
            getattr(one, "id", None) or getattr(one, "record", None) or str(one) for one in value
        )
    return value.isoformat() if isinstance(value, date) else str(value)


# --- files ------------------------------------------------------------------------------------------------


def write(table: Table, form: str) -> Iterator[bytes]:
    """The table as CSV or as a workbook, in pieces."""
    return _write_csv(table) if form == CSV else _write_workbook(table)


def unspoilt(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula: one that begins like one gets an apostrophe."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def _write_csv(table: Table) -> Iterator[bytes]:
    yield "\ufeff".encode()  # or a spreadsheet takes UTF-8 for something else
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    for row in chain([table.header], table.rows):
        writer.writerow(map(unspoilt, row))
        if buffer.tell() > _BYTES:
            yield buffer.getvalue().encode()
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode()


def _write_workbook(table: Table) -> Iterator[bytes]:
    book = Workbook(write_only=True)  # rows go to a file as they come
    sheet = book.create_sheet("Export")
    for row in chain([table.header], table.rows):
        sheet.append([unspoilt(cell) for cell in row])
    with TemporaryFile() as file:
        book.save(file)
        file.seek(0)
        while piece := file.read(_BYTES):
            yield piece
