"""Circles as polygons, for maps."""

import math

import numpy as np

from surveillance.geography.distance import EARTH_RADIUS_KM, Floats, Metric

CORNERS = 128


def circle_ring(centre: tuple[float, float], radius_km: float, metric: Metric) -> Floats:
    """(CORNERS + 1, 2) closed ring around a circle, counterclockwise, in the unit of its centre.

    centre: x and y in km (planar), or longitude and latitude in degrees (great circle; the radius is then
    the straight line through the sphere, as distances are everywhere here). The sides touch the circle from
    outside, so that what lies on its edge lies within the polygon.
    """
    turn = np.linspace(0.0, 2.0 * math.pi, CORNERS + 1)
    turn[-1] = 0.0  # closed to the last digit, as GeoJSON wants it
    outside_km = radius_km / math.cos(math.pi / CORNERS)
    if metric == "planar":
        return np.asarray(centre + outside_km * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    arc = 2.0 * math.asin(min(1.0, outside_km / (2.0 * EARTH_RADIUS_KM)))
    longitude, latitude = math.radians(centre[0]), math.radians(centre[1])
    sines = math.sin(latitude) * math.cos(arc) + math.cos(latitude) * math.sin(arc) * np.sin(turn)
    corner = np.arcsin(np.clip(sines, -1.0, 1.0))
    east = np.cos(turn) * math.sin(arc) * math.cos(latitude)
    north = math.cos(arc) - math.sin(latitude) * np.sin(corner)
    return np.asarray(np.degrees(np.stack([longitude + np.arctan2(east, north), corner], axis=1)))
