"""Which column of a table says what: as told, else as its name and the other files suggest."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from surveillance.scan_files.days import read_moment
from surveillance.scan_files.fault import Faults
from surveillance.scan_files.table import COVARIATE, Table

Role = Literal["cases", "controls", "population", "locations"]
CoordinatesIn = Literal["degrees", "km"]

# In this order, without regard to case, where a file does not follow what was told.
LOCATION_NAMES = ("location", "location_id", "loc_id", "area", "area_code", "code", "zip", "county", "id")
DAY_NAMES = ("date", "day", "month", "year", "time")
COUNT_NAMES: Mapping[Role, tuple[str, ...]] = {
    "cases": ("cases", "case", "count", "n", "observed"),
    "controls": ("controls", "control", "count", "n"),
    "population": ("population", "people", "persons", "pop", "count"),
}
DEGREES = (("longitude", "latitude"), ("lon", "lat"), ("long", "lat"), ("lng", "lat"))
KM = (("x_km", "y_km"), ("x", "y"))


@dataclass(frozen=True)
class ColumnChoice:
    """What a person said of the columns; each name holds for every file that has such a column."""

    location: Sequence[str] = ()
    day: Sequence[str] = ()
    count: Sequence[str] = ()
    covariates: Sequence[str] = ()
    coordinates: CoordinatesIn | None = None


@dataclass(frozen=True)
class Columns:
    """The columns of one table. day is None where it has none; count, where each row is one."""

    location: str | None
    day: str | None
    count: str | None
    covariates: tuple[str, ...] = ()


@dataclass(frozen=True)
class Coordinates:
    """The columns of a pair of coordinates, the eastward one first, and their unit."""

    east: str
    north: str
    unit: CoordinatesIn


def columns_of(
    table: Table, role: Role, choice: ColumnChoice, shared: Collection[str], faults: Faults
) -> Columns:
    """The columns of cases, controls or population. `shared`: the names that the locations have too."""
    if table.satscan:
        return _satscan_columns(table, choice, faults)
    day = _told(table, choice.day) or _named(table, DAY_NAMES) or _only_days(table)
    count = _told(table, choice.count) or _named(table, COUNT_NAMES[role])
    if role == "population" and count is None:
        words = f"no column says how many people; name it with --count-column. It has: {_names(table)}"
        faults.add(table.path, words)
    for name in choice.covariates:
        if name not in table.columns:
            faults.add(table.path, f"no column {name} (--covariate). It has: {_names(table)}")
    taken = {day, count, *choice.covariates}
    location = _told(table, choice.location)
    location = location or _location(table, [name for name in shared if name in table.columns], taken)
    covariates = tuple(name for name in choice.covariates if name in table.columns)
    return Columns(location, day, count, covariates)


def refuse_absent(tables: Sequence[Table], choice: ColumnChoice, faults: Faults) -> None:
    """A fault for each column that was named, and that no file has. The first table is told with its own."""
    had = {name for table in tables for name in table.columns}
    for option, names in (
        ("--location-column", choice.location),
        ("--date-column", choice.day),
        ("--count-column", choice.count),
    ):
        for name in names:
            if name not in had:
                faults.add(tables[0].path, f"no column {name} ({option}). It has: {_names(tables[0])}")


def location_column(
    table: Table, choice: ColumnChoice, cases: Collection[str], pair: Coordinates
) -> str | None:
    """The column of the ids in the locations file. `cases`: the columns that the case file has."""
    if table.satscan:
        return "id"
    coordinates = {pair.east, pair.north}
    shared = [name for name in table.columns if name in cases and name not in coordinates]
    return _told(table, choice.location) or _location(table, shared, coordinates)


def coordinates_of(table: Table, choice: ColumnChoice, faults: Faults) -> Coordinates | None:
    """The columns that say where locations are; None, and a fault, where there are none."""
    if table.satscan:
        return _satscan_coordinates(table, choice)
    names = {name.lower(): name for name in table.columns}
    for unit, pairs in (("degrees", DEGREES), ("km", KM)):
        for east, north in pairs:
            if east in names and north in names and choice.coordinates in (None, unit):
                return Coordinates(names[east], names[north], "degrees" if unit == "degrees" else "km")
    words = "does not say where locations are; name two columns latitude and longitude, or x_km and y_km"
    faults.add(table.path, f"{words}. It has: {_names(table)}")
    return None


def _satscan_columns(table: Table, choice: ColumnChoice, faults: Faults) -> Columns:
    """Every covariate of the file counts, as in SaTScan, unless some are named."""
    own = tuple(name for name in table.columns if name.startswith(COVARIATE.format("")))
    for name in choice.covariates:
        if name not in own:
            words = f"no column {name} (--covariate); its covariates are called: {', '.join(own) or 'none'}"
            faults.add(table.path, words)
    count = "population" if "population" in table.columns else "count"
    chosen = tuple(name for name in choice.covariates if name in own)
    return Columns("id", "date" if "date" in table.columns else None, count, chosen or own)


def _satscan_coordinates(table: Table, choice: ColumnChoice) -> Coordinates:
    """Latitude comes first in SaTScan's files, but x comes before y; degrees unless a number is none."""
    latitude, longitude = (table.columns[name].texts for name in ("first", "second"))
    degrees = _all_within(latitude, 90.0) and _all_within(longitude, 180.0)
    if choice.coordinates == "degrees" or (choice.coordinates is None and degrees):
        return Coordinates("second", "first", "degrees")
    return Coordinates("first", "second", "km")


def _all_within(texts: Sequence[str], limit: float) -> bool:
    try:
        return all(abs(float(text)) <= limit for text in texts)
    except ValueError:
        return True  # a fault that is told where the number is read


def _only_days(table: Table) -> str | None:
    """The only column that begins with a day."""
    found = [name for name, column in table.columns.items() if column.texts and _is_day(column.texts[0])]
    return found[0] if len(found) == 1 else None


def _is_day(text: str) -> bool:
    try:
        return read_moment(text).precision == "day"
    except ValueError:
        return False


def _told(table: Table, names: Sequence[str]) -> str | None:
    """The first of the names told that the table has."""
    return next((name for name in names if name in table.columns), None)


def _location(table: Table, shared: Sequence[str], taken: Collection[str | None]) -> str | None:
    """The only column that two files share, or that is free, is the location; else one that is called so."""
    shared = [name for name in shared if name not in taken]
    free = shared or [name for name in table.columns if name not in taken]
    return free[0] if len(free) == 1 else _named(table, LOCATION_NAMES, free)


def _named(table: Table, names: Sequence[str], among: Collection[str] | None = None) -> str | None:
    by_name = {name.lower(): name for name in (table.columns if among is None else among)}
    return next((by_name[name] for name in names if name in by_name), None)


def _names(table: Table) -> str:
    return ", ".join(table.columns)[:300]
