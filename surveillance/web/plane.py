"""From places on the earth to a drawing: kilometres around a centre, then units of the drawing."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from surveillance.geography.distance import EARTH_RADIUS_KM
from surveillance.web.boundaries import Box, Point, Ring

KM_PER_DEGREE = math.pi * EARTH_RADIUS_KM / 180.0


@dataclass(frozen=True, slots=True)
class Plane:
    """Local equirectangular projection around a centre (degrees): good to 0.1 % within 100 km.

    Where an area file has only a plane of its own, `scale_x` and `scale_y` (km per unit) are 1.
    """

    centre: Point
    scale_x: float
    scale_y: float

    def km(self, point: Point) -> Point:
        """Place -> km east and north of the centre."""
        return (point[0] - self.centre[0]) * self.scale_x, (point[1] - self.centre[1]) * self.scale_y

    def place(self, east_km: float, north_km: float) -> Point:
        """Km east and north of the centre -> place."""
        return self.centre[0] + east_km / self.scale_x, self.centre[1] + north_km / self.scale_y


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of a plane that is drawn: `width` x `height` drawing units, y pointing down."""

    plane: Plane
    middle_km: Point
    units_per_km: float
    width: float
    height: float

    def draw(self, place: Point) -> Point:
        """Place -> position in the drawing."""
        east, north = self.plane.km(place)
        return (
            self.width / 2 + (east - self.middle_km[0]) * self.units_per_km,
            self.height / 2 - (north - self.middle_km[1]) * self.units_per_km,
        )

    def path(self, rings: Iterable[Ring], closed: bool = True) -> str:
        """Rings -> the `d` of an SVG path."""
        lines = ("L".join(f"{x:.1f} {y:.1f}" for x, y in map(self.draw, ring)) for ring in rings)
        return "".join(f"M{line}{'Z' if closed else ''}" for line in lines)

    @property
    def view(self) -> Box:
        """West, south, east and north of what is drawn."""
        half_east = self.width / 2 / self.units_per_km
        half_north = self.height / 2 / self.units_per_km
        west, south = self.plane.place(self.middle_km[0] - half_east, self.middle_km[1] - half_north)
        east, north = self.plane.place(self.middle_km[0] + half_east, self.middle_km[1] + half_north)
        return west, south, east, north


def plane_around(centre: Point, in_degrees: bool) -> Plane:
    """A plane whose kilometres are true near the centre."""
    if not in_degrees:
        return Plane(centre, 1.0, 1.0)
    return Plane(centre, KM_PER_DEGREE * math.cos(math.radians(centre[1])), KM_PER_DEGREE)


def frame_around(
    plane: Plane, boxes_km: Iterable[Box], width: float, height: float, least_km: float = 4.0
) -> Frame:
    """A frame that shows every box (km on the plane) with a margin, and at least `least_km` across."""
    west, south, east, north = zip(*boxes_km, strict=True)
    middle = ((min(west) + max(east)) / 2, (min(south) + max(north)) / 2)
    wide = max((max(east) - min(west)) * 1.3, least_km)
    high = max((max(north) - min(south)) * 1.3, least_km * height / width)
    return Frame(plane, middle, min(width / wide, height / high), width, height)


def overlaps(one: Box, other: Box) -> bool:
    """Whether two boxes share a point."""
    return one[0] <= other[2] and other[0] <= one[2] and one[1] <= other[3] and other[1] <= one[3]


def round_length(at_most: float) -> float:
    """The largest of 1, 2, 5, 10, ... (or a tenth, ...) that is not longer than `at_most`."""
    power = 10.0 ** math.floor(math.log10(at_most))
    return next(step * power for step in (5, 2, 1) if step * power <= at_most * (1 + 1e-9))
