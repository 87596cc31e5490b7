"""Circles as polygons: they hold what lies within, and little more."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from surveillance.geography.circle import circle_ring
from surveillance.geography.distance import distances_km, on_sphere


@given(st.floats(-179, 179), st.floats(-70, 70), st.floats(0.01, 400))
def test_on_the_sphere_every_corner_is_just_outside_the_radius(x: float, y: float, radius_km: float) -> None:
    ring = circle_ring((x, y), radius_km, "great_circle")
    corners = on_sphere(ring[:, 0], ring[:, 1])
    away = distances_km(on_sphere(np.array([x]), np.array([y]))[0], corners)
    assert (away >= radius_km * (1 - 1e-6)).all()
    assert (away <= radius_km * 1.001 + 1e-6).all()


@given(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.floats(0.01, 400))
def test_on_the_plane_the_sides_touch_the_circle(x: float, y: float, radius_km: float) -> None:
    ring = circle_ring((x, y), radius_km, "planar")
    middles = (ring[1:] + ring[:-1]) / 2
    assert np.allclose(np.hypot(*(middles - (x, y)).T), radius_km)


@given(st.sampled_from(["planar", "great_circle"]), st.floats(0.01, 400))
def test_the_ring_is_closed_and_turns_counterclockwise(metric: str, radius_km: float) -> None:
    ring = circle_ring((10.0, 50.0), radius_km, metric)  # type: ignore[arg-type]
    assert (ring[0] == ring[-1]).all()
    x, y = (ring - ring.mean(axis=0)).T
    assert (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() > 0
