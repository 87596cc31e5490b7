"""Files of rows as events: CSV by a mapping of columns, JSON Lines as they are. One row at a time."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, TextIO
from zoneinfo import ZoneInfo

from surveillance.events.columns import COUNT_COLUMN, ColumnsError, RowReader, column_of, row_reader
from surveillance.events.decode import decode
from surveillance.events.json_text import MAX_BYTES, read_object, read_text
from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.events.topics import Kind, Source

JSON_LINES = frozenset({".jsonl", ".ndjson", ".json"})
_ROW = "row"  # the field of faults that concern a row as a whole


@dataclass(frozen=True, slots=True)
class Row:
    """One event of a file, or why there is none. `line` counts from 1, the header included."""

    line: int
    payload: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()


def read_rows(
    path: Path,
    columns: Mapping[str, str],
    defaults: Mapping[str, Any] | None = None,
    *,
    kind: Kind,
    zone: ZoneInfo,
) -> Iterator[Row]:
    """The rows of a CSV (or .tsv) or JSON Lines file, in order, in bounded memory.

    `columns` maps event fields to columns or `=constants` (see `columns.py`), `defaults` gives values
    for top-level fields that a row leaves out, `zone` is where days and times without an offset are
    local. JSON Lines rows are events already: all three are for tables only.

    Raises ColumnsError before the first row where the mapping does not fit the event or the header.
    """
    if path.suffix.lower() in JSON_LINES:
        return _json_lines(path)
    reader = row_reader(kind, columns, defaults or {}, zone, read_header(path))
    return _table(path, reader)


def encode(payload: Mapping[str, Any]) -> bytes:
    """A payload as it travels: compact JSON in UTF-8."""
    return json.dumps(payload, separators=(",", ":")).encode("ascii")


def check_row(
    row: Row, source: Source, organisation: str, received_at: datetime, columns: Mapping[str, str]
) -> tuple[Fault, ...]:
    """Every fault of a row, under the names of its columns where they are known; none if it is an event."""
    if row.payload is None:
        return row.faults
    try:
        decode(encode(row.payload), source, organisation, received_at)
    except Refused as refused:
        return tuple(name_column(fault, columns) for fault in refused.faults)
    return ()


def name_column(fault: Fault, columns: Mapping[str, str]) -> Fault:
    """The fault with the column's name beside the field's. For the partner's eyes, never for storage."""
    column = column_of(fault.field, columns)
    return fault if column is None else replace(fault, field=f"{column} ({fault.field})")


def _delimiter(path: Path) -> str:
    return "\t" if path.suffix.lower() == ".tsv" else ","


def _open_table(path: Path) -> TextIO:
    # Bytes that are not UTF-8 become half surrogates: their row is refused, the file goes on.
    return path.open(encoding="utf-8-sig", errors="surrogateescape", newline="")


def read_header(path: Path) -> list[str]:
    """The names of a table's columns; raises ColumnsError where its first line is no header."""
    with _open_table(path) as file:
        try:
            names = next(csv.reader(_bounded_lines(file), delimiter=_delimiter(path), strict=True), [])
        except csv.Error:
            names = []
    if not names:
        raise ColumnsError(["the file: its first line must be a header with the names of its columns"])
    return [name.strip() for name in names]


def _bounded_lines(file: TextIO) -> Iterator[str]:
    """Lines of at most MAX_BYTES characters; what is longer is cut, and the row is refused for its form."""
    while line := file.readline(MAX_BYTES):
        yield line
        while not line.endswith(("\n", "\r")) and (line := file.readline(MAX_BYTES)):
            pass


def _table(path: Path, reader: RowReader) -> Iterator[Row]:
    with _open_table(path) as file:
        rows = csv.reader(_bounded_lines(file), delimiter=_delimiter(path), strict=True)
        width = len(next(rows))
        while True:
            line = rows.line_num + 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                yield _faulty(
                    line, RefusalCode.INVALID_VALUE, _ROW, "The row is a row of CSV", "Check the quotes"
                )
                continue
            if any(cells):  # spreadsheets leave empty rows at the end
                yield from _row_events(cells, line, width, reader)


def _row_events(cells: list[str], line: int, width: int, reader: RowReader) -> Iterator[Row]:
    if len(cells) != width:
        rule = f"A row has as many cells as the header ({width})"
        yield _faulty(line, RefusalCode.INVALID_VALUE, _ROW, rule, "Quote cells that hold a comma")
    elif not "".join(cells).isascii() and any(
        "\ud800" <= sign <= "\udfff" for cell in cells for sign in cell
    ):
        yield _faulty(line, RefusalCode.NOT_UTF8, _ROW, "A file is UTF-8 text", "Save the file as UTF-8")
    else:
        try:
            yield from (Row(line, payload) for payload in reader.payloads(cells, line))
        except ValueError:
            rule = "A count is a whole number from 0 to 100000"
            yield _faulty(line, RefusalCode.INVALID_VALUE, COUNT_COLUMN, rule, "Correct the count")


def _json_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line, value in enumerate(_bounded_values(file), start=1):
            if value is not None and not value.strip():
                continue
            try:
                yield Row(line, read_object(read_text(value or b" " * (MAX_BYTES + 1))))
            except Refused as refused:
                yield Row(line, None, refused.faults)


def _bounded_values(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a file; None for one that no message may be as long as."""
    while value := file.readline(MAX_BYTES + 1):
        too_long = len(value) > MAX_BYTES and not value.endswith(b"\n")
        yield None if too_long else value.rstrip(b"\r\n")
        while too_long and not value.endswith(b"\n") and (value := file.readline(MAX_BYTES)):
            pass


def _faulty(line: int, code: RefusalCode, field: str, rule: str, fix: str) -> Row:
    return Row(line, None, (Fault(code, field, rule, fix),))
