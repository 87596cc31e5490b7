"""The map of an alert: true to scale, whole, and drawn without boundaries too."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from invented import MERSEYSIDE, NEW_YORK, nearest, scan

from surveillance.geography.area import AreaTable
from surveillance.geography.distance import distances_km
from surveillance.web.boundaries import load_boundaries, outline
from surveillance.web.ground import ground_of
from surveillance.web.map import HEIGHT, WIDTH, MapDrawing, draw_map, shade
from surveillance.web.plane import plane_around, round_length

AREAS = nearest(MERSEYSIDE, "E01006706", 26)


def drawn(table: AreaTable = MERSEYSIDE, codes: tuple[str, ...] = AREAS, **counts: int) -> MapDrawing:
    drawing = draw_map("residence", [scan(codes, ["a"])], codes, counts or {codes[0]: 2}, table)
    assert drawing is not None
    return drawing


def test_distances_on_the_map_are_those_of_the_national_grid() -> None:
    ground = ground_of(MERSEYSIDE)
    plane = plane_around(ground.spots[AREAS[0]], in_degrees=True)
    here = np.array([plane.km(ground.spots[code]) for code in AREAS])
    true = distances_km(MERSEYSIDE.positions_km[MERSEYSIDE.index[AREAS[0]]], MERSEYSIDE.positions_km)
    expected = [true[MERSEYSIDE.index[code]] for code in AREAS]
    # The grid's own scale and two centroids rounded to 5 decimals: a few metres.
    assert np.hypot(*here.T) == pytest.approx(expected, abs=0.01)


def test_the_circle_and_the_scale_bar_have_one_scale() -> None:
    drawing = drawn()
    (circle,) = drawing.circles
    scale_km = float(drawing.scale_words.removesuffix(" km"))
    assert circle.radius / circle.radius_km == pytest.approx(drawing.scale_units / scale_km)


def test_the_circle_and_every_area_of_the_alert_are_in_the_picture() -> None:
    drawing = drawn()
    (circle,) = drawing.circles
    assert circle.radius <= circle.x <= WIDTH - circle.radius
    assert circle.radius <= circle.y <= HEIGHT - circle.radius
    for area in drawing.areas:
        numbers = [float(n) for n in area.path.replace("M", " ").replace("L", " ").replace("Z", " ").split()]
        assert all(0 <= x <= WIDTH for x in numbers[::2])
        assert all(0 <= y <= HEIGHT for y in numbers[1::2])


def test_areas_are_shaded_by_the_strongest_cluster_that_holds_them_not_by_their_cases() -> None:
    whole = scan(AREAS, ["a"] * 6, observed=6, expected=2.0)
    close = scan(AREAS[1:2], ["a"] * 3, observed=3, expected=0.1)
    linked = scan((AREAS[2], MERSEYSIDE.codes[0]), ["a", "b"], expected=None)
    counts = {AREAS[0]: 1, AREAS[1]: 3, AREAS[2]: 9}
    drawing = draw_map(
        "residence", [whole, close, linked], (*AREAS[:4], MERSEYSIDE.codes[0]), counts, MERSEYSIDE
    )
    assert drawing is not None
    assert [a.shade for a in drawing.areas[:3]] == ["2", "4", "2"]
    assert {a.code: a.shade for a in drawing.areas}[MERSEYSIDE.codes[0]] == "none"


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [(None, "none"), (1.0, "0"), (1.01, "1"), (2.5, "2"), (8.0, "3"), (float("inf"), "4")],
)
def test_a_ratio_has_one_shade(ratio: float | None, expected: str) -> None:
    assert shade(ratio) == expected


def test_cases_outside_the_areas_are_counted_not_drawn() -> None:
    elsewhere = MERSEYSIDE.codes[0]
    assert drawn(**{AREAS[0]: 2, elsewhere: 3}).elsewhere == 3


def test_without_boundaries_areas_are_points() -> None:
    drawing = drawn(NEW_YORK, nearest(NEW_YORK, "10011", 5))
    assert all(a.path == "" for a in drawing.areas)
    assert drawing.context == ()
    assert drawing.context_points


def test_a_table_with_only_a_plane_of_its_own_is_drawn_in_its_kilometres() -> None:
    nowhere = np.full(len(NEW_YORK), np.nan)
    coordinates = np.stack([np.arange(len(NEW_YORK), dtype=float), np.zeros(len(NEW_YORK))], axis=1)
    table = replace(
        NEW_YORK, metric="planar", coordinates=coordinates, longitude=nowhere, latitude=nowhere, units={}
    )
    drawing = drawn(table, table.codes[:3])
    scale = drawing.scale_units / float(drawing.scale_words.removesuffix(" km"))
    first, second = sorted(a.x for a in drawing.areas)[:2]
    assert second - first == pytest.approx(scale)


def test_areas_that_are_not_in_the_table_have_no_map() -> None:
    assert draw_map("residence", [], ("unknown",), {"unknown": 1}, MERSEYSIDE) is None


def test_two_squares_that_share_an_edge_have_one_outline() -> None:
    left = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0), (0.0, 0.0))
    right = ((1.0, 0.0), (2.0, 0.0), (2.0, 1.0), (1.0, 1.0), (1.0, 0.0))
    (line,) = outline([left, right])
    assert line[0] == line[-1]
    assert len(line) == 7
    assert ((1.0, 0.0), (1.0, 1.0)) not in pairwise(line)


def test_every_local_authority_has_a_closed_outline_of_edges_that_only_one_area_has() -> None:
    assert MERSEYSIDE.boundaries is not None
    boundaries = load_boundaries(MERSEYSIDE.boundaries)
    assert len(boundaries.outlines) == 9
    assert set(boundaries.rings) == set(MERSEYSIDE.codes)
    for name, lines in boundaries.outlines.items():
        edges = Counter(frozenset(edge) for line in lines for edge in pairwise(line))
        assert max(edges.values()) == 1, name
        ends = Counter(end for edge in edges for end in edge)
        assert all(count % 2 == 0 for count in ends.values()), name


@pytest.mark.parametrize(("at_most", "expected"), [(7.3, 5), (5, 5), (2.2, 2), (0.13, 0.1), (1, 1), (99, 50)])
def test_a_scale_bar_is_a_round_length(at_most: float, expected: float) -> None:
    assert round_length(at_most) == pytest.approx(expected)
