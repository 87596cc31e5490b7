"""The files of a scan -> the study that it looks at, with everything that was left out and why."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan.analysis import Counts, Population, ScanStudy, Span, TimeUnit
from surveillance.scan_files.columns import ColumnChoice, Columns, Role, columns_of, refuse_absent
from surveillance.scan_files.fault import Faults
from surveillance.scan_files.places import Places, one_place, read_places
from surveillance.scan_files.rows import UNDATED, Rows, number_strata, read_rows
from surveillance.scan_files.table import Table, read_table

NO_DAY = date(2000, 1, 1)  # of a purely spatial study whose cases have none: it stands for no day at all
ROLES: tuple[Role, ...] = ("cases", "controls", "population")


@dataclass(frozen=True)
class ScanFiles:
    """Where to read from. locations may be None for a purely temporal scan."""

    cases: Path
    locations: Path | None = None
    controls: Path | None = None
    population: Path | None = None

    def path(self, role: Role) -> Path | None:
        """The file of a role."""
        path: Path | None = getattr(self, role)
        return path


@dataclass(frozen=True, eq=False)
class ScanInput:
    """A study as it was read. columns: of each file, what was read from which. left_out: reason -> number.

    dated: False where the cases have no days.
    """

    study: ScanStudy
    columns: Mapping[str, Mapping[str, object]]
    left_out: Mapping[str, int]
    dated: bool


def read_scan(
    files: ScanFiles,
    choice: ColumnChoice,
    span: Span,
    time_unit: TimeUnit,
    start: date | None,
    end: date | None,
) -> ScanInput:
    """Reads the files of a scan. start, end: of the study, both included; cases outside it are left out.

    A purely spatial scan may have neither days nor a study period; a purely temporal one no locations.
    Raises ScanFilesError with every fault of every file.
    """
    faults = Faults()
    tables = {role: read_table(path, faults) for role in ROLES if (path := files.path(role)) is not None}
    where = None if files.locations is None else read_table(files.locations, faults)
    refuse_absent([*tables.values(), *([where] if where else [])], choice, faults)
    places = read_places(where, choice, tables["cases"].columns, faults) if where else one_place()
    columns = _columns(tables, choice, places, where is not None, faults)
    unit = None if span == "spatial" else time_unit
    rows = {
        role: read_rows(tables[role], role, columns[role], places.locations, unit, faults) for role in tables
    }
    faults.stop_if_any()
    period = _period(rows, start, end, faults)
    stratified, strata = _stratify(rows, columns)
    inside, left_out = _inside(stratified, *period)
    _refuse_without_people(inside, places, strata, faults)
    faults.stop_if_any()
    return ScanInput(
        study=_study(inside, places, *period),
        columns={"locations": places.told, **{role: asdict(columns[role]) for role in tables}},
        left_out=left_out,
        dated=columns["cases"].day is not None,
    )


def _columns(
    tables: Mapping[Role, Table], choice: ColumnChoice, places: Places, placed: bool, faults: Faults
) -> dict[Role, Columns]:
    """The columns of each table. placed: False where everything happens at one place."""
    chosen = {role: columns_of(table, role, choice, places.names, faults) for role, table in tables.items()}
    _refuse_other_covariates(tables, chosen, faults)
    for role, columns in chosen.items():
        if not placed:
            chosen[role] = replace(columns, location=None)
        elif columns.location is None:
            has = ", ".join(tables[role].columns)
            words = f"which column is the location? Name it with --location-column. It has: {has}"
            faults.add(tables[role].path, words)
    return chosen


def _refuse_other_covariates(
    tables: Mapping[Role, Table], chosen: dict[Role, Columns], faults: Faults
) -> None:
    """Cases and population have the same covariates; where controls are given, none are looked at."""
    if "controls" in chosen:
        chosen.update({role: replace(columns, covariates=()) for role, columns in chosen.items()})
    elif "population" in chosen:
        cases, people = (len(chosen[role].covariates) for role in ROLES if role in chosen)
        if cases != people:
            words = f"has {people} covariates where the cases have {cases}; give both files the same ones"
            faults.add(tables["population"].path, words)


def _period(
    rows: Mapping[Role, Rows], start: date | None, end: date | None, faults: Faults
) -> tuple[date, date]:
    """First and last day of the study: as given, else of its cases and controls; NO_DAY if they have none."""
    if start is not None and end is not None:
        return start, end
    people = rows.get("population")
    if people is not None and len(np.unique(people.day)) > 1:
        words = "holds several dates, and the study has no period; give --start and --end"
        faults.add(people.table.path, words)
    days = np.concatenate([rows[role].day for role in ("cases", "controls") if role in rows])
    if not (days != UNDATED).any():
        return NO_DAY, NO_DAY
    days = days[days != UNDATED]
    return date.fromordinal(int(days.min())), date.fromordinal(int(days.max()))


def _stratify(
    rows: Mapping[Role, Rows], columns: Mapping[Role, Columns]
) -> tuple[dict[Role, Rows], list[tuple[str, ...]]]:
    """The rows with the numbers of their strata, and the covariates of each stratum."""
    numbered, strata = number_strata([(rows[role].table, columns[role].covariates) for role in rows])
    stratified = zip(rows.items(), numbered, strict=True)
    return {role: replace(one, stratum=numbers) for (role, one), numbers in stratified}, strata


def _inside(rows: Mapping[Role, Rows], start: date, end: date) -> tuple[dict[Role, Rows], dict[str, int]]:
    """The rows within the study, and how many cases and controls are not. A population may be of any day."""
    inside, left_out = dict(rows), {}
    for role in ("cases", "controls"):
        if role in rows:
            here = rows[role]
            kept = (here.day == UNDATED) | ((here.day >= start.toordinal()) & (here.day <= end.toordinal()))
            inside[role] = here.only(kept)
            left_out[f"{role}_outside_the_study_period"] = int(here.amount[~kept].sum())
    return inside, left_out


def _refuse_without_people(
    rows: Mapping[Role, Rows], places: Places, strata: Sequence[tuple[str, ...]], faults: Faults
) -> None:
    """A fault for each location and stratum that has cases, and never anybody who could become one."""
    if "population" not in rows or places.locations is None:
        return
    people, cases = rows["population"], rows["cases"]
    peopled = set(_keys(people, len(strata))[people.amount > 0].tolist())
    alone, counted = np.unique(_keys(cases, len(strata)), return_inverse=True)
    number = np.bincount(counted, cases.amount, len(alone))
    for key, here in zip(alone.tolist(), number.tolist(), strict=True):
        if here and key not in peopled:
            location, stratum = divmod(key, len(strata))
            of = f" of covariates {', '.join(strata[stratum])}" if any(strata[stratum]) else ""
            words = (
                f"{here:,.0f} cases{of} at {places.locations.codes[location]}, but nobody is at risk there; "
                f"add the people to {people.table.path}, or correct the cases"
            )
            faults.add(cases.table.path, words)


def _keys(rows: Rows, strata: int) -> npt.NDArray[np.int64]:
    return rows.location.astype(np.int64) * strata + rows.stratum


def _study(rows: Mapping[Role, Rows], places: Places, start: date, end: date) -> ScanStudy:
    assert places.locations is not None  # a fault stopped it otherwise
    return ScanStudy(
        locations=places.locations,
        cases=_counts(rows["cases"], start),
        start=start,
        end=end,
        controls=_counts(rows["controls"], start) if "controls" in rows else None,
        population=_population(rows["population"], start) if "population" in rows else None,
    )


def _since(rows: Rows, start: date) -> npt.NDArray[np.int32]:
    return np.where(rows.day == UNDATED, 0, rows.day - start.toordinal()).astype(np.int32)


def _counts(rows: Rows, start: date) -> Counts:
    return Counts(rows.location, _since(rows, start), rows.amount.astype(np.int64), rows.stratum)


def _population(rows: Rows, start: date) -> Population:
    """People of one location, day and stratum that stand in several rows are added up, as SaTScan does:
    a file may hold covariates that nobody asked for."""
    day = _since(rows, start)
    days, day_number = np.unique(day, return_inverse=True)
    key = _keys(rows, int(rows.stratum.max(initial=0)) + 1) * len(days) + day_number
    _, first, inverse = np.unique(key, return_index=True, return_inverse=True)
    people = np.bincount(inverse, rows.amount, len(first)).astype(np.float64)
    return Population(rows.location[first], day[first], people, rows.stratum[first])
