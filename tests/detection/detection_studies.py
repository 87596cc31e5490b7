"""Studies that several detection tests share: the reference ones, and small invented ones."""

import csv
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from surveillance.detection.cluster import Study
from surveillance.detection.study import make_locations, make_study

REFERENCE = Path(__file__).parents[1] / "reference"
START = date(2024, 1, 1)


def new_york() -> Study:
    """194 fever visits of November 2001, by ZIP code."""
    zips = _rows("nyc_fever_2001_zip_centroids.csv")
    locations = make_locations(
        [row["zip"] for row in zips],
        [(float(row["longitude"]), float(row["latitude"])) for row in zips],
        "great_circle",
    )
    return _study("nyc_fever_2001_cases.csv", "zip", locations, date(2001, 11, 1), date(2001, 11, 24))


def synthetic() -> Study:
    """505 invented cases over 200 locations in 2024."""
    places = _rows("synthetic_500_locations.csv")
    locations = make_locations(
        [row["location"] for row in places], [(float(row["x_km"]), float(row["y_km"])) for row in places]
    )
    return _study("synthetic_500_cases.csv", "location", locations, START, date(2024, 12, 30))


def random_study(
    seed: int, areas: int = 30, cases: int = 80, days: int = 60, population: bool = False, tokens: bool = True
) -> Study:
    """Cases at random over areas in a square of 20 km, with five injected on the last days."""
    rng = np.random.default_rng(seed)
    locations = make_locations(
        [f"A{number:03}" for number in range(areas)],
        rng.uniform(0, 20, (areas, 2)),
        population=rng.integers(500, 3000, areas) if population else None,
    )
    where = np.concatenate([rng.integers(0, areas, cases - 5), np.zeros(5, int)])
    day = np.concatenate([rng.integers(0, days, cases - 5), np.full(5, days - 1)])
    return make_study(
        [f"case-{number:04}" for number in range(cases)],
        [locations.codes[one] for one in where],
        [START + timedelta(days=int(one)) for one in day],
        [[f"school:{rng.integers(0, 20)}"] if tokens else [] for _ in range(cases)],
        locations,
        START,
        START + timedelta(days=days - 1),
    )


def rising_study(seed: int, weeks: int = 20, a_week: int = 8, more: int = 40) -> Study:
    """Cases at random over two districts, with a rise of young women in one of them in the last week."""
    rng = np.random.default_rng(seed)
    usual = weeks * a_week
    district = np.concatenate([rng.integers(0, 2, usual), np.zeros(more, int)])
    day = np.concatenate([rng.integers(0, 7 * weeks, usual), rng.integers(7 * weeks - 7, 7 * weeks, more)])
    age = np.concatenate([rng.integers(10, 90, usual), rng.integers(12, 20, more)])
    sexes = [*rng.choice(["female", "male", "unknown"], usual).tolist(), *["female"] * more]
    areas = [f"{name}{number}" for name in ("North", "South") for number in range(5)]
    return make_study(
        [f"case-{number:04}" for number in range(usual + more)],
        [areas[5 * one + int(rng.integers(0, 5))] for one in district],
        [START + timedelta(days=int(one)) for one in day],
        [],
        make_locations(areas, rng.uniform(0, 20, (10, 2)), units={"district": ["north"] * 5 + ["south"] * 5}),
        START,
        START + timedelta(days=7 * weeks - 1),
        ages=[int(one) for one in age],
        sexes=sexes,
    )


@st.composite
def small_studies(draw: st.DrawFn, population: bool = False) -> Study:
    """Up to 14 cases on a coarse grid, so that distances tie and areas share their coordinates."""
    spots = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=7))
    days = draw(st.integers(1, 10))
    cases = draw(
        st.lists(st.tuples(st.integers(0, len(spots) - 1), st.integers(0, days - 1)), min_size=0, max_size=14)
    )
    inside = draw(st.none() | st.lists(st.booleans(), min_size=len(spots), max_size=len(spots)))
    people = (
        draw(st.lists(st.integers(1, 9), min_size=len(spots), max_size=len(spots))) if population else None
    )
    links = st.lists(st.sampled_from(["school:1", "school:2", "ward:1", "link:9"]), max_size=2, unique=True)
    locations = make_locations([f"A{n}" for n in range(len(spots))], spots, population=people, inside=inside)
    return make_study(
        [f"c{n:02}" for n in range(len(cases))],
        [f"A{where}" for where, _ in cases],
        [START + timedelta(days=day) for _, day in cases],
        [draw(links) for _ in cases],
        locations,
        START,
        START + timedelta(days=days - 1),
    )


def reordered(study: Study, order: np.ndarray) -> Study:
    """The same study, its cases given in another order."""
    return Study(
        ids=tuple(study.ids[one] for one in order),
        location=study.location[order],
        day=study.day[order],
        start=study.start,
        as_of=study.as_of,
        locations=study.locations,
        tokens=tuple(study.tokens[one] for one in order),
        place=study.place,
        age=study.age[order] if len(study.age) else study.age,
        sex=tuple(study.sex[one] for one in order) if study.sex else (),
    )


def _rows(name: str) -> list[dict[str, str]]:
    with open(REFERENCE / "cases" / name, newline="") as file:
        return list(csv.DictReader(file))


def _study(name: str, column: str, locations, start: date, as_of: date) -> Study:
    rows = [row for row in _rows(name) for _ in range(int(row["cases"]))]
    return make_study(
        [f"case-{number:04}" for number in range(len(rows))],
        [row[column] for row in rows],
        [date.fromisoformat(row["date"]) for row in rows],
        [],
        locations,
        start,
        as_of,
    )
