"""Files of rows as events: tables by a mapping of columns, JSON as it is. One row at a time."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from surveillance.events.columns import COUNT_COLUMN, RowReader, column_of, row_reader
from surveillance.events.decode import AnyEvent, decode
from surveillance.events.json_text import MAX_BYTES, read_object, read_text
from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.events.topics import Kind, Source
from surveillance.submitting.shape import File, Shape, shape_of
from surveillance.submitting.table import Line, Table, csv_table
from surveillance.submitting.workbook import workbook_table

MOST_JSON_BYTES = 32_000_000  # of a file that is one JSON value: it is held in memory
_TABLES: Mapping[Shape, Callable[[File], Table]] = {Shape.CSV: csv_table, Shape.EXCEL: workbook_table}
_BOM = b"\xef\xbb\xbf"
_SPACE = " \t\r\n"


@dataclass(frozen=True, slots=True)
class Row:
    """One event of a file, or why there is none.

    `line` counts from 1, the header of a table included; in a list of JSON it is the place in the list.
    """

    line: int
    payload: dict[str, Any] | None
    faults: tuple[Fault, ...] = ()


def read_rows(
    path: File,
    columns: Mapping[str, str],
    defaults: Mapping[str, Any] | None = None,
    *,
    kind: Kind,
    zone: ZoneInfo,
    shape: Shape | None = None,
) -> Iterator[Row]:
    """The rows of a file, in order, in bounded memory.

    `columns` maps event fields to columns or `=constants` (see `events/columns.py`), `defaults` gives values
    for top-level fields that a row leaves out, `zone` is where days and times without an offset are
    local. JSON holds events already: all three are for tables only.

    Raises ColumnsError before the first row where the mapping does not fit the event or the header.
    """
    chosen = shape or shape_of(path)
    if not chosen.is_table:
        return _json_lines(path) if chosen is Shape.JSON_LINES else _json(path)
    table = open_table(path, chosen)
    reader = row_reader(kind, columns, defaults or {}, zone, table.header)
    return (row for line in table.lines() for row in _events(line, reader))


def open_table(path: File, shape: Shape) -> Table:
    """A table with its header; raises ColumnsError where it has none, or cannot be read."""
    return _TABLES[shape](path)


def encode(payload: Mapping[str, Any]) -> bytes:
    """A payload as it travels: compact JSON in UTF-8."""
    return json.dumps(payload, separators=(",", ":")).encode("ascii")


def event_of(row: Row, source: Source, organisation: str, received_at: datetime) -> AnyEvent:
    """The event that a row is; raises Refused with every fault."""
    if row.payload is None:
        raise Refused(row.faults)
    return decode(encode(row.payload), source, organisation, received_at)


def name_column(fault: Fault, columns: Mapping[str, str]) -> Fault:
    """The fault with the column's name beside the field's. For the partner's eyes, never for storage."""
    column = column_of(fault.field, columns)
    return fault if column is None else replace(fault, field=f"{column} ({fault.field})")


def _events(line: Line, reader: RowReader) -> Iterator[Row]:
    if line.fault is not None:
        yield Row(line.number, None, (line.fault,))
        return
    try:
        yield from (Row(line.number, payload) for payload in reader.payloads(line.cells, line.number))
    except ValueError:
        rule = "A count is a whole number from 0 to 100000"
        fault = Fault(RefusalCode.INVALID_VALUE, COUNT_COLUMN, rule, "Correct the count")
        yield Row(line.number, None, (fault,))


def _json(path: File) -> Iterator[Row]:
    """One event, a list of events, or events line by line."""
    with path.open("rb") as file:
        whole = file.read(MOST_JSON_BYTES + 1)
    if len(whole) > MOST_JSON_BYTES:
        return _json_lines(path)  # no list of that size is read, and each line says so
    text = whole.removeprefix(_BOM).decode("utf-8", "surrogateescape").strip(_SPACE)
    if text.startswith("["):
        return _json_list(text)
    return _json_one(text) if _is_one(text) else _json_lines(path)


def _is_one(text: str) -> bool:
    """Whether a text is one JSON value, however many lines it has."""
    try:
        _, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return "\n" not in text
    return end == len(text)


def _json_one(text: str) -> Iterator[Row]:
    if text:
        yield _json_row(1, _bytes(text))


def _json_list(text: str) -> Iterator[Row]:
    """Its elements, each looked at by itself; what is no list ends with a fault that says where."""
    decoder, number, at = json.JSONDecoder(), 1, _next(text, 1)
    if text[at:] == "]":
        return
    while at < len(text):
        try:
            _, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        yield _json_row(number, _bytes(text[at:end]))
        after, number = _next(text, end), number + 1
        if text[after:] == "]":
            return
        if text[after : after + 1] != ",":
            break
        at = _next(text, after + 1)
    yield _broken_list(number)


def _broken_list(number: int) -> Row:
    rule, fix = "A list of events is JSON", "Check the text with a JSON parser; what follows was not read"
    return Row(number, None, (Fault(RefusalCode.NOT_JSON, "message", rule, fix),))


def _next(text: str, at: int) -> int:
    while text[at : at + 1] and text[at] in _SPACE:
        at += 1
    return at


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _json_lines(path: File) -> Iterator[Row]:
    with path.open("rb") as file:
        for line, value in enumerate(_bounded_values(file), start=1):
            said = value.removeprefix(_BOM) if value is not None and line == 1 else value
            if said is None or said.strip():
                yield _json_row(line, b" " * (MAX_BYTES + 1) if said is None else said)


def _json_row(line: int, value: bytes) -> Row:
    try:
        return Row(line, read_object(read_text(value)))
    except Refused as refused:
        return Row(line, None, refused.faults)


def _bounded_values(file: BinaryIO) -> Iterator[bytes | None]:
    """The lines of a file; None for one that no message may be as long as."""
    while value := file.readline(MAX_BYTES + 1):
        too_long = len(value) > MAX_BYTES and not value.endswith(b"\n")
        yield None if too_long else value.rstrip(b"\r\n")
        while too_long and not value.endswith(b"\n") and (value := file.readline(MAX_BYTES)):
            pass
