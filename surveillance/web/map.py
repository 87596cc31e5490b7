"""The map of an alert's areas at one place (residence, incident, ...), as shapes that a template draws."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from surveillance.detection.cluster import Cluster
from surveillance.geography.area import AreaTable
from surveillance.web import words
from surveillance.web.boundaries import Box, Point
from surveillance.web.ground import Ground, ground_of
from surveillance.web.plane import Frame, Plane, frame_around, overlaps, plane_around, round_length

WIDTH, HEIGHT = 720.0, 520.0
LEGEND = (
    ("0", "no more than expected"),
    ("1", "up to twice what was expected"),
    ("2", "2 to 4 times"),
    ("3", "4 to 8 times"),
    ("4", "8 times or more"),
    ("none", "expected count not known"),
)
"""The shades: observed over expected of the strongest cluster that an area is in."""
LABEL_GAP = 22.0
LEAST_TO_NAME = 5
MOST_LISTED = 12


@dataclass(frozen=True, slots=True)
class AreaShape:
    """An area of the alert. `path` is empty where there are no boundaries: then it is drawn as a point.

    `ratio`: observed over expected of the strongest cluster that holds it, None where none gives one.
    """

    code: str
    name: str
    count: int
    ratio: float | None
    shade: str
    path: str
    x: float
    y: float
    labelled: bool


@dataclass(frozen=True, slots=True)
class Label:
    """Text in the drawing."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle in drawing units, with its centre (longitude and latitude) and radius on the ground."""

    x: float
    y: float
    radius: float
    centre: Point
    radius_km: float


@dataclass(frozen=True, slots=True)
class MapDrawing:
    """Everything a template needs to draw the map of one place."""

    place: str
    description: str
    width: float
    height: float
    areas: tuple[AreaShape, ...]
    context: tuple[str, ...]
    context_points: tuple[Point, ...]
    outlines: tuple[str, ...]
    outline_labels: tuple[Label, ...]
    circles: tuple[Circle, ...]
    scale_units: float
    scale_words: str
    elsewhere: int
    live: str | None


def draw_map(
    place: str, clusters: Sequence[Cluster], codes: Sequence[str], counts: Mapping[str, int], areas: AreaTable
) -> MapDrawing | None:
    """The map of the areas `codes`, with `counts` (area code -> cases); None where none can be shown.

    Shaded by observed over expected of the clusters; a count alone says nothing of risk. `elsewhere` counts
    the cases outside them. Every cluster with a centre and a radius gives a circle. `live` is the same for
    a map that can be moved, as JSON; None where there are no boundaries for it.
    """
    ground = ground_of(areas)
    placed = [code for code in codes if code in ground.spots]
    if not placed:
        return None
    scanned = [c for c in clusters if c.radius_km and c.centre in ground.spots]
    frame = _frame(ground, placed, scanned)
    shapes = tuple(_shapes(frame, ground, placed, counts, ratios(clusters)))
    circles = tuple(_circle(frame, ground, cluster) for cluster in scanned)
    nearby = _nearby(frame, ground)
    scale_km = round_length(WIDTH / 4 / frame.units_per_km)
    bounded = ground.boundaries is not None
    return MapDrawing(
        place=place,
        description=_description(place, shapes, scanned),
        width=WIDTH,
        height=HEIGHT,
        areas=shapes,
        context=tuple(_context(frame, ground, placed)),
        context_points=() if bounded else tuple(xy for code, xy in nearby.items() if code not in placed),
        outlines=tuple(_outlines(frame, ground)),
        outline_labels=tuple(_unit_labels(nearby, areas)),
        circles=circles,
        scale_units=scale_km * frame.units_per_km,
        scale_words=f"{words.number(scale_km)} km",
        elsewhere=sum(counts.values()) - sum(shape.count for shape in shapes),
        live=_live(frame, ground, shapes, circles) if bounded else None,
    )


def ratios(clusters: Iterable[Cluster]) -> dict[str, float]:
    """Per area, observed over expected of the strongest cluster that holds it.

    Of the whole cluster: nobody estimated what was expected in one of its areas alone.
    """
    found: dict[str, float] = {}
    for cluster in clusters:
        if cluster.expected is None:
            continue
        ratio = cluster.observed / cluster.expected if cluster.expected > 0 else math.inf
        found |= {code: max(ratio, found.get(code, 0.0)) for code in cluster.areas}
    return found


def _frame(ground: Ground, placed: Iterable[str], scanned: Iterable[Cluster]) -> Frame:
    """A frame in which every area of the alert and every circle is seen whole."""
    x, y = zip(*(ground.spots[code] for code in placed), strict=True)
    plane = plane_around(((min(x) + max(x)) / 2, (min(y) + max(y)) / 2), ground.in_degrees)
    boxes = [_around(plane, *ground.box(code)) for code in placed]
    for cluster in scanned:
        east, north = plane.km(ground.spots[cluster.centre or ""])
        radius = cluster.radius_km or 0.0
        boxes.append((east - radius, north - radius, east + radius, north + radius))
    return frame_around(plane, boxes, WIDTH, HEIGHT)


def _around(plane: Plane, west: float, south: float, east: float, north: float) -> Box:
    return *plane.km((west, south)), *plane.km((east, north))


def _shapes(
    frame: Frame,
    ground: Ground,
    placed: Iterable[str],
    counts: Mapping[str, int],
    ratio_of: Mapping[str, float],
) -> Iterator[AreaShape]:
    """The areas, those with the most cases first; a number is left out where it would hide another."""
    taken: list[Point] = []
    for code in sorted(placed, key=lambda c: (-counts.get(c, 0), c)):
        count, (x, y) = counts.get(code, 0), frame.draw(ground.spots[code])
        labelled = count > 0 and all(abs(x - a) > LABEL_GAP or abs(y - b) > LABEL_GAP for a, b in taken)
        if labelled:
            taken.append((x, y))
        rings = ground.boundaries.rings.get(code, ()) if ground.boundaries else ()
        name, ratio = ground.areas.names[ground.areas.index[code]], ratio_of.get(code)
        yield AreaShape(code, name, count, ratio, shade(ratio), frame.path(rings), x, y, labelled)


def shade(ratio: float | None) -> str:
    """Which step of the legend a ratio belongs to."""
    return "none" if ratio is None else str(sum(ratio > least for least in (1, 2, 4, 8)))


def ratio_words(ratio: float | None) -> str:
    """What a shade says, for people."""
    if ratio is None:
        return "expected count not known"
    return f"in a cluster with {words.number(ratio)} times what was expected"


def _live(frame: Frame, ground: Ground, shapes: Sequence[AreaShape], circles: Sequence[Circle]) -> str:
    """What a script draws on the areas' own boundaries: shades, numbers, circles and the view."""
    west, south, east, north = frame.view
    drawn = {
        "bounds": [round(edge, 5) for edge in (west, south, east, north)],
        "areas": [[a.code, a.shade, a.count, f"{a.name}: {ratio_words(a.ratio)}"] for a in shapes],
        "numbers": [[*ground.spots[a.code], a.count] for a in shapes if a.count],
        "circles": [[*c.centre, c.radius_km] for c in circles],
        "names": [[name.x, name.y, name.text] for name in _unit_labels(ground.spots, ground.areas)],
    }
    return json.dumps(drawn, ensure_ascii=False, separators=(",", ":"))


def _context(frame: Frame, ground: Ground, placed: Sequence[str]) -> Iterator[str]:
    """The other areas in view."""
    if ground.boundaries is not None:
        mine = frozenset(placed)
        for code, box in ground.boundaries.boxes.items():
            if code not in mine and overlaps(box, frame.view):
                yield frame.path(ground.boundaries.rings[code])


def _outlines(frame: Frame, ground: Ground) -> Iterator[str]:
    if ground.boundaries is not None:
        for lines in ground.boundaries.outlines.values():
            yield frame.path(lines, closed=False)


def _nearby(frame: Frame, ground: Ground) -> dict[str, Point]:
    """Where the areas in view are drawn."""
    west, south, east, north = frame.view
    in_view = ((c, xy) for c, xy in ground.spots.items() if west <= xy[0] <= east and south <= xy[1] <= north)
    return {code: frame.draw(xy) for code, xy in in_view}


def _unit_labels(nearby: Mapping[str, Point], areas: AreaTable) -> Iterator[Label]:
    """The names of the local authorities, each in the middle of its areas among those nearby."""
    names = areas.unit_names.get("lad", {})
    drawn: dict[str, list[Point]] = {}
    for code, xy in nearby.items() if names else ():
        drawn.setdefault(areas.units["lad"][areas.index[code]], []).append(xy)
    for unit, spots in drawn.items():
        if len(spots) >= LEAST_TO_NAME:
            x, y = zip(*spots, strict=True)
            yield Label(names.get(unit, unit), sum(x) / len(x), sum(y) / len(y))


def _circle(frame: Frame, ground: Ground, cluster: Cluster) -> Circle:
    radius_km = cluster.radius_km or 0.0
    x, y = frame.draw(ground.spots[cluster.centre or ""])
    return Circle(x, y, radius_km * frame.units_per_km, ground.spots[cluster.centre or ""], radius_km)


def _description(place: str, shapes: Sequence[AreaShape], scanned: Sequence[Cluster]) -> str:
    with_cases = [s for s in shapes if s.count]
    listed = ", ".join(f"{s.name} ({s.count})" for s in with_cases[:MOST_LISTED])
    more = f" and {len(with_cases) - MOST_LISTED} more" if len(with_cases) > MOST_LISTED else ""
    circles = "".join(
        f" The circle of {words.spaced(c.detector)} has a radius of {words.number(c.radius_km)} km."
        for c in scanned
    )
    counted = f"Cases by {words.spaced(place)} in {len(with_cases)} of {words.plural(len(shapes), 'area')}"
    return f"{counted}: {listed}{more}.{circles}" if with_cases else f"{counted}.{circles}"
