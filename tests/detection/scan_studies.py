"""Studies for the scan of any model: those of the reference runs, and small invented ones."""

import csv
from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
from detection_studies import REFERENCE

from surveillance.detection.cluster import Locations
from surveillance.detection.scan.analysis import Counts, Population, ScanStudy


def counts(rows: Iterable[Sequence[int]]) -> Counts:
    """Rows of location, day, count and, if there are covariates, stratum."""
    table = np.array([[*row, 0][:4] for row in rows], np.int64).reshape(-1, 4)
    return Counts(
        table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2], table[:, 3].astype(np.int32)
    )


def population(rows: Iterable[Sequence[float]]) -> Population:
    """Rows of location, day, people and, if there are covariates, stratum."""
    table = np.array([[*row, 0][:4] for row in rows], np.float64).reshape(-1, 4)
    return Population(
        table[:, 0].astype(np.int32), table[:, 1].astype(np.int32), table[:, 2], table[:, 3].astype(np.int32)
    )


def new_york() -> ScanStudy:
    """194 fever visits of November 2001, by ZIP code."""
    locations = _great_circle("nyc_fever_2001_zip_centroids.csv", "zip")
    start = date(2001, 11, 1)
    rows = _cases("nyc_fever_2001_cases.csv", "zip", locations, start)
    return ScanStudy(locations, rows, start, date(2001, 11, 24))


def synthetic() -> ScanStudy:
    """505 invented cases over 200 locations in 2024, with the population of each."""
    places = _rows("synthetic_500_locations.csv")
    locations = Locations(
        tuple(row["location"] for row in places),
        np.array([(float(row["x_km"]), float(row["y_km"])) for row in places]),
    )
    start = date(2024, 1, 1)
    people = [
        (locations.codes.index(row["location"]), 182, float(row["population"]))
        for row in _rows("synthetic_500_population.csv")
    ]
    rows = _cases("synthetic_500_cases.csv", "location", locations, start)
    return ScanStudy(locations, rows, start, date(2024, 12, 30), population=population(people))


def new_mexico() -> ScanStudy:
    """1,175 cases of brain cancer by county and year, with three censuses by age group and sex.

    SaTScan takes a census known to the year as of the first of July.
    """
    locations = _great_circle("new_mexico_brain_cancer_1973_1991_centroids.csv", "county")
    start = date(1973, 1, 1)
    index = {code: number for number, code in enumerate(locations.codes)}
    people = [
        (
            index[row["county"]],
            (date(int(row["year"]), 7, 1) - start).days,
            float(row["population"]),
            _stratum(row),
        )
        for row in _rows("new_mexico_brain_cancer_1973_1991_population.csv")
    ]
    cases = [
        (index[row["county"]], (date(int(row["year"]), 1, 1) - start).days, int(row["cases"]), _stratum(row))
        for row in _rows("new_mexico_brain_cancer_1973_1991_cases.csv")
    ]
    return ScanStudy(locations, counts(cases), start, date(1991, 12, 31), population=population(people))


def _stratum(row: dict[str, str]) -> int:
    return (int(row["age_group"]) - 1) * 2 + int(row["sex"]) - 1


def _great_circle(name: str, column: str) -> Locations:
    places = _rows(name)
    return Locations(
        tuple(row[column] for row in places),
        np.array([(float(row["longitude"]), float(row["latitude"])) for row in places]),
        "great_circle",
    )


def _cases(name: str, column: str, locations: Locations, start: date) -> Counts:
    return counts(
        (
            locations.codes.index(row[column]),
            (date.fromisoformat(row["date"]) - start).days,
            int(row["cases"]),
        )
        for row in _rows(name)
    )


def _rows(name: str) -> list[dict[str, str]]:
    with open(REFERENCE / "cases" / name, newline="") as file:
        return list(csv.DictReader(file))
