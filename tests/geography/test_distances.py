"""Distances agree with hand calculation, projection with the coordinates that are published side by side."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.geography.area import load_areas
from surveillance.geography.distance import EARTH_RADIUS_KM, distances_km, on_sphere, positions_km, within_km
from surveillance.geography.projection import to_degrees, to_national_grid

longitudes, latitudes = st.floats(-180, 180), st.floats(-90, 90)
METRES_PER_DEGREE = 111_194.93


def chord_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    a, b = (on_sphere(np.array([lon]), np.array([lat])) for lon, lat in (one, other))
    return float(distances_km(a[0], b)[0])


@pytest.mark.parametrize(
    ("one", "other", "km"),
    [
        ((0, 0), (180, 0), 2 * 6367.0),  # through the middle of the earth
        ((0, 0), (90, 0), math.sqrt(2) * 6367.0),
        ((12, 90), (99, 0), math.sqrt(2) * 6367.0),  # from the pole every meridian is the same
        ((0, 0), (1, 0), 2 * 6367.0 * math.sin(math.radians(0.5))),
        ((10, 60), (11, 60), 2 * 6367.0 * math.sin(math.radians(0.5)) * 0.5),  # cos 60 degrees = 1/2
        ((179.5, 0), (-179.5, 0), 2 * 6367.0 * math.sin(math.radians(0.5))),
    ],
)
def test_the_chord_is_as_calculated_by_hand(
    one: tuple[float, float], other: tuple[float, float], km: float
) -> None:
    assert chord_km(one, other) == pytest.approx(km, abs=1e-9)


def test_the_radius_of_a_circle_in_new_york_is_the_one_that_satscan_prints() -> None:
    """ZIP 11418 and eight others: 2.90 km (SaTScan 10.3.2, prospective permutation scan, its sample data)."""
    table = load_areas("new_york_zip", Path())
    centre = table.positions_km[table.index["11418"]]
    members = "11418 11415 11419 11435 11416 11421 11451 11375 11417".split()  # noqa: SIM905
    distances = distances_km(centre, table.positions_km)
    nearest = [table.codes[i] for i in np.argsort(distances, kind="stable")[:9]]
    assert nearest == members
    assert distances[table.index["11417"]] == pytest.approx(2.90, abs=0.005)


@given(longitudes, latitudes, longitudes, latitudes)
def test_the_chord_orders_pairs_as_the_great_circle_does(a: float, b: float, c: float, d: float) -> None:
    lon, lat = np.radians([a, c]), np.radians([b, d])
    haversine = np.sin((lat[1] - lat[0]) / 2) ** 2 + np.cos(lat).prod() * np.sin((lon[1] - lon[0]) / 2) ** 2
    expected = 2 * EARTH_RADIUS_KM * math.sqrt(haversine)
    assert chord_km((a, b), (c, d)) == pytest.approx(expected, abs=1e-5)


def test_planar_positions_are_the_coordinates_themselves() -> None:
    coordinates = np.array([[0.0, 0.0], [3.0, 4.0]])
    assert distances_km(*(positions_km(coordinates, "planar")[i] for i in (0, slice(1, 2)))).tolist() == [5.0]


def test_the_boundary_of_a_distance_is_inside() -> None:
    positions = np.array([[3.0, 4.0], [3.0, 4.1]])
    assert within_km(positions, np.array([[0.0, 0.0]]), 5.0).tolist() == [True, False]


def test_national_grid_and_degrees_of_every_published_centroid_agree() -> None:
    """Within 2.5 m in Cheshire and Merseyside: the built-in transformation, and degrees of five decimals."""
    table = load_areas("cheshire_merseyside", Path())
    longitude, latitude = to_degrees(table.coordinates[:, 0] * 1000, table.coordinates[:, 1] * 1000)
    east_m = (longitude - table.longitude) * METRES_PER_DEGREE * np.cos(np.radians(table.latitude))
    north_m = (latitude - table.latitude) * METRES_PER_DEGREE
    assert np.hypot(east_m, north_m).max() < 2.5


@given(st.floats(-6.0, 1.5), st.floats(50.0, 56.0))
def test_to_the_national_grid_and_back_is_the_same_place(longitude: float, latitude: float) -> None:
    back = to_degrees(*to_national_grid(np.array([longitude]), np.array([latitude])))
    assert np.concatenate(back).tolist() == pytest.approx([longitude, latitude], abs=1e-7)


def test_a_printed_control_point_of_the_national_grid() -> None:
    """E 651409.903 N 313177.270 is 52 39 27.2531 N, 1 43 4.5177 E on the grid's own datum, some 100 m from
    WGS84 (Ordnance Survey, A Guide to Coordinate Systems in Great Britain, annexe C)."""
    longitude, latitude = to_degrees(np.array([651409.903]), np.array([313177.270]))
    assert latitude[0] == pytest.approx(52 + 39 / 60 + 27.2531 / 3600, abs=0.001)
    assert longitude[0] == pytest.approx(1 + 43 / 60 + 4.5177 / 3600, abs=0.002)
