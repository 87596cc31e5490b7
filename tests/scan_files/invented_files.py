"""Small files of an invented study, and the verbs that write and read them."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from surveillance.scan_files.columns import ColumnChoice
from surveillance.scan_files.study import ScanFiles, ScanInput, read_scan

CASES = "crater,day,cases\nn1,2024-03-01,2\nn2,2024-03-05,1\nn1,2024-03-09,1\n"
LOCATIONS = "crater,x_km,y_km\nn1,0,0\nn2,3,4\nn3,6,8\n"
POPULATION = "crater,year,population\nn1,2023,100\nn1,2025,300\nn2,2024,50.5\nn3,2024,0\n"
CONTROLS = "crater,day,controls\nn1,2024-03-02,3\nn3,2024-03-05,4\n"
START, END = date(2024, 3, 1), date(2024, 3, 31)


def write(directory: Path, **content: str) -> ScanFiles:
    """A study's files, `cases` and `locations` as above unless given; `cases_cas` is one with a suffix."""
    wanted = {"cases": CASES, "locations": LOCATIONS} | content
    paths: dict[str, Path] = {}
    for name, text in wanted.items():
        role, _, suffix = name.partition("_")
        if suffix and role in paths:
            paths[role].unlink()
        paths[role] = directory / f"{role}.{suffix or 'csv'}"
        paths[role].write_text(text, encoding="utf-8")
    return ScanFiles(**paths)


def read(
    files: ScanFiles,
    columns: Mapping[str, Sequence[str] | str] | None = None,
    span: Any = "prospective",
    time_unit: Any = "day",
    start: date | None = START,
    end: date | None = END,
) -> ScanInput:
    """The study in the files."""
    return read_scan(files, ColumnChoice(**(columns or {})), span, time_unit, start, end)  # type: ignore[arg-type]
