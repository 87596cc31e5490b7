"""Rows of cases, controls and people at risk: where, when, how many and of which covariates."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations
from surveillance.detection.scan.analysis import TimeUnit
from surveillance.scan_files.columns import Columns, Role
from surveillance.scan_files.days import Moment, read_moment
from surveillance.scan_files.fault import Faults
from surveillance.scan_files.places import reader, refuse_empty
from surveillance.scan_files.table import Table

UNDATED = -1
MOST_NAMED = 5
_WHOLE = re.compile(r"\+?[0-9]{1,12}(?:\.0*)?")
# What a day must be known to, for windows in a time unit.
_FINE_ENOUGH: Mapping[TimeUnit, frozenset[str]] = {
    "day": frozenset({"day"}),
    "week": frozenset({"day"}),
    "month": frozenset({"day", "month"}),
    "year": frozenset({"day", "month", "year"}),
}


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of one table, each array (rows,). location: index into the locations, -1 for an unknown one.

    day: proleptic ordinal of the Gregorian calendar, or UNDATED. amount: cases, controls or people.
    """

    table: Table
    location: npt.NDArray[np.int32]
    day: npt.NDArray[np.int32]
    amount: npt.NDArray[np.float64]
    stratum: npt.NDArray[np.int32]

    def only(self, kept: npt.NDArray[np.bool_]) -> "Rows":
        """Some of the rows."""
        return replace(
            self,
            location=self.location[kept],
            day=self.day[kept],
            amount=self.amount[kept],
            stratum=self.stratum[kept],
        )


def read_rows(
    table: Table,
    role: Role,
    columns: Columns,
    locations: Locations | None,
    time_unit: TimeUnit | None,
    faults: Faults,
) -> Rows:
    """The rows of a table, all of stratum 0. Everything that cannot be used is a fault.

    locations: None where they could not be read. time_unit: what the days of cases
    and controls must be known to; None for any.
    """
    amount = _amounts(table, role, columns.count, faults)
    return Rows(
        table=table,
        location=_places(table, role, columns.location, locations, amount, faults),
        day=_days(table, role, columns.day, time_unit, faults),
        amount=amount,
        stratum=np.zeros(len(table.lines), np.int32),
    )


def number_strata(
    tables: Sequence[tuple[Table, tuple[str, ...]]],
) -> tuple[list[npt.NDArray[np.int32]], list[tuple[str, ...]]]:
    """For each table, its rows' combinations of covariates as numbers; and the texts of each combination."""
    known: dict[tuple[str, ...], int] = {}
    numbered = []
    for table, names in tables:
        columns = [table.columns[name] for name in names]
        mixed = np.zeros(len(table.lines), np.int64)
        for column in columns:
            mixed = mixed * len(column.texts) + column.index
        _, first, inverse = np.unique(mixed, return_index=True, return_inverse=True)
        combinations = [tuple(column.texts[column.index[row]] for column in columns) for row in first]
        numbers = [known.setdefault(combination, len(known)) for combination in combinations]
        numbered.append(np.array(numbers, np.int32)[inverse] if numbers else np.zeros(0, np.int32))
    return numbered, list(known)


def _amounts(table: Table, role: Role, name: str | None, faults: Faults) -> npt.NDArray[np.float64]:
    if name is None:
        return np.ones(len(table.lines))
    read: Callable[[str], float] = reader(0.0, 1e12) if role == "population" else _read_count
    values = [0.0 if value is None else value for value in table.convert(name, read, faults)]
    return np.array(values, np.float64)[table.columns[name].index]


def _read_count(text: str) -> float:
    if not _WHOLE.fullmatch(text):
        raise ValueError("is not a count; write a whole number, 0 or more")
    return float(text)


def _days(
    table: Table, role: Role, name: str | None, time_unit: TimeUnit | None, faults: Faults
) -> npt.NDArray[np.int32]:
    if name is None:
        if time_unit is not None and role != "population":
            has = ", ".join(table.columns)
            faults.add(table.path, f"which column is the day? Name it with --date-column. It has: {has}")
        return np.full(len(table.lines), UNDATED, np.int32)

    def read(text: str) -> int:
        if role == "population" and text.lower() == "unspecified":  # SaTScan's word for no date
            return UNDATED
        moment = read_moment(text, american=table.satscan)
        if role != "population" and time_unit is not None and moment.precision not in _FINE_ENOUGH[time_unit]:
            raise ValueError(_too_coarse(moment, time_unit))
        return _day_of(moment, role).toordinal()

    values = [UNDATED if value is None else value for value in table.convert(name, read, faults)]
    return np.array(values, np.int32)[table.columns[name].index]


def _day_of(moment: Moment, role: Role) -> date:
    return moment.middle if role == "population" else moment.first


def _too_coarse(moment: Moment, time_unit: TimeUnit) -> str:
    finer = "" if moment.precision == "year" else "month or "
    return f"is known only to the {moment.precision}, not to the {time_unit}; use --time-unit {finer}year"


def _places(
    table: Table,
    role: Role,
    name: str | None,
    locations: Locations | None,
    amount: npt.NDArray[np.float64],
    faults: Faults,
) -> npt.NDArray[np.int32]:
    if name is None or locations is None:
        return np.zeros(len(table.lines), np.int32)
    refuse_empty(table, name, faults)
    column = table.columns[name]
    index = {code: position for position, code in enumerate(locations.codes)}
    unknown = [number for number, text in enumerate(column.texts) if text and text not in index]
    if unknown:
        rows = np.isin(column.index, unknown)
        named = ", ".join(column.texts[number] for number in unknown[:MOST_NAMED])
        words = (
            f"{amount[rows].sum():,.0f} {'people' if role == 'population' else role} at "
            f"{len(unknown):,} locations that the locations file does not have: {named}"
            f"{', ...' if len(unknown) > MOST_NAMED else ''}; add them to it, or take these rows out"
        )
        faults.add(table.path, words, int(table.lines[rows][0]), name)
    return np.array([index.get(text, -1) for text in column.texts], np.int32)[column.index]
