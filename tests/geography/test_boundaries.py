"""A point is in the area whose polygon holds it: with holes, with several parts, and beside each other."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.geography.boundaries import Boundaries, load_boundaries
from surveillance.use_case.fault import ConfigError


def square(west: float, south: float, side: float) -> list[list[float]]:
    east, north = west + side, south + side
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def write(path: Path, geometries: dict[str, dict[str, Any]]) -> Boundaries:
    features = [
        {"type": "Feature", "properties": {"code": code}, "geometry": geometry}
        for code, geometry in geometries.items()
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return load_boundaries(path)


@pytest.mark.parametrize(
    ("point", "area"),
    [
        ((0.5, 0.5), "ring"),
        ((2.0, 2.0), "island"),
        ((3.5, 3.9), "ring"),
        ((10.5, 0.5), "parts"),
        ((12.5, 0.5), "parts"),
        ((11.5, 0.5), None),
        ((-1.0, 2.0), None),
        ((2.0, 4.5), None),
    ],
)
def test_holes_and_parts_are_respected(point: tuple[float, float], area: str | None, tmp_path: Path) -> None:
    boundaries = write(
        tmp_path / "areas.geojson",
        {
            "ring": {"type": "Polygon", "coordinates": [square(0, 0, 4), square(1, 1, 2)]},
            "island": {"type": "Polygon", "coordinates": [square(1, 1, 2)]},
            "parts": {"type": "MultiPolygon", "coordinates": [[square(10, 0, 1)], [square(12, 0, 1)]]},
        },
    )
    assert boundaries.containing(*point) == area


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Boundaries:
    squares = {"west": square(0, 0, 1), "east": square(1, 0, 1)}
    return write(
        tmp_path_factory.mktemp("neighbours") / "areas.geojson",
        {code: {"type": "Polygon", "coordinates": [ring]} for code, ring in squares.items()},
    )


@given(x=st.floats(0, 2, exclude_max=True), y=st.floats(0, 1, exclude_max=True))
def test_areas_that_share_a_side_leave_no_gap_and_no_overlap(
    neighbours: Boundaries, x: float, y: float
) -> None:
    assert neighbours.containing(x, y) == ("west" if x < 1 else "east")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"{}",
        b'{"features": [{"geometry": {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}}]}',
        b'{"features": [{"properties": {"code": "A"}, "geometry": null}]}',
        b'{"features": [{"properties": {"code": "A"}, "geometry": {"type": "Polygon", "coordinates": []}}]}',
        b'{"features": [{"properties": {"code": "A"}, "geometry": {"type": "Polygon",'
        b' "coordinates": [[[0, NaN], [1, 1]]]}}]}',
        b'{"features": ' + b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_geojson_of_areas_is_named_with_its_fix(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "areas.geojson").write_bytes(content)
    with pytest.raises(ConfigError, match=r"areas\.geojson: features: .*Give a FeatureCollection"):
        load_boundaries(tmp_path / "areas.geojson")
