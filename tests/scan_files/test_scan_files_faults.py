"""What is wrong with the files of a scan is told with file, line, column and fix: all of it at once."""

import re
from pathlib import Path
from typing import Any

import pytest
from invented_files import CASES, LOCATIONS, POPULATION, read, write

from surveillance.scan_files.fault import ScanFilesError


def words_of(files: Any, **how: Any) -> str:
    with pytest.raises(ScanFilesError) as error:
        read(files, **how)
    return re.sub(r"\S*/", "", str(error.value))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (
            {"cases": CASES + "n2,2024-02-30,1\n"},
            "cases.csv, line 5, column day: '2024-02-30' is no day of the",
        ),
        (
            {"cases": CASES + "n2,,1\n"},
            "cases.csv, line 5, column day: an empty cell is not a day; write YYYY",
        ),
        (
            {"cases": CASES + "n2,2024-03,1\n"},
            "column day: '2024-03' is known only to the month, not to the day",
        ),
        (
            {"cases": CASES + "n2,2024-03-02,1.5\n"},
            "line 5, column cases: '1.5' is not a count; write a whole",
        ),
        ({"cases": CASES + "n2,2024-03-02,-1\n"}, "line 5, column cases: '-1' is not a count"),
        ({"cases": CASES + ",2024-03-02,1\n"}, "line 5, column crater: the location is empty; give its id"),
        ({"cases": CASES + "n2,2024-03-02\n"}, "line 5: has 2 cells, not as many as the header (3)"),
        ({"cases": "crater,day,cases\n"}, "cases.csv: holds no row"),
        ({"cases": ""}, "cases.csv: has no header"),
        ({"cases": "crater,day,day\nn1,2024-03-01,1\n"}, "line 1, column day: stands twice in the header"),
        ({"cases": "a,b,day\nn1,n1,2024-03-01\n"}, "cases.csv: which column is the location? Name it with"),
        (
            {"cases": "crater,ill_on,told_on\nn1,2024-03-01,2024-03-02\n"},
            "cases.csv: which column is the day? Name it with --date-column. It has: crater, ill_on, told_on",
        ),
        (
            {"cases_cas": "n1 1\n"},
            "cases.cas: which column is the day? Name it with --date-column. It has: id, c",
        ),
        ({"cases_cas": 'n1 1 2024/3/1\n"n2 1 2024/3/1\n'}, "cases.cas: is not a table (line 2: a quote"),
        ({"cases_cas": 'n"1 1 2024/3/1\n'}, "cases.cas: is not a table (line 1: a quote within a word"),
        ({"cases": 'crater,day\n"n1,2024-03-01\n'}, "cases.csv: is not a table"),
        (
            {"locations": "crater,a,b\nn1,1,2\nn2,1,2\n"},
            "locations.csv: does not say where locations are; name",
        ),
        (
            {"locations": LOCATIONS + "n4,1,\n"},
            "locations.csv, line 5, column y_km: an empty cell is not a number",
        ),
        ({"locations": LOCATIONS + "n4,nan,1\n"}, "line 5, column x_km: 'nan' is not a finite number"),
        ({"locations": LOCATIONS + "n1,1,1\n"}, "line 5, column crater: 'n1' lies elsewhere in line 2"),
        ({"locations": LOCATIONS + ",1,1\n"}, "line 5, column crater: the location is empty"),
        (
            {"locations": "crater,latitude,longitude\nn1,91,0\nn2,0,181\n"},
            "line 2, column latitude: '91' is not a finite number from -90 to 90",
        ),
        (
            {"population": POPULATION.replace("50.5", "many")},
            "population.csv, line 4, column population: 'many' is not a number",
        ),
        (
            {"population": POPULATION.replace("50.5", "-3")},
            "column population: '-3' is not a finite number from 0",
        ),
        ({"population": "crater,year\nn1,2024\nn2,2024\n"}, "population.csv: no column says how many people"),
        (
            {"population": POPULATION + "n9,2024,5\n"},
            "5 people at 1 locations that the locations file does not",
        ),
        (
            {"population": "crater,population\nn1,5\nn2,0\n"},
            "cases.csv: 1 cases at n2, but nobody is at risk there; add the people to population.csv",
        ),
        ({"cases_cas": "n1\n"}, "cases.cas, line 1: has 1 columns; a .cas file has: location, cases, date"),
        (
            {"cases_cas": "n1 1 2024/3/1\nn1 1\n"},
            "cases.cas, line 2: has 2 cells, not as many as the first (3)",
        ),
        (
            {"locations_geo": "n1 1 2 3\n"},
            "locations.geo, line 1: has 4 columns; a .geo file has: location, lat",
        ),
        (
            {"cases_cas": "n1 1 2024/3/1\nn2 1 2024/3/1\n", "population_pop": "n1 2024 5 f\nn2 2024 5 f\n"},
            "population.pop: has 1 covariates where the cases have 0",
        ),
    ],
)
def test_a_fault_is_told_with_its_file_its_place_and_its_fix(
    tmp_path: Path, content: dict[str, str], words: str
) -> None:
    assert words in words_of(write(tmp_path, **content))


def test_cases_at_unknown_locations_are_counted_and_the_first_of_them_named(tmp_path: Path) -> None:
    lost = "".join(f"lost{number},2024-03-02,3\n" for number in range(7))
    words = words_of(write(tmp_path, cases=CASES + lost))
    assert (
        "cases.csv, line 5, column crater: 21 cases at 7 locations that the locations file does not have"
        in words
    )
    assert "lost0, lost1, lost2, lost3, lost4, ...; add them to it, or take these rows out" in words


def test_faults_of_every_file_are_told_at_once(tmp_path: Path) -> None:
    words = words_of(
        write(
            tmp_path,
            cases=CASES + "n2,never,1\nn2,2024-03-02,few\n",
            locations=LOCATIONS + "n4,far,1\n",
            population=POPULATION + "n1,2024,lots\n",
        )
    )
    assert [line.split(":")[0] for line in words.splitlines()] == [
        "locations.csv, line 5, column x_km",
        "cases.csv, line 6, column cases",
        "cases.csv, line 5, column day",
        "population.csv, line 6, column population",
    ]


def test_of_very_many_faults_the_first_are_told_and_the_others_counted(tmp_path: Path) -> None:
    bad = "".join(f"n1,day {number},1\n" for number in range(1000))
    lines = words_of(write(tmp_path, cases=CASES + bad)).splitlines()
    assert (len(lines), lines[-1]) == (21, "and 980 more like these")


def test_a_column_that_was_named_and_is_not_there_is_told_with_those_that_are(tmp_path: Path) -> None:
    told = {"location": ["place"], "day": ["when"], "count": ["n"], "covariates": ["sex"]}
    words = words_of(write(tmp_path), columns=told)
    for fault in (
        "no column place (--location-column). It has: crater, day, cases",
        "no column when (--date-column)",
        "no column n (--count-column)",
        "no column sex (--covariate)",
    ):
        assert f"cases.csv: {fault}" in words


def test_a_population_of_several_dates_needs_a_study_period(tmp_path: Path) -> None:
    files = write(tmp_path, cases="crater,cases\nn1,2\n", population=POPULATION)
    words = words_of(files, span="spatial", start=None, end=None)
    assert "population.csv: holds several dates, and the study has no period; give --start and --end" in words


def test_a_stratum_without_people_is_named_by_its_covariates(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        cases="crater,day,sex\nn1,2024-03-01,f\nn1,2024-03-02,f\n",
        population="crater,population,sex\nn1,5,m\n",
    )
    words = words_of(files, columns={"covariates": ["sex"]})
    assert "2 cases of covariates f at n1, but nobody is at risk there" in words


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_told(tmp_path: Path) -> None:
    files = write(tmp_path)
    files.cases.write_bytes(CASES.encode() + "Zürich,2024-03-02,1\n".encode("latin-1"))
    assert "cases.csv: is not UTF-8 text; save it as UTF-8" in words_of(files)
    files.cases.unlink()
    assert "cases.csv: cannot be read: No such file" in words_of(files)
