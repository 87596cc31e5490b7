"""Reads an area file: CSV with a header, UTF-8, plain or gzipped.

code (unique), name; where the area is: easting_m and northing_m (British National Grid), or x_km and y_km
(any plane), or longitude and latitude (degrees, WGS84); optional: population, population_* and *_decile
(numbers). Every other column is a higher unit that the area belongs to (`lad`), and `lad_name` its name.
"""

import csv
import gzip
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO, cast

import numpy as np

from surveillance.geography.distance import Floats
from surveillance.use_case.fault import ConfigError, ConfigFault

Columns = Mapping[str, tuple[str, ...]]

SHIPPED = Path(__file__).parent / "areas"

# The names that the Office for National Statistics gives to these columns.
OFFICIAL_NAMES = {
    "lsoa11cd": "code",
    "lsoa11nm": "name",
    "easting": "easting_m",
    "northing": "northing_m",
    "msoa11cd": "msoa",
    "msoa_house_of_commons_name": "msoa_name",
    "msoa11nm": "msoa_official_name",
    "lad21cd": "lad",
    "lad21nm": "lad_name",
    "sub_icb_code": "sub_icb",
    "icb_code": "icb",
    "imd2019_decile": "imd_decile",
    "ruc11cd": "rural_urban_class",
}
PAIRS = (("easting_m", "northing_m"), ("x_km", "y_km"), ("longitude", "latitude"))
OWN = {"code", "name", "population", *(name for pair in PAIRS for name in pair)}
LIMITS = {"longitude": (-180.0, 180.0), "latitude": (-90.0, 90.0), "population": (0.0, np.inf)}


@dataclass(frozen=True, eq=False)
class AreaColumns:
    """An area file as arrays. plane_km: (n, 2), or None; degrees: (n, 2), NaN where not known."""

    codes: tuple[str, ...]
    names: tuple[str, ...]
    plane_km: Floats | None
    degrees: Floats
    population: Floats | None
    units: Mapping[str, tuple[str, ...]]
    unit_names: Mapping[str, Mapping[str, str]]
    measures: Mapping[str, Floats]


def shipped_names() -> tuple[str, ...]:
    """The names of the area files in the package."""
    names = {path.name.removesuffix(".gz").removesuffix(".csv") for path in SHIPPED.glob("*.csv*")}
    return tuple(sorted(name for name in names if not name.endswith(("_postcodes", "lsoa21_to_lsoa11"))))


def find_area_file(areas: str, base: Path) -> Path:
    """A shipped file by name, else a path relative to `base`; ConfigError says where one should be put."""
    path = base / areas
    for candidate in (
        SHIPPED / f"{areas}.csv",
        SHIPPED / f"{areas}.csv.gz",
        path,
        path.with_name(f"{path.name}.csv"),
        path.with_name(f"{path.name}.csv.gz"),
    ):
        if candidate.is_file():
            return candidate
    fix = f"Put the file at {path} or name a shipped one: {', '.join(shipped_names())}"
    raise ConfigError([ConfigFault(areas, "areas", "there is no such area file", fix)])


def beside(area_file: Path, suffix: str) -> Path | None:
    """The file that goes with an area file: its stem + suffix (`.geojson`, `_postcodes.csv.gz`), or None."""
    stem = area_file.name.removesuffix(".gz").removesuffix(".csv")
    companion = area_file.with_name(f"{stem}{suffix}")
    return companion if companion.is_file() else None


def read_columns(path: Path) -> dict[str, tuple[str, ...]]:
    """The columns of a CSV file by name; ConfigError where a line has too few or too many values."""
    try:
        with _open(path) as lines:
            header, *rows = list(csv.reader(lines)) or [[]]
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        problem = f"cannot be read ({type(error).__name__})"
        raise _error(path, [("", problem, "Give a CSV file in UTF-8, plain or gzipped")]) from None
    short = next((i for i, row in enumerate(rows, 2) if len(row) != len(header)), None)
    if short is not None:
        raise _error(path, [(f"line {short}", f"has not {len(header)} values", "Give one per column")])
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return dict(zip(header, columns, strict=True))


def read_area_file(path: Path) -> AreaColumns:
    """Reads and checks one file; ConfigError with every fault."""
    columns = {OFFICIAL_NAMES.get(name, name): values for name, values in read_columns(path).items()}
    faults = list(_faults(columns))
    if faults:
        raise _error(path, faults)
    plane = _pair(columns, PAIRS[0], 0.001)
    plane = _pair(columns, PAIRS[1]) if plane is None else plane
    units = {name: values for name, values in columns.items() if _is_unit(name)}
    return AreaColumns(
        codes=columns["code"],
        names=columns.get("name", columns["code"]),
        plane_km=plane,
        degrees=_degrees(columns),
        population=_numbers(columns["population"]) if "population" in columns else None,
        units=units,
        unit_names={
            unit: dict(zip(codes, columns[f"{unit}_name"], strict=True))
            for unit, codes in units.items()
            if f"{unit}_name" in columns
        },
        measures={name: _numbers(values) for name, values in columns.items() if _is_measure(name)},
    )


def _open(path: Path) -> TextIO:
    if path.suffix == ".gz":
        return cast(TextIO, gzip.open(path, "rt", encoding="utf-8-sig", newline=""))
    return path.open(encoding="utf-8-sig", newline="")  # spreadsheets put a mark in front


def _is_measure(name: str) -> bool:
    return name.startswith("population_") or name.endswith("_decile")


def _is_unit(name: str) -> bool:
    return name not in OWN and not name.endswith("_name") and not _is_measure(name)


def _numbers(values: tuple[str, ...]) -> Floats:
    return np.array(list(map(float, values)), dtype=np.float64)


def _pair(columns: Columns, names: tuple[str, str], scale: float = 1.0) -> Floats | None:
    if not all(name in columns for name in names):
        return None
    return np.stack([_numbers(columns[name]) * scale for name in names], axis=1)


def _degrees(columns: Columns) -> Floats:
    degrees = _pair(columns, PAIRS[2])
    if degrees is not None:
        return degrees
    grid = _pair(columns, PAIRS[0])
    if grid is None:
        return np.full((len(columns["code"]), 2), np.nan)
    # Imported here because PROJ takes longer to load than the areas, and few files need it.
    from surveillance.geography.projection import to_degrees

    return np.stack(to_degrees(grid[:, 0], grid[:, 1]), axis=1)


def _faults(columns: Columns) -> Iterator[tuple[str, str, str]]:
    codes = columns.get("code", ())
    if not codes:
        yield "code", "there are no area codes", "Give a column `code` and one line per area"
    elif len(set(codes)) < len(codes) or "" in codes:
        yield "code", "a code is empty or stands twice", "Give every area one code of its own"
    if not any(all(name in columns for name in pair) for pair in PAIRS):
        pairs = ", or ".join(" and ".join(pair) for pair in PAIRS)
        yield "", "the file does not say where areas are", f"Give the columns {pairs}"
    for name, values in columns.items():
        if _is_measure(name) or name in OWN - {"code", "name"}:
            yield from _number_faults(name, values)


def _number_faults(name: str, values: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    low, high = LIMITS.get(name, (-np.inf, np.inf))
    numbers = np.array([_number(value) for value in values], dtype=np.float64)
    wrong = ~(np.isfinite(numbers) & (low <= numbers) & (numbers <= high))
    if wrong.any():  # one fault a column: a wrong column is wrong on every line
        line = int(wrong.argmax()) + 2
        yield f"line {line}, {name}", f"is not a number from {low:g} to {high:g}", "Correct the number"


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return np.nan


def _error(path: Path, faults: list[tuple[str, str, str]]) -> ConfigError:
    return ConfigError([ConfigFault(path.name, *fault) for fault in faults])
