"""Tables of text: CSV with commas, semicolons or tabs. One row at a time, in bounded memory."""

import csv
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import TextIOWrapper
from itertools import islice
from typing import TextIO

from surveillance.events.columns import ColumnsError
from surveillance.events.json_text import MAX_BYTES
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.submitting.shape import File

ROW = "row"  # the field of faults that concern a row as a whole
SAVE_AS_UTF8 = (
    "Save it again as `CSV UTF-8`, or send the workbook (.xlsx) itself; it looks like Windows-1252, which is "
    "what Excel calls `CSV`"
)
_DELIMITERS = (",", ";", "\t")
_SEPARATOR = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)  # a first line that Excel understands
HEADER_WITHIN_ROWS = 20  # titles and notes above it are fewer
_PDF = b"%PDF"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Line:
    """A row of a table, or why it is none. `number` counts from 1, the header included."""

    number: int
    cells: Sequence[str]
    fault: Fault | None = None


@dataclass(frozen=True)
class Table:
    """A table's column names and, from the start at each call, the rows below them.

    `notes` say what else is in the file and is not read.
    """

    header: tuple[str, ...]
    lines: Callable[[], Iterator[Line]]
    notes: tuple[str, ...] = ()


def row_fault(code: RefusalCode, rule: str, fix: str) -> Fault:
    """A fault of a row as a whole."""
    return Fault(code, ROW, rule, fix)


def csv_table(path: File) -> Table:
    """A CSV file. Its header is the first line with more than one filled cell: a title above it is no header.

    Raises ColumnsError where there is no header of UTF-8 text.
    """
    with path.open("rb") as file:
        begins = file.read(4)
    if begins == _PDF:
        raise ColumnsError(["the file: is a PDF; send the spreadsheet that it was made of"])
    with _open(path) as file:
        first = file.readline(MAX_BYTES)
        if begins[:2] in _UTF_16 or "\0" in first:
            raise ColumnsError(["the file: is UTF-16 (`Unicode text`); save it as `CSV UTF-8`"])
        said = _SEPARATOR.fullmatch(first)
    delimiter = said[1] if said else _delimiter(path)
    above, names = _header(path, delimiter, after=1 if said else 0)
    if not names:
        raise ColumnsError(["the file: its first line must be a header with the names of its columns"])
    if not _is_text(names):
        raise ColumnsError([f"the file: its header is not UTF-8 text. {SAVE_AS_UTF8}"])
    return Table(tuple(names), lambda: _lines(path, delimiter, len(names), above))


def _delimiter(path: File) -> str:
    """The sign that makes the most cells of the first line that it makes more than a title of."""
    with _open(path) as file:
        for line in islice(_bounded(file), HEADER_WITHIN_ROWS):
            sign = max(_DELIMITERS, key=partial(_width, line))
            if _filled(_names(line, sign)) > 1:
                return sign
    return _DELIMITERS[0]


def _names(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return []


def _width(line: str, delimiter: str) -> int:
    return len(_names(line, delimiter))


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def _header(path: File, delimiter: str, after: int) -> tuple[int, list[str]]:
    """How many rows stand above the header, and its names, which may have line breaks in quotes. Where no
    row has two, it is the first that has one."""
    single: tuple[int, list[str]] = (after, [])
    with _open(path) as file:
        rows = csv.reader(_bounded(file), delimiter=delimiter, strict=True)
        with suppress(csv.Error):
            for above, cells in enumerate(islice(rows, HEADER_WITHIN_ROWS + after)):
                names = [name.strip() for name in cells]
                if above >= after and _filled(names) > 1:
                    return above, names
                if above >= after and _filled(names) and not single[1]:
                    single = above, names
    return single


def _lines(path: File, delimiter: str, width: int, above: int) -> Iterator[Line]:
    with _open(path) as file:
        rows = csv.reader(_bounded(file), delimiter=delimiter, strict=True)
        for _ in range(above + 1):
            next(rows)
        while True:
            number = rows.line_num + 1
            try:
                cells = next(rows)
            except StopIteration:
                return
            except csv.Error:
                fault = row_fault(RefusalCode.INVALID_VALUE, "The row is a row of CSV", "Check the quotes")
                yield Line(number, (), fault)
                continue
            if any(cells):  # spreadsheets leave empty rows at the end
                yield Line(number, cells, _fault_of(cells, width))


def _fault_of(cells: list[str], width: int) -> Fault | None:
    if len(cells) != width:
        rule = f"A row has as many cells as the header ({width})"
        return row_fault(RefusalCode.INVALID_VALUE, rule, "Quote cells that hold the separator")
    if not _is_text(cells):
        return row_fault(RefusalCode.NOT_UTF8, "A file is UTF-8 text", SAVE_AS_UTF8)
    return None


def _is_text(cells: list[str]) -> bool:
    joined = "".join(cells)
    return joined.isascii() or not any("\ud800" <= sign <= "\udfff" for sign in joined)


def _open(path: File) -> TextIO:
    # Bytes that are not UTF-8 become half surrogates: their row is refused, the file goes on.
    return TextIOWrapper(path.open("rb"), "utf-8-sig", "surrogateescape", newline="")


def _bounded(file: TextIO) -> Iterator[str]:
    """Lines of at most MAX_BYTES characters; what is longer is cut, and the row is refused for its form."""
    while line := file.readline(MAX_BYTES):
        yield line
        while not line.endswith(("\n", "\r")) and (line := file.readline(MAX_BYTES)):
            pass
