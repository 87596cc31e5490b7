"""Files of a scan -> its study: what is read, in every form that people have them in."""

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from invented_files import CASES, CONTROLS, END, LOCATIONS, POPULATION, START, read, write

from surveillance.detection.scan.analysis import Counts
from surveillance.scan_files.study import ScanFiles, ScanInput

REFERENCE = Path(__file__).parents[1] / "reference" / "cases"
PLAIN = [("n1", 0, 2, 0), ("n2", 4, 1, 0), ("n1", 8, 1, 0)]


def rows_of(given: ScanInput, counts: Counts | None) -> list[tuple[str, int, int, int]]:
    assert counts is not None
    codes = given.study.locations.codes
    columns = (counts.location, counts.day, counts.count, counts.stratum)
    return [(codes[w], d, n, s) for w, d, n, s in zip(*(c.tolist() for c in columns), strict=True)]


def people_of(given: ScanInput) -> dict[tuple[str, date, int], float]:
    people = given.study.population
    assert people is not None
    days = [date.fromordinal(given.study.start.toordinal() + day) for day in people.day.tolist()]
    codes = [given.study.locations.codes[where] for where in people.location]
    return dict(
        zip(zip(codes, days, people.stratum.tolist(), strict=True), people.people.tolist(), strict=True)
    )


def test_cases_and_locations_are_read_by_the_column_that_they_share(tmp_path: Path) -> None:
    given = read(write(tmp_path))
    assert rows_of(given, given.study.cases) == PLAIN
    assert given.study.locations.codes == ("n1", "n2", "n3")
    assert given.study.locations.metric == "planar"
    assert given.study.locations.coordinates.tolist() == [[0, 0], [3, 4], [6, 8]]
    assert (given.study.start, given.study.end, given.dated) == (START, END, True)


def test_the_only_column_of_days_is_the_day(tmp_path: Path) -> None:
    given = read(write(tmp_path, cases="crater,onset,age\nn1,2024-03-02,7\n"))
    assert rows_of(given, given.study.cases) == [("n1", 1, 1, 0)]


def test_without_a_count_each_row_is_a_case(tmp_path: Path) -> None:
    given = read(write(tmp_path, cases="crater,day\nn1,2024-03-01\nn1,2024-03-01\n"))
    assert rows_of(given, given.study.cases) == [("n1", 0, 1, 0)] * 2


def test_cases_and_controls_outside_the_study_are_left_out_and_counted(tmp_path: Path) -> None:
    given = read(write(tmp_path, controls=CONTROLS), start=date(2024, 3, 2), end=date(2024, 3, 5))
    assert rows_of(given, given.study.cases) == [("n2", 3, 1, 0)]
    assert given.left_out == {
        "cases_outside_the_study_period": 3,
        "controls_outside_the_study_period": 0,
    }
    assert rows_of(given, given.study.controls) == [("n1", 0, 3, 0), ("n3", 3, 4, 0)]


def test_a_population_of_a_year_is_as_of_its_middle_wherever_the_study_lies(tmp_path: Path) -> None:
    given = read(write(tmp_path, population=POPULATION))
    assert people_of(given) == {
        ("n1", date(2023, 7, 1), 0): 100,
        ("n1", date(2025, 7, 1), 0): 300,
        ("n2", date(2024, 7, 1), 0): 50.5,
        ("n3", date(2024, 7, 1), 0): 0,
    }


def test_covariates_are_strata_and_those_not_named_are_added_up(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        cases="crater,day,sex\nn1,2024-03-01,f\nn2,2024-03-01,m\n",
        population="crater,population,sex,age\nn1,1,f,young\nn1,2,f,old\nn2,4,m,old\nn1,8,m,old\n",
    )
    by_sex = read(files, {"covariates": ["sex"]})
    assert [row[3] for row in rows_of(by_sex, by_sex.study.cases)] == [0, 1]
    assert people_of(by_sex) == {("n1", START, 0): 3, ("n2", START, 1): 4, ("n1", START, 1): 8}
    assert people_of(read(files)) == {("n1", START, 0): 11, ("n2", START, 0): 4}


def test_columns_may_be_called_differently_in_every_file(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        cases="when,where,how_many,x_km\n2024-03-01,n1,2,5\n",
        locations="name,place,lon,lat\nOne,n1,10,50\nTwo,n2,11,51\n",
        population="where_they_live,of,heads\nn1,2024,10\n",
    )
    told = {
        "location": ["where", "place", "where_they_live"],
        "day": ["when", "of"],
        "count": ["how_many", "heads"],
    }
    given = read(files, told)
    assert rows_of(given, given.study.cases) == [("n1", 0, 2, 0)]
    assert given.study.locations.coordinates.tolist() == [[10, 50], [11, 51]]
    assert given.study.locations.metric == "great_circle"
    assert people_of(given) == {("n1", date(2024, 7, 1), 0): 10}


def test_a_column_that_only_another_file_has_says_nothing_of_this_one(tmp_path: Path) -> None:
    files = write(tmp_path, population="crater,of,heads\nn1,2024,10\nn2,2024,10\n")
    given = read(files, {"day": ["of"], "count": ["heads"]})
    assert rows_of(given, given.study.cases) == PLAIN
    assert people_of(given)[("n1", date(2024, 7, 1), 0)] == 10


def test_of_two_pairs_of_coordinates_degrees_are_taken_unless_km_are_asked_for(tmp_path: Path) -> None:
    files = write(tmp_path, locations="crater,x,y,latitude,longitude\nn1,1,2,50,10\nn2,3,4,51,11\n")
    assert read(files).study.locations.coordinates[0].tolist() == [10, 50]
    assert read(files, {"coordinates": "km"}).study.locations.coordinates[0].tolist() == [1, 2]


@pytest.mark.parametrize("separator", [";", "\t"])
def test_semicolons_tabs_a_mark_and_empty_rows_of_spreadsheets_do_not_matter(
    tmp_path: Path, separator: str
) -> None:
    cases = "\ufeff" + CASES.replace(",", separator).replace("n2", " n2 ") + separator * 2 + "\r\n"
    given = read(write(tmp_path, cases=cases))
    assert rows_of(given, given.study.cases) == PLAIN


def test_months_and_years_are_read_where_the_time_unit_is_as_long(tmp_path: Path) -> None:
    files = write(tmp_path, cases="crater,month\nn1,2024-03\nn2,2024/4\n")
    given = read(files, time_unit="month", end=date(2024, 4, 30))
    assert rows_of(given, given.study.cases) == [("n1", 0, 1, 0), ("n2", 31, 1, 0)]


def test_a_purely_spatial_study_needs_no_days(tmp_path: Path) -> None:
    files = write(tmp_path, cases="crater,cases\nn1,2\n", population="crater,population\nn1,5\n")
    given = read(files, span="spatial", start=None, end=None)
    assert (rows_of(given, given.study.cases), given.dated) == ([("n1", 0, 2, 0)], False)
    assert given.study.start == given.study.end


def test_a_purely_spatial_study_of_dated_cases_lasts_from_the_first_to_the_last(tmp_path: Path) -> None:
    given = read(write(tmp_path, controls=CONTROLS), span="spatial", start=None, end=None)
    assert (given.study.start, given.study.end) == (date(2024, 3, 1), date(2024, 3, 9))
    assert sum(given.left_out.values()) == 0


def test_a_purely_temporal_study_needs_no_locations(tmp_path: Path) -> None:
    files = write(tmp_path, population=POPULATION)
    given = read(ScanFiles(cases=files.cases, population=files.population), span="temporal")
    assert given.study.locations.codes == ("all",)
    assert given.study.cases.location.tolist() == [0, 0, 0]
    assert people_of(given)[("all", date(2024, 7, 1), 0)] == 50.5


def test_satscans_own_files_give_the_same_study(tmp_path: Path) -> None:
    """White space or commas, ids in quotes, days in its forms, latitude first."""
    satscan = write(
        tmp_path,
        cases_cas='"North Bay"  2   2024/3/1 f old\nn2,1,03/05/2024,m,young\n\n',
        locations_geo='"North Bay" 50.5 -10.25\nn2\t51\t11\n',
        population_pop='"North Bay" 2024 10.5 f old\nn2 2024/3 4 m young\n',
    )
    plain = write(
        tmp_path,
        cases="id,date,count,sex,age\nNorth Bay,2024-03-01,2,f,old\nn2,2024-03-05,1,m,young\n",
        locations="id,latitude,longitude\nNorth Bay,50.5,-10.25\nn2,51,11\n",
        population="id,date,population,sex,age\nNorth Bay,2024,10.5,f,old\nn2,2024-03,4,m,young\n",
    )
    ours, theirs = read(plain, {"covariates": ["sex", "age"]}), read(satscan)
    assert rows_of(ours, ours.study.cases) == rows_of(theirs, theirs.study.cases)
    assert people_of(ours) == people_of(theirs)
    assert ours.study.locations.codes == theirs.study.locations.codes
    assert np.array_equal(ours.study.locations.coordinates, theirs.study.locations.coordinates)


def test_satscans_controls_and_plane_are_read_too(tmp_path: Path) -> None:
    files = write(
        tmp_path,
        cases_cas="1 0\n2 1\n",
        controls_ctl="1 1\n2 0\n",
        locations_geo="1 5300 4360\n2 5310 4370\n",
    )
    given = read(files, span="spatial", start=None, end=None)
    assert given.study.locations.metric == "planar"
    assert given.study.locations.coordinates.tolist() == [[5300, 4360], [5310, 4370]]
    assert rows_of(given, given.study.cases) == [("1", 0, 0, 0), ("2", 0, 1, 0)]
    assert rows_of(given, given.study.controls) == [("1", 0, 1, 0), ("2", 0, 0, 0)]


def test_a_plane_within_the_range_of_degrees_is_km_where_that_is_said(tmp_path: Path) -> None:
    files = write(tmp_path, locations_geo="n1 1 2\nn2 3 4\n", cases=CASES)
    assert read(files).study.locations.coordinates[0].tolist() == [2, 1]
    assert read(files, {"coordinates": "km"}).study.locations.coordinates[0].tolist() == [1, 2]


def test_covariates_of_satscans_files_without_days_are_covariates(tmp_path: Path) -> None:
    files = write(tmp_path, cases_cas="n1 1 7 2\nn2 1 3 1\n", population_pop="n1 1990 5 7 2\nn2 1990 5 3 1\n")
    given = read(files, span="spatial", start=None, end=None)
    assert [row[3] for row in rows_of(given, given.study.cases)] == [0, 1]
    assert not given.dated


def test_the_sample_of_new_mexico_is_read_whole() -> None:
    name = str(REFERENCE / "new_mexico_brain_cancer_1973_1991_{}.csv")
    files = ScanFiles(
        Path(name.format("cases")), Path(name.format("centroids")), population=Path(name.format("population"))
    )
    given = read(
        files,
        {"covariates": ["age_group", "sex"]},
        time_unit="year",
        start=date(1973, 1, 1),
        end=date(1991, 12, 31),
    )
    people = given.study.population
    assert people is not None
    assert (given.study.cases.count.sum(), len(given.study.locations.codes)) == (1175, 32)
    assert (given.study.cases.stratum.max(), len(people.people)) == (35, 3456)


def test_a_million_rows_are_read_in_seconds(tmp_path: Path) -> None:
    row = "n1,2024-03-{:02},1\n"
    cases = "crater,day,cases\n" + "".join(row.format(1 + number % 31) for number in range(1_000_000))
    given = read(write(tmp_path, cases=cases))
    assert given.study.cases.count.sum() == 1_000_000
    assert np.bincount(given.study.cases.day).max() == 32_259


def test_a_location_given_twice_at_one_place_is_one_location(tmp_path: Path) -> None:
    files = write(tmp_path, locations=LOCATIONS + "n2,3,4\n")
    assert read(files).study.locations.codes == ("n1", "n2", "n3")
