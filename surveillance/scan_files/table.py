"""Tables as columns: CSV with a header, and SaTScan's files, whose columns are known by their extension."""

import csv
import re
from array import array
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any, TextIO, TypeVar

import numpy as np
import numpy.typing as npt

from surveillance.scan_files.fault import MOST_TOLD, Faults

T = TypeVar("T")
Indices = npt.NDArray[np.int32]

# SaTScan's files have no header: the columns that each kind begins with, and how a further one is called.
SATSCAN_COLUMNS: Mapping[str, tuple[str, ...]] = {
    ".cas": ("id", "count", "date"),
    ".ctl": ("id", "count", "date"),
    ".pop": ("id", "date", "population"),
    ".geo": ("id", "first", "second"),
}
COVARIATE = "covariate{}"
_LEAST_CELLS = {".cas": 2, ".ctl": 2, ".pop": 3, ".geo": 3}
_WORD = re.compile(r'"([^"]*)"(?=[\s,]|$)|([^\s,"]+)(?=[\s,]|$)|(,)|\S')


@dataclass(frozen=True, eq=False)
class Column:
    """texts: the distinct texts of a column. index: (rows,) which of them each row holds."""

    name: str
    texts: tuple[str, ...]
    index: Indices


@dataclass(frozen=True, eq=False)
class Table:
    """A file's columns, in their order. lines: (rows,) the line that each row ends on, from 1."""

    path: Path
    columns: Mapping[str, Column]
    lines: Indices

    @property
    def satscan(self) -> bool:
        """Whether it is one of SaTScan's own files."""
        return self.path.suffix.lower() in SATSCAN_COLUMNS

    def convert(self, name: str, read: Callable[[str], T], faults: Faults) -> list[T | None]:
        """What `read` makes of each distinct text of a column, None where it raises ValueError.

        Each row with such a text is a fault, with the words of the error.
        """
        values: list[T | None] = []
        wrong: dict[int, str] = {}
        for position, text in enumerate(self.columns[name].texts):
            try:
                values.append(read(text))
            except ValueError as error:
                values.append(None)
                wrong[position] = f"{_quoted(text)} {error}"
        self.blame(name, wrong, faults)
        return values

    def blame(self, name: str, wrong: Mapping[int, str], faults: Faults) -> None:
        """A fault for each row that holds one of some texts of a column: their numbers -> what is wrong."""
        index = self.columns[name].index
        rows = np.flatnonzero(np.isin(index, list(wrong)))
        for row in rows[:MOST_TOLD].tolist():
            faults.add(self.path, wrong[int(index[row])], int(self.lines[row]), name)
        faults.count(max(0, len(rows) - MOST_TOLD))


def read_table(path: Path, faults: Faults) -> Table:
    """The table in a file: SaTScan's where the extension says so, else CSV with a header.

    Rows that do not fit are faults, and left out. Raises ScanFilesError where the file is no table at all.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            kind = path.suffix.lower()
            reader = _Builder(path, faults)
            return reader.satscan(file, kind) if kind in SATSCAN_COLUMNS else reader.separated(file)
    except UnicodeDecodeError:
        faults.add(path, "is not UTF-8 text; save it as UTF-8 (a spreadsheet calls it 'CSV UTF-8')")
    except csv.Error as error:
        faults.add(path, f"is not a table ({error}); check its quotes")
    except OSError as error:
        faults.add(path, f"cannot be read: {error.strerror or type(error).__name__}")
    raise faults.as_error()


class _Builder:
    """Gathers rows into columns of distinct texts: a million rows in a few bytes each."""

    def __init__(self, path: Path, faults: Faults) -> None:
        self.path, self.faults = path, faults

    def separated(self, file: TextIO) -> Table:
        """CSV with a header; separated by what the header has most of: comma, semicolon or tab."""
        first = file.readline()
        delimiter = max(",;\t", key=first.count)
        file.seek(0)
        rows = csv.reader(file, delimiter=delimiter, strict=True)
        header = [name.strip() for name in next(rows, [])]
        self._check_header(header)
        numbered = ((rows.line_num, row) for row in rows)
        return self._gather(header, numbered, f"the header ({len(header)})")

    def satscan(self, file: TextIO, kind: str) -> Table:
        """Words between white space or commas; a quoted one may hold both. Date and covariates may lack."""
        numbered = ((line, words) for line, text in enumerate(file, 1) if (words := _words(text, line)))
        first = list(islice(numbered, 10))
        known = SATSCAN_COLUMNS[kind]
        width = len(first[0][1]) if first else len(known)
        if width < _LEAST_CELLS[kind] or (kind == ".geo" and width > len(known)):
            self.faults.add(self.path, f"has {width} columns; {_layout(kind)}", first[0][0])
            self.faults.stop_if_any()
        header = list(known[:width])
        if kind == ".cas" and width > 2 and not any(_like_a_day(row[2]) for _, row in first if len(row) > 2):
            header = ["id", "count"]  # a file without dates, for a purely spatial scan
        header += [COVARIATE.format(number + 1) for number in range(width - len(header))]
        return self._gather(header, chain(first, numbered), f"the first ({width})")

    def _check_header(self, header: Sequence[str]) -> None:
        if not any(header):
            self.faults.add(self.path, "has no header; its first line must name its columns")
        for name in sorted({name for name in header if header.count(name) > 1}):
            words = "stands twice in the header; give each column a name of its own"
            self.faults.add(self.path, words, 1, name or "(without a name)")
        self.faults.stop_if_any()

    def _gather(self, header: list[str], rows: Iterable[tuple[int, list[str]]], as_many: str) -> Table:
        seen: list[dict[str, int]] = [{} for _ in header]
        index = [array("i") for _ in header]
        lines = array("i")
        for line, row in rows:
            if not any(row):  # spreadsheets leave empty rows at the end
                continue
            if len(row) == len(header):
                lines.append(line)
                for cells, known, cell in zip(index, seen, row, strict=True):
                    cells.append(known.setdefault(cell, len(known)))
            else:
                words = f"has {len(row)} cells, not as many as {as_many}; quote cells that hold a separator"
                self.faults.add(self.path, words, line)
        if not lines:
            self.faults.add(self.path, "holds no row")
        columns = {
            name: _column(name, known, cells) for name, known, cells in zip(header, seen, index, strict=True)
        }
        return Table(self.path, columns, np.array(lines, np.int32))


def _column(name: str, known: Mapping[str, int], cells: Any) -> Column:
    """White space around a text says nothing: texts that differ only by it are one."""
    index = np.array(cells, np.int32)
    stripped = [text.strip() for text in known]
    texts = tuple(dict.fromkeys(stripped))
    if len(texts) < len(stripped) or not texts:
        position = {text: number for number, text in enumerate(texts)}
        index = np.array([position[text] for text in stripped], np.int32)[index]
    return Column(name, texts, index)


def _words(text: str, line: int) -> list[str]:
    """The words of a line. Between two commas, or a comma and the beginning, there is an empty one."""
    words: list[str] = []
    after_comma = True
    for found in _WORD.finditer(text):
        if found[3]:
            if after_comma:
                words.append("")
            after_comma = True
            continue
        if found[1] is None and found[2] is None:
            raise csv.Error(f"line {line}: a quote within a word, or one that is not closed")
        words.append(found[2] if found[1] is None else found[1])
        after_comma = False
    return words


def _like_a_day(text: str) -> bool:
    return bool(re.match(r"[0-9]{4}\b|[0-9]{1,2}[-/.][0-9]", text))


def _layout(kind: str) -> str:
    return {
        ".cas": "a .cas file has: location, cases, date, covariates",
        ".ctl": "a .ctl file has: location, controls, date",
        ".pop": "a .pop file has: location, date, population, covariates",
        ".geo": "a .geo file has: location, latitude, longitude (or x, y)",
    }[kind]


def _quoted(text: str) -> str:
    return "an empty cell" if not text else repr(text if len(text) <= 40 else f"{text[:37]}...")
