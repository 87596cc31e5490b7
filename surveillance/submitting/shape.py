"""The shapes of partners' files: by their names, by what a program says of them, by how they begin."""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Literal, Protocol


class File(Protocol):
    """What rows are read from: a path, or what opens as one does."""

    @property
    def name(self) -> str: ...

    def open(self, mode: Literal["rb"], /) -> BinaryIO: ...


class Shape(StrEnum):
    """How a file holds records: events in JSON, or rows of a table."""

    JSON = "json"  # one event, a list of events, or events line by line
    JSON_LINES = "json-lines"
    CSV = "csv"
    EXCEL = "excel"

    @property
    def is_table(self) -> bool:
        """Whether its columns have names that have to be mapped to fields."""
        return self in (Shape.CSV, Shape.EXCEL)


EXCEL_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
MEDIA_TYPES: Mapping[str, Shape] = {
    "application/json": Shape.JSON,
    "application/cloudevents+json": Shape.JSON,
    "application/cloudevents-batch+json": Shape.JSON,
    "application/x-ndjson": Shape.JSON_LINES,
    "application/jsonl": Shape.JSON_LINES,
    "text/csv": Shape.CSV,
    "text/tab-separated-values": Shape.CSV,
    EXCEL_TYPE: Shape.EXCEL,
}
_SUFFIXES: Mapping[str, Shape] = {
    ".json": Shape.JSON,
    ".jsonl": Shape.JSON_LINES,
    ".ndjson": Shape.JSON_LINES,
    ".xlsx": Shape.EXCEL,
    ".xlsm": Shape.EXCEL,
}
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"


def shape_of(path: File, name: str | None = None) -> Shape:
    """The shape of a file, by its name (or another one that it had) and its first bytes.

    Whatever a table is called, one that begins as a workbook is a workbook.
    """
    named = _SUFFIXES.get(Path(name or path.name).suffix.lower(), Shape.CSV)
    if not named.is_table:
        return named
    with path.open("rb") as file:
        return Shape.EXCEL if file.read(4) in (_ZIP, _OLE) else named


def media_type(header: str | None) -> str:
    """`text/csv; charset=utf-8` -> `text/csv`."""
    return (header or "").partition(";")[0].strip().lower()
