"""The areas of a table as a map needs them: where each lies, and its boundary where there is one."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from surveillance.geography.area import AreaTable
from surveillance.web.boundaries import Boundaries, Box, Point, load_boundaries


@dataclass(frozen=True, eq=False)
class Ground:
    """`spots`: area code -> its centroid, in degrees, or in km where the table has only its own plane."""

    areas: AreaTable
    spots: Mapping[str, Point]
    in_degrees: bool
    boundaries: Boundaries | None

    def box(self, code: str) -> Box:
        """West, south, east and north of an area: of its boundary, or of its centroid."""
        if self.boundaries is not None and code in self.boundaries.boxes:
            return self.boundaries.boxes[code]
        return *self.spots[code], *self.spots[code]


@lru_cache(maxsize=32)
def ground_of(areas: AreaTable) -> Ground:
    """Where the areas of a table lie."""
    degrees = np.stack([areas.longitude, areas.latitude], axis=1)
    in_degrees = bool(np.isfinite(degrees).all())
    places = degrees if in_degrees else areas.coordinates
    spots = {code: (float(x), float(y)) for code, (x, y) in zip(areas.codes, places, strict=True)}
    file = areas.boundaries if in_degrees else None
    return Ground(areas, spots, in_degrees, None if file is None else load_boundaries(file))
