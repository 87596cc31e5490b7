"""What partners send becomes an area code or a reason, and neither postcode nor point is left."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.events.refusal import RefusalCode, Refused
from surveillance.geography.area import AreaTable, load_areas
from surveillance.geography.lookup import Gazetteer, normal_postcode

TABLES = tuple(
    load_areas(name, Path())
    for name in ("cheshire_merseyside", "germany_meningococcal", "germany", "new_york_zip")
)
GAZETTEER = Gazetteer.load(TABLES)


def test_every_postcode_of_the_file_lies_in_a_known_area() -> None:
    assert len(GAZETTEER.postcodes) == 65_972
    assert set(GAZETTEER.postcodes.values()) == set(TABLES[0].codes)


def test_every_new_code_leads_to_one_older_code_and_is_none_itself() -> None:
    newer = GAZETTEER.newer_codes
    assert len(newer) == 1945
    assert not set(newer) & set(newer.values())


@pytest.mark.parametrize(
    ("reference", "area"),
    [
        ({"code": "E01018326"}, {"code": "E01018326"}),
        ({"code": "E01033793"}, {"code": "E01006865"}),  # new in 2021, St Helens
        ({"code": "11418"}, {"code": "11418"}),
        ({"code": "05554-1"}, {"code": "05554-1"}),
        ({"code": "DE"}, {"code": "DE"}),
        ({"postcode": "CH1 1AB"}, {"code": "E01018326"}),
        ({"postcode": "ch11ab"}, {"code": "E01018326"}),
        ({"code": None, "postcode": " ch1  1aB ", "missing": None}, {"code": "E01018326"}),
        ({"missing": "no_fixed_abode"}, {"missing": "no_fixed_abode"}),
        ({"missing": "outside_country"}, {"missing": "outside_country"}),
        ({"code": "E01000001"}, {"missing": "elsewhere"}),  # City of London
        ({"code": "W01000001"}, {"missing": "elsewhere"}),
        ({"code": "S01006506"}, {"missing": "elsewhere"}),
        ({"code": "95AA01S1"}, {"missing": "elsewhere"}),
        ({"postcode": "EC1A 1BB"}, {"missing": "elsewhere"}),
        ({"postcode": "ZZ99 3VZ"}, {"missing": "no_fixed_abode"}),
        ({"postcode": "ZZ99 3WZ"}, {"missing": "unknown"}),
        ({"postcode": "ZZ99 6CZ"}, {"missing": "outside_country"}),
    ],
)
def test_a_reference_becomes_a_code_or_a_reason(reference: dict[str, Any], area: dict[str, str]) -> None:
    assert GAZETTEER.resolve({"residence_area": reference}) == {"residence_area": area}


@pytest.mark.parametrize(
    ("reference", "field"),
    [
        ({"code": "E02001332"}, "residence_area.code"),  # an MSOA: too large to count in
        ({"code": "E0101832"}, "residence_area.code"),
        ({"code": "99999"}, "residence_area.code"),
        ({"postcode": "CH1 1ZZ"}, "residence_area.postcode"),  # a known sector without this postcode
        ({"postcode": "QQ1 1AA"}, "residence_area.postcode"),
        ({"postcode": "Chester"}, "residence_area.postcode"),
        ({"postcode": ""}, "residence_area.postcode"),
    ],
)
def test_what_means_no_area_is_refused_by_field_and_never_by_value(
    reference: dict[str, Any], field: str
) -> None:
    with pytest.raises(Refused) as caught:
        GAZETTEER.resolve({"residence_area": reference})
    fault = caught.value.faults[0]
    assert (fault.code, fault.field) == (RefusalCode.UNKNOWN_AREA, field)
    (value,) = reference.values()
    assert not value or value not in str(caught.value)


def test_both_wrong_areas_are_named() -> None:
    wrong = {"residence_area": {"code": "X"}, "incident_area": {"postcode": "X"}}
    with pytest.raises(Refused) as caught:
        GAZETTEER.resolve(wrong)
    assert {fault.field for fault in caught.value.faults} == {"residence_area.code", "incident_area.postcode"}


def test_the_centroid_of_an_area_leads_back_to_it() -> None:
    for table in TABLES:
        found = [GAZETTEER.nearest(*degrees) for degrees in zip(table.longitude, table.latitude, strict=True)]
        assert tuple(found) == table.codes


@pytest.mark.parametrize("table", TABLES[1:], ids=lambda table: table.name)
def test_a_published_coordinate_leads_to_its_own_area_among_all_tables(table: AreaTable) -> None:
    found = [GAZETTEER.area_at(*degrees) for degrees in zip(table.longitude, table.latitude, strict=True)]
    assert tuple(found) == table.codes


def test_a_point_lies_in_the_area_whose_boundary_holds_it_though_another_centroid_is_nearer() -> None:
    point = -2.862, 53.4392
    assert GAZETTEER.area_at(*point) == "E01006413" != GAZETTEER.nearest(*point)


def test_a_point_between_boundaries_and_the_sea_goes_to_the_nearest_area() -> None:
    off_new_brighton = (-3.06, 53.445)
    assert all(b.containing(*off_new_brighton) is None for b in GAZETTEER.boundaries)
    assert GAZETTEER.area_at(*off_new_brighton) == GAZETTEER.nearest(*off_new_brighton) is not None


POINT = {"longitude": -2.86529, "latitude": 53.4394}  # Knowsley 006A


@pytest.mark.parametrize(
    ("content", "area"),
    [
        ({"point": POINT}, {"code": "E01006412"}),
        ({"point": POINT, "incident_area": None}, {"code": "E01006412"}),
        ({"point": POINT, "incident_area": {"missing": "unknown"}}, {"code": "E01006412"}),
        ({"point": POINT, "incident_area": {"code": "E01018326"}}, {"code": "E01018326"}),
        ({"point": {"longitude": 0.0, "latitude": 0.0}}, {"missing": "elsewhere"}),
        (
            {"point": {"longitude": 0.0, "latitude": 0.0}, "incident_area": {"missing": "outside_country"}},
            {"missing": "outside_country"},
        ),
        ({"point": {**POINT, "uncertainty_m": 200.0}}, {"code": "E01006412"}),
        ({"point": {**POINT, "uncertainty_m": 50_000.0}}, {"missing": "unknown"}),
    ],
)
def test_a_point_stands_in_for_an_absent_place_of_the_incident_and_is_dropped(
    content: dict[str, Any], area: dict[str, str]
) -> None:
    assert GAZETTEER.resolve(content) == {"incident_area": area}


def test_a_point_beyond_the_limit_is_elsewhere() -> None:
    assert GAZETTEER.nearest(-3.10, 53.70) is None  # in the Irish Sea, 8 km off Southport
    assert Gazetteer(TABLES, point_limit_km=20.0).nearest(-3.10, 53.70) is not None


def test_without_a_point_nothing_is_added() -> None:
    assert GAZETTEER.resolve({"record_id": "a", "point": None, "age": 3}) == {"record_id": "a", "age": 3}


def test_a_table_without_degrees_never_attracts_a_point(tmp_path: Path) -> None:
    (tmp_path / "plane.csv").write_text("code,x_km,y_km\nA,0,0\n")
    plane = load_areas("plane", tmp_path)
    assert Gazetteer((plane,)).nearest(0.0, 0.0) is None
    assert Gazetteer((plane, *TABLES)).nearest(-2.86529, 53.4394) == "E01006412"
    assert Gazetteer(()).nearest(0.0, 0.0) is None


def test_a_table_of_ones_own_brings_its_postcodes(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("code,longitude,latitude\nA,0,51\n")
    (tmp_path / "mine_postcodes.csv").write_text("postcode,code\nEC1A 1BB,A\n")
    mine = Gazetteer.load((load_areas("mine.csv", tmp_path),))
    assert mine.area_of({"postcode": "ec1a1bb"}) == {"code": "A"}


@given(st.sampled_from(sorted(GAZETTEER.postcodes)), st.randoms(use_true_random=False))
def test_case_and_spaces_of_a_postcode_do_not_matter(postcode: str, random: Any) -> None:
    written = "".join(random.choice([c.lower(), c]) + " " * random.choice([0, 0, 1]) for c in postcode)
    assert normal_postcode(written) == postcode
    assert GAZETTEER.area_of({"postcode": written}) == {"code": GAZETTEER.postcodes[postcode]}


references = st.one_of(
    st.fixed_dictionaries({"code": st.text(max_size=12)}),
    st.fixed_dictionaries({"postcode": st.text(max_size=12)}),
    st.sampled_from([{"postcode": "CH1 1AB"}, {"code": "E01033793"}, {"missing": "unknown"}]),
)
points = st.none() | st.fixed_dictionaries(
    {
        "longitude": st.floats(-180, 180),
        "latitude": st.floats(-90, 90),
        "uncertainty_m": st.none() | st.floats(0, 1e6),
    }
)


def resolve_or_refuse(content: dict[str, Any]) -> tuple[dict[str, Any] | None, set[RefusalCode]]:
    try:
        return GAZETTEER.resolve(content), set()
    except Refused as refused:
        return None, {fault.code for fault in refused.faults}


@given(references, st.none() | references, points)
def test_whatever_is_sent_a_code_that_is_loaded_or_a_reason_comes_out(
    residence: dict[str, Any], incident: dict[str, Any] | None, point: dict[str, Any] | None
) -> None:
    content = {"residence_area": residence, "incident_area": incident, "point": point}
    before = json.dumps(content)
    resolved, codes = resolve_or_refuse(content)
    assert codes <= {RefusalCode.UNKNOWN_AREA}
    if resolved is not None:
        assert "point" not in resolved
        assert GAZETTEER.resolve(resolved) == resolved
        for area in (resolved["residence_area"], resolved["incident_area"] or {"missing": "unknown"}):
            assert set(area) in ({"code"}, {"missing"})
            assert area.get("code", next(iter(GAZETTEER.codes))) in GAZETTEER.codes
    assert json.dumps(content) == before
