"""Which area a point lies in, by the areas' boundaries.

The nearest centroid alone is another area for one point in four of Cheshire and Merseyside.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from surveillance.geography.distance import Floats
from surveillance.use_case.fault import ConfigError, ConfigFault

Box = tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Boundaries:
    """n areas as polygons in degrees.

    boxes: (n, 4) west, south, east, north. edges: per area, (m, 4) the two ends of every edge of all its
    rings, holes included: a point is inside where a line from it to the east crosses an odd number of them.
    """

    codes: tuple[str, ...]
    boxes: Floats
    edges: tuple[Floats, ...]

    def containing(self, longitude: float, latitude: float) -> str | None:
        """The code of the area that holds a point, the first one in the file on a shared boundary."""
        west, south, east, north = self.boxes.T
        near = (west <= longitude) & (longitude <= east) & (south <= latitude) & (latitude <= north)
        inside = (i for i in np.flatnonzero(near) if _crossings(self.edges[i], longitude, latitude) % 2)
        return next((self.codes[i] for i in inside), None)


def load_boundaries(path: Path) -> Boundaries:
    """A GeoJSON file of polygons and multipolygons in WGS84 with the property `code`. Raises ConfigError."""
    with reading_geojson(path):
        features = json.loads(path.read_bytes())["features"]
        edges = tuple(np.concatenate(list(map(_edges, _rings(f["geometry"])))) for f in features)
        return Boundaries(
            codes=tuple(str(feature["properties"]["code"]) for feature in features),
            boxes=np.array([_box(each) for each in edges], dtype=np.float64).reshape(-1, 4),
            edges=edges,
        )


@contextmanager
def reading_geojson(path: Path) -> Iterator[None]:
    """Says ConfigError of a file that is no GeoJSON of areas, wherever its shape goes wrong."""
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        problem = f"is no GeoJSON of polygons with the property `code` ({type(error).__name__})"
        fix = (
            "Give a FeatureCollection of Polygon and MultiPolygon features, in longitude and latitude (WGS84)"
        )
        raise ConfigError([ConfigFault(path.name, "features", problem, fix)]) from None


def _rings(geometry: Mapping[str, Any]) -> Iterator[list[list[float]]]:
    polygons = geometry["coordinates"] if geometry["type"] == "MultiPolygon" else [geometry["coordinates"]]
    return (ring for polygon in polygons for ring in polygon)


def _edges(ring: list[list[float]]) -> Floats:
    corners = np.array(ring, dtype=np.float64)[:, :2]
    if len(corners) < 2 or corners.shape[1] != 2 or not np.isfinite(corners).all():
        raise ValueError("a ring is a list of points of two numbers")
    return np.concatenate([corners[:-1], corners[1:]], axis=1)  # GeoJSON repeats the first corner at the end


def _box(edges: Floats) -> Box:
    (west, south), (east, north) = edges[:, :2].min(axis=0), edges[:, :2].max(axis=0)
    return west, south, east, north


def _crossings(edges: Floats, longitude: float, latitude: float) -> int:
    x1, y1, x2, y2 = edges[((edges[:, 1] > latitude) != (edges[:, 3] > latitude))].T
    return int((longitude < x1 + (latitude - y1) * (x2 - x1) / (y2 - y1)).sum())
