"""Workbooks (.xlsx) as tables of text: the first sheet, the values that are seen in it, a row at a time.

A date cell is a day, `2024-03-01`; one with a time is `2024-03-01 14:30:00`. A formula counts as the value
that was last computed for it. What a workbook unpacks to is looked at before it is unpacked.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, time
from typing import Any

from openpyxl import load_workbook

from surveillance.events.columns import ColumnsError
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.submitting.shape import File
from surveillance.submitting.table import HEADER_WITHIN_ROWS, Line, Table, row_fault

MOST_PARTS = 2_000
MOST_UNPACKED_BYTES = 400_000_000
MOST_SHARED_BYTES = 64_000_000  # texts that cells share: openpyxl holds these in memory
MOST_ROWS = 1_048_576
_SHARED = "xl/sharedStrings.xml"
_FORMULA = (b"<f>", b"<f ")
_CHUNK = 1 << 20
# What zipfile makes of bytes that are no package; ColumnsError, a ValueError, is none of them.
_BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, struct.error, EOFError),
    *(OSError, NotImplementedError, RuntimeError),
)


def workbook_table(path: File) -> Table:
    """The first visible sheet of a workbook; raises ColumnsError where there is none that can be read.

    Its header is the first row with more than one filled cell: a title above it is no header.
    """
    _check_package(path)
    with _sheet(path) as (sheet, others):
        number, names = _header(sheet)
    notes = (f"Only the first sheet was read; there are {others} more",) if others else ()
    return Table(names, lambda: _lines(path, number, len(names)), notes)


def _check_package(path: File) -> None:
    """Before anything is unpacked: its size, and that no part of it defines words of its own."""
    with _package(path) as package:
        parts = package.infolist()
        shared = sum(part.file_size for part in parts if part.filename == _SHARED)
        unpacked = sum(part.file_size for part in parts)
        if len(parts) > MOST_PARTS or unpacked > MOST_UNPACKED_BYTES or shared > MOST_SHARED_BYTES:
            raise ColumnsError(["the workbook: unpacks to too much; save the one sheet as `CSV UTF-8`"])
        for part in parts:
            if part.filename.endswith(".xml") and b"<!DOCTYPE" in _beginning(package, part):
                raise ColumnsError(["the workbook: is not one that Excel writes; save it again"])


@contextmanager
def _package(path: File) -> Iterator[zipfile.ZipFile]:
    """The package that a workbook is; raises ColumnsError wherever in it the file is broken."""
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as package:
            yield package
    except _BROKEN as error:
        words = "is no .xlsx workbook that can be read (an old .xls, one with a password, or a broken file)"
        raise ColumnsError([f"the workbook: {words}; save it as .xlsx without a password"]) from error


def _beginning(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    with package.open(part) as file:
        return file.read(1024)


@contextmanager
def _sheet(path: File, values: bool = True) -> Iterator[tuple[Any, int]]:
    """The first visible sheet, and how many more there are. `values`: what formulas gave, not they."""
    file = path.open("rb")  # the library would judge by the name, which says nothing here
    try:
        book = load_workbook(file, read_only=True, data_only=values, keep_links=False)
    except Exception as error:  # whatever a broken workbook makes the library raise, it is broken
        file.close()
        raise ColumnsError(["the workbook: cannot be read; save it again as .xlsx"]) from error
    try:
        visible = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"]
        if not visible:
            raise ColumnsError(["the workbook: has no sheet"])
        visible[0].reset_dimensions()  # what a workbook says of its size is not always so
        yield visible[0], len(visible) - 1
    finally:
        book.close()
        file.close()


def _header(sheet: Any) -> tuple[int, tuple[str, ...]]:
    """The row of the header, counted from 1, and its names."""
    single: tuple[int, tuple[str, ...]] | None = None
    for number, row in enumerate(_read(sheet), start=1):
        names = _without_end([_text(cell).strip() for cell in row])
        filled = sum(map(bool, names))
        if filled > 1:
            return number, tuple(names)
        if filled and single is None:
            single = number, tuple(names)
        if number >= HEADER_WITHIN_ROWS:
            break
    if single is None:
        raise ColumnsError(["the workbook: its first sheet has no header with the names of its columns"])
    return single


def _lines(path: File, header: int, width: int) -> Iterator[Line]:
    """The rows below the header; empty ones are left out."""
    with _sheet(path) as (sheet, _):
        formulas = _formulas(path) if _has_formulas(path) else None
        for number, row in enumerate(_read(sheet), start=1):
            written = next(formulas, ()) if formulas is not None else ()
            cells = _without_end([_text(cell) for cell in row])
            if number > header and (any(cells) or any(map(_is_formula, written))):
                fault = _fault_of(row, written, cells, width)
                yield Line(number, [*cells, *[""] * (width - len(cells))], fault)


def _fault_of(row: Sequence[Any], written: Sequence[Any], cells: list[str], width: int) -> Fault | None:
    if len(cells) > width:
        rule = f"A row has as many cells as the header ({width})"
        return row_fault(RefusalCode.INVALID_VALUE, rule, "Name every column, or empty the cells beside")
    if any(cell.data_type == "e" for cell in row):
        return row_fault(RefusalCode.INVALID_VALUE, "A cell holds an error, such as #N/A", "Correct the cell")
    if any(_is_formula(of) and row[i].value is None for i, of in enumerate(written) if i < len(row)):
        rule = "A formula has no stored value"
        return row_fault(
            RefusalCode.INVALID_VALUE, rule, "Open and save the workbook in Excel, or paste the values"
        )
    return None


def _read(sheet: Any) -> Iterator[Sequence[Any]]:
    """Its rows, the empty ones between them included."""
    try:
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number > MOST_ROWS:  # rows say their own numbers, and the gaps between them are filled
                raise ColumnsError([f"the workbook: its first sheet has more than {MOST_ROWS} rows"])
            yield row
    except ColumnsError:
        raise
    except Exception as error:  # as above
        raise ColumnsError(
            ["the workbook: its first sheet cannot be read; save it again as .xlsx"]
        ) from error


def _formulas(path: File) -> Iterator[Sequence[Any]]:
    with _sheet(path, values=False) as (sheet, _):
        yield from _read(sheet)


def _is_formula(cell: Any) -> bool:
    return bool(cell.data_type == "f")


def _has_formulas(path: File) -> bool:
    """Whether any sheet has one: only then the workbook is read twice."""
    with _package(path) as package:
        sheets = [part for part in package.infolist() if part.filename.startswith("xl/worksheets/")]
        return any(_mentions(package, part, _FORMULA) for part in sheets)


def _mentions(package: zipfile.ZipFile, part: zipfile.ZipInfo, words: Sequence[bytes]) -> bool:
    kept = b""
    with package.open(part) as file:
        while chunk := file.read(_CHUNK):
            kept = kept[-8:] + chunk
            if any(word in kept for word in words):
                return True
    return False


def _without_end(cells: list[str]) -> list[str]:
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _text(cell: Any) -> str:
    """A cell's value as it would be written in CSV."""
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, datetime):
        has_time = value.time() != time() or "h" in str(cell.number_format).lower()
        return value.isoformat(" ", "seconds") if has_time else value.date().isoformat()
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)
