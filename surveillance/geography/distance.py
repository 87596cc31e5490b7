"""Distances in km: on the plane of a national grid, or through the sphere."""

from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

Metric = Literal["planar", "great_circle"]
Floats = npt.NDArray[np.float64]

# SaTScan's radius of the earth (User Guide 10.3, "Latitude and longitude"): its reported radii, and so
# the order in which circles grow, are matched only with the same one.
EARTH_RADIUS_KM = 6367.0


def on_sphere(longitude: Floats, latitude: Floats) -> Floats:
    """Degrees -> (n, 3) positions in km from the centre of the earth.

    The straight line between two of them (the chord) orders pairs as the great circle does.
    """
    lon, lat = np.radians(longitude), np.radians(latitude)
    ring = np.cos(lat)
    unit = np.stack([ring * np.cos(lon), ring * np.sin(lon), np.sin(lat)], axis=-1)
    return np.asarray(EARTH_RADIUS_KM * unit, dtype=np.float64)


def positions_km(coordinates: Floats, metric: Metric) -> Floats:
    """Positions whose Euclidean distance is the metric's, in km: (n, 2) planar, (n, 3) great circle.

    coordinates: (n, 2); planar: x and y in km; great circle: longitude and latitude in degrees.
    """
    if metric == "planar":
        return coordinates
    return on_sphere(coordinates[:, 0], coordinates[:, 1])


def distances_km(one: Floats, others: Floats) -> Floats:
    """(n,) km from one position to n others, positions as `positions_km` gives them."""
    return np.asarray(np.sqrt(((others - one) ** 2).sum(axis=1)), dtype=np.float64)


def within_km(positions: Floats, centres: Floats, radius_km: float) -> npt.NDArray[np.bool_]:
    """(n,) which positions lie within `radius_km` of any centre, the boundary included."""
    nearest, _ = cKDTree(centres).query(positions, distance_upper_bound=np.nextafter(radius_km, np.inf))
    return np.asarray(np.isfinite(nearest), dtype=np.bool_)
