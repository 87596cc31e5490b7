"""Locations from a table: id and coordinates, each location once."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations, Metric
from surveillance.detection.study import make_locations
from surveillance.scan_files.columns import ColumnChoice, Coordinates, coordinates_of, location_column
from surveillance.scan_files.fault import MOST_TOLD, Faults
from surveillance.scan_files.table import Table

LIMITS = {"degrees": (180.0, 90.0), "km": (math.inf, math.inf)}
EVERYWHERE = "all"


@dataclass(frozen=True, eq=False)
class Places:
    """Where the locations of a scan are. locations: None where faults forbid to read them.

    told: what was read from which column. names: its columns that may tell a case its location.
    """

    locations: Locations | None
    told: Mapping[str, str]
    names: tuple[str, ...] = ()


def one_place() -> Places:
    """The only location of a purely temporal scan that was given none."""
    return Places(make_locations([EVERYWHERE], [(0.0, 0.0)]), {})


def read_places(table: Table, choice: ColumnChoice, cases: Collection[str], faults: Faults) -> Places:
    """The locations of a table, in its order. `cases`: the columns of the case file, one of which may tell
    the location's."""
    pair = coordinates_of(table, choice, faults)
    if pair is None:
        return Places(None, {})
    name = location_column(table, choice, cases, pair)
    if name is None:
        has = ", ".join(table.columns)
        faults.add(table.path, f"which column is the location? Name it with --location-column. It has: {has}")
        return Places(None, {})
    east_name, north_name = ("longitude", "latitude") if pair.unit == "degrees" else ("x_km", "y_km")
    told = {"location": name, east_name: pair.east, north_name: pair.north}
    names = tuple(other for other in table.columns if other not in (pair.east, pair.north))
    return Places(_locations(table, name, pair, faults), told, names)


def _locations(table: Table, name: str, pair: Coordinates, faults: Faults) -> Locations | None:
    limits = LIMITS[pair.unit]
    refuse_empty(table, name, faults)
    east, north = (
        _numbers(table, column, reader(-limit, limit), faults)
        for column, limit in zip((pair.east, pair.north), limits, strict=True)
    )
    coordinates = np.stack([east, north], axis=1)
    first = _first_rows(table, name, coordinates, faults)
    codes = table.columns[name].texts
    if not codes or not np.isfinite(coordinates).all():
        return None
    metric: Metric = "great_circle" if pair.unit == "degrees" else "planar"
    return make_locations(codes, coordinates[first], metric)


def reader(low: float, high: float) -> Callable[[str], float]:
    """Reads a finite number from `low` to `high`; ValueError with words otherwise."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError("is not a number; write it with a decimal point") from None
        if not (low <= value <= high and math.isfinite(value)):
            limits = f" from {low:g} to {high:g}" if math.isfinite(high) else ""
            raise ValueError(f"is not a finite number{limits}; correct it")
        return value

    return read


def refuse_empty(table: Table, name: str, faults: Faults) -> None:
    """A fault for each row that says no location."""
    texts = table.columns[name].texts
    empty = {texts.index(""): "the location is empty; give its id"} if "" in texts else {}
    table.blame(name, empty, faults)


def _numbers(
    table: Table, name: str, read: Callable[[str], float], faults: Faults
) -> npt.NDArray[np.float64]:
    values = table.convert(name, read, faults)
    return np.array([math.nan if value is None else value for value in values])[table.columns[name].index]


def _first_rows(
    table: Table, name: str, places: npt.NDArray[np.float64], faults: Faults
) -> npt.NDArray[np.int64]:
    """The first row of each location; a later one elsewhere is a fault, one at the same place is not."""
    index = table.columns[name].index
    first = np.zeros(len(table.columns[name].texts), np.int64)
    first[index[::-1]] = np.arange(len(index))[::-1]
    elsewhere = (places[first[index]] != places).any(axis=1) & np.isfinite(places).all(axis=1)
    for row in np.flatnonzero(elsewhere)[:MOST_TOLD]:
        line = table.lines[first[index[row]]]
        code = table.columns[name].texts[index[row]]
        words = f"{code!r} lies elsewhere in line {line}; give each location once"
        faults.add(table.path, words, int(table.lines[row]), name)
    faults.count(max(0, int(elsewhere.sum()) - MOST_TOLD))
    return first
