"""British National Grid to and from WGS84.

PROJ's built-in seven-parameter transformation (EPSG:1314) is good to about 5 m: far below the size of an
area, and it needs no grid file. Shipped areas carry both pairs, so this runs only for files that give one.
"""

from functools import cache
from typing import Any

import numpy as np
from pyproj import Transformer

from surveillance.geography.distance import Floats

NATIONAL_GRID, WGS84 = 27700, 4326


@cache
def _transformer(source: int, target: int) -> Any:
    return Transformer.from_crs(source, target, always_xy=True)


def _transform(source: int, target: int, x: Floats, y: Floats) -> tuple[Floats, Floats]:
    new_x, new_y = _transformer(source, target).transform(x, y)
    return np.asarray(new_x, dtype=np.float64), np.asarray(new_y, dtype=np.float64)


def to_degrees(easting_m: Floats, northing_m: Floats) -> tuple[Floats, Floats]:
    """Easting and northing in metres -> longitude and latitude in degrees."""
    return _transform(NATIONAL_GRID, WGS84, easting_m, northing_m)


def to_national_grid(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Longitude and latitude in degrees -> easting and northing in metres."""
    return _transform(WGS84, NATIONAL_GRID, longitude, latitude)
