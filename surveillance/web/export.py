"""What is taken out of the service: suppressed counts, or the pseudonymous line list of a filter.

Both are streamed, so that memory stays bounded, and no cell can be a formula of a spreadsheet.
"""

import csv
import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import chain
from tempfile import TemporaryFile

from openpyxl import Workbook

from surveillance.line_list.duplicates import CountedCase, count_once
from surveillance.line_list.record import Case
from surveillance.store import cases as store_cases
from surveillance.store import line_list
from surveillance.store.database import Store, Transaction
from surveillance.web.asked import Chosen
from surveillance.web.cases import Reader, band_of
from surveillance.web.house import House
from surveillance.web.published import suppressed

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


def levels_of(chosen: Chosen) -> dict[str, str]:
    """What counts can be broken down by, and what it is called."""
    table = chosen.regions[0].inside
    units = {f"area:{unit}": unit.replace("_", " ").upper() for unit in reversed(list(table.unit_names))}
    return {"month": "Month", "week": "Week", "ages": "Age", "sex": "Sex", **units, "area": "Smallest area"}


def export_counts(tx: Transaction, house: House, chosen: Chosen, by: Sequence[str]) -> Table:
    """Counts of persons or events by these levels, 1 to 7 suppressed, the others rounded to 5.

    The one place where counts leave the service: whoever publishes releases puts their reader here. A
    combination that is not listed counted nobody.
    """
    keys = [_key_of(level, chosen) for level in by]
    counted = Counter(tuple(key(one.case) for key in keys) for one in _counted(tx, house, chosen))
    names = levels_of(chosen)
    header = (*(names[level] for level in by), "Count")
    return Table(header, [(*key, suppressed(number)) for key, number in sorted(counted.items())])


def _counted(tx: Transaction, house: House, chosen: Chosen) -> Iterator[CountedCase]:
    """The cases of the filter, each person or event once."""
    wanted, now = chosen.wanted, house.now()
    first, last = wanted.first or date.min, wanted.last or date.max
    known = line_list.cases_known(tx, wanted.use_case, wanted.place, first, last, now)
    confirmed, rejected = line_list.duplicate_decisions(tx)
    inside = (case for case in known if case.area in wanted.areas)
    for one in count_once(inside, rejected, confirmed, chosen.use_case.count):
        if _is_aged(one.case.age, wanted.ages) and wanted.sex in (None, one.case.sex or "unknown"):
            yield one


def _is_aged(age: int | None, ages: tuple[int | None, int | None] | None) -> bool:
    if ages is None:
        return True
    low, high = ages
    return age is None if low is None else age is not None and low <= age <= (age if high is None else high)


def _key_of(level: str, chosen: Chosen) -> Callable[[Case], str]:
    """What a case belongs to at a level."""
    simple: Mapping[str, Callable[[Case], str]] = {
        "month": lambda case: f"{case.day:%Y-%m}",
        "week": lambda case: str(case.day - timedelta(days=case.day.weekday())),
        "ages": lambda case: band_of(case.age),
        "sex": lambda case: case.sex or "unknown",
        "area": lambda case: case.area,
    }
    if level in simple:
        return simple[level]
    unit, tables = level.partition(":")[2], [region.inside for region in chosen.regions]
    of_area = {c: u for t in tables for c, u in zip(t.codes, t.units[unit], strict=True)}
    return lambda case: of_area[case.area]


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
