"""Area files: what ships, what a scope takes of it, and what a wrong file is told."""

import gzip
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.geography.area import AreaTable, load_areas
from surveillance.geography.area_file import shipped_names
from surveillance.geography.distance import distances_km
from surveillance.use_case.fault import ConfigError

HERE = Path()
CHESHIRE = load_areas("cheshire_merseyside", HERE)
SHIPPED = ("cheshire_merseyside", "england", "germany", "germany_meningococcal", "new_york_zip")


def test_cheshire_and_merseyside_is_as_the_census_and_the_national_health_service_count_it() -> None:
    assert len(CHESHIRE) == 1562
    assert CHESHIRE.population is not None
    assert CHESHIRE.population.sum() == 2_442_689
    assert len(set(CHESHIRE.units["lad"])) == 9
    assert len(set(CHESHIRE.units["sub_icb"])) == 9
    assert set(CHESHIRE.units["icb"]) == {"E54000008"}
    assert CHESHIRE.unit_names["lad"]["E08000012"] == "Liverpool"


def test_england_holds_cheshire_and_merseyside_as_its_own_file_has_it() -> None:
    england = load_areas("england", HERE)
    assert len(england) == 32_844
    part = england.within({"icb": "E54000008"})
    assert part.codes == CHESHIRE.codes
    assert part.units == CHESHIRE.units
    assert np.array_equal(part.coordinates, CHESHIRE.coordinates)


def test_the_three_age_bands_add_up_to_the_population() -> None:
    bands = [v for name, v in CHESHIRE.measures.items() if name.startswith("population_")]
    assert len(bands) == 3
    assert CHESHIRE.population is not None
    assert np.array_equal(sum(bands), CHESHIRE.population)


def test_every_area_lies_in_one_msoa_and_every_msoa_in_one_local_authority() -> None:
    pairs = set(zip(CHESHIRE.units["msoa"], CHESHIRE.units["lad"], strict=True))
    assert len(pairs) == len(set(CHESHIRE.units["msoa"]))


def test_an_area_tells_its_name_place_and_units() -> None:
    area = CHESHIRE.area("E01006412")
    assert (area.name, area.population) == ("Knowsley 006A", 1489.0)
    assert (area.longitude, area.latitude) == (-2.86529, 53.4394)
    assert area.units["lad"] == "E08000011"


def test_planar_coordinates_are_kilometres_of_the_national_grid() -> None:
    i = CHESHIRE.index["E01006412"]
    assert CHESHIRE.metric == "planar"
    assert CHESHIRE.coordinates[i].tolist() == pytest.approx([342.617, 393.973])


@pytest.mark.parametrize(("name", "areas"), [("germany_meningococcal", 509), ("new_york_zip", 192)])
def test_areas_in_degrees_are_measured_on_the_great_circle(name: str, areas: int) -> None:
    table = load_areas(name, HERE)
    assert (len(table), table.metric, table.population) == (areas, "great_circle", None)
    assert len(set(map(tuple, table.coordinates.tolist()))) == areas


def test_each_shipped_map_names_its_own_source_and_a_file_of_ones_own_nobody(tmp_path: Path) -> None:
    assert "Office for National Statistics" in CHESHIRE.credit
    assert "Open Government Licence" in CHESHIRE.within({"lad": "E08000012"}).credit
    assert "New York City Department of Health" in load_areas("new_york_zip", HERE).credit
    (tmp_path / "own.csv").write_text("code,name,longitude,latitude\na,A,1.0,50.0\n")
    assert load_areas("own.csv", tmp_path).credit == ""


def test_the_shipped_names_are_the_area_files_and_nothing_beside_them() -> None:
    assert shipped_names() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_the_licence_beside_the_files_names_every_one(name: str) -> None:
    file = load_areas(name, HERE).file
    assert file.name in (file.parent / "LICENCE.md").read_text(encoding="utf-8")


def test_boundaries_are_there_for_every_area_and_only_where_they_ship() -> None:
    assert CHESHIRE.boundaries is not None
    features = json.loads(CHESHIRE.boundaries.read_text(encoding="utf-8"))["features"]
    assert [feature["properties"]["code"] for feature in features] == list(CHESHIRE.codes)
    assert load_areas("new_york_zip", HERE).boundaries is None


def test_within_takes_the_areas_of_a_unit_with_all_their_arrays() -> None:
    liverpool = CHESHIRE.within({"lad": "E08000012"})
    assert len(liverpool) == 298
    assert liverpool.whole is CHESHIRE
    for code in liverpool.codes:
        i, j = liverpool.index[code], CHESHIRE.index[code]
        assert liverpool.area(code) == CHESHIRE.area(code)
        assert np.array_equal(liverpool.coordinates[i], CHESHIRE.coordinates[j])


def test_within_two_units_takes_what_lies_in_both() -> None:
    msoa = CHESHIRE.units["msoa"][CHESHIRE.index["E01006412"]]
    assert CHESHIRE.within({"lad": "E08000011", "msoa": msoa}).units["msoa"][0] == msoa
    with pytest.raises(ConfigError, match="no area lies in these units"):
        CHESHIRE.within({"lad": "E08000012", "msoa": msoa})


def test_within_an_unknown_unit_names_the_units_there_are() -> None:
    with pytest.raises(ConfigError, match="msoa, lad, sub_icb, icb"):
        CHESHIRE.within({"county": "X"})


WIRRAL = CHESHIRE.within({"lad": "E08000015"})


@pytest.mark.parametrize("radius_km", [0.0, 3.0])
def test_around_adds_exactly_the_areas_within_the_distance(radius_km: float) -> None:
    read = CHESHIRE.around(WIRRAL, radius_km)
    expected = {
        code
        for code, position in zip(CHESHIRE.codes, CHESHIRE.positions_km, strict=True)
        if distances_km(position, WIRRAL.positions_km).min() <= radius_km
    }
    assert set(read.codes) == expected
    assert read.mask(WIRRAL).sum() == len(WIRRAL)


@given(st.lists(st.floats(0.0, 60.0), min_size=2, max_size=4))
def test_a_larger_distance_never_reads_fewer_areas(radii: list[float]) -> None:
    reads = [set(WIRRAL.around(WIRRAL, radius).codes) for radius in sorted(radii)]
    assert all(smaller <= larger for smaller, larger in pairwise(reads))
    assert all(set(WIRRAL.codes) <= read for read in reads)


def write(path: Path, text: str) -> AreaTable:
    path.write_text(text, encoding="utf-8")
    return load_areas(path.name, path.parent)


def test_a_file_with_the_official_column_names_reads_the_same(tmp_path: Path) -> None:
    table = write(
        tmp_path / "mine.csv",
        "lsoa11cd,lsoa11nm,easting,northing,longitude,latitude,lad21cd,lad21nm,population,ruc11cd\n"
        "E01006412,Knowsley 006A,342617,393973,-2.86529,53.4394,E08000011,Knowsley,1489,A1\n",
    )
    area, shipped = table.area("E01006412"), CHESHIRE.area("E01006412")
    assert (area.name, area.longitude, area.population) == (
        shipped.name,
        shipped.longitude,
        shipped.population,
    )
    assert area.units == {"lad": "E08000011", "rural_urban_class": "A1"}


def test_a_gzipped_file_and_one_without_its_ending_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine.csv.gz").write_bytes(gzip.compress(b"code,x_km,y_km\nA,1,2\nB,4,6\n"))
    table = load_areas("mine", tmp_path)
    assert (table.metric, table.names) == ("planar", ("A", "B"))
    assert distances_km(table.positions_km[0], table.positions_km).tolist() == [0.0, 5.0]
    assert np.isnan(table.longitude).all()


def test_grid_coordinates_alone_are_put_on_the_map(tmp_path: Path) -> None:
    table = write(tmp_path / "mine.csv", "code,easting_m,northing_m\nA,342617,393973\n")
    assert (table.longitude[0], table.latitude[0]) == pytest.approx((-2.86529, 53.4394), abs=5e-5)


@pytest.mark.parametrize(
    ("text", "key", "problem"),
    [
        ("", "code", "no area codes"),
        ("code,longitude,latitude\n", "code", "no area codes"),
        ("code,longitude,latitude\nA,1,2\nA,3,4\n", "code", "stands twice"),
        ("code,longitude,latitude\n,1,2\n", "code", "is empty"),
        ("code,name\nA,B\n", "", "where areas are"),
        ("code,longitude,latitude\nA,1,2\nB,east,2\n", "line 3, longitude", "not a number"),
        ("code,longitude,latitude\nA,1,95\n", "line 2, latitude", "from -90 to 90"),
        ("code,longitude,latitude\nA,nan,5\n", "line 2, longitude", "not a number"),
        ("code,longitude,latitude,population\nA,1,2,-3\n", "line 2, population", "from 0 to inf"),
        ("code,longitude,latitude\nA,1,2\nB,1\n", "line 3", "has not 3 values"),
    ],
)
def test_a_wrong_file_is_named_with_line_and_column(
    text: str, key: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as caught:
        write(tmp_path / "mine.csv", text)
    fault = caught.value.faults[0]
    assert (fault.file, fault.key) == ("mine.csv", key)
    assert problem in fault.problem


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(b"code,\xff\xfe\n")
    with pytest.raises(ConfigError, match="UnicodeDecodeError"):
        load_areas("mine.csv", tmp_path)


def test_a_file_saved_by_a_spreadsheet_is_read(tmp_path: Path) -> None:
    assert write(tmp_path / "mine.csv", "\ufeffcode,x_km,y_km\r\nA,1,2\r\n").codes == ("A",)


def test_a_missing_file_says_where_it_belongs(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_areas("../var/england_lsoa11.csv", tmp_path)
    assert str(tmp_path / "../var/england_lsoa11.csv") in caught.value.faults[0].fix
    assert "cheshire_merseyside" in caught.value.faults[0].fix
