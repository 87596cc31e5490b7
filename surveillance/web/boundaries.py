"""Boundaries of areas from GeoJSON, and the outlines of the local authorities that they make up."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from surveillance.geography.boundaries import reading_geojson

Point = tuple[float, float]
Ring = tuple[Point, ...]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Boundaries:
    """`rings`: area code -> its rings (longitude, latitude; closed). `outlines`: unit name -> its lines.

    `boxes`: area code -> west, south, east, north.
    """

    rings: Mapping[str, tuple[Ring, ...]]
    boxes: Mapping[str, Box]
    outlines: Mapping[str, tuple[Ring, ...]]


@lru_cache(maxsize=8)
def load_boundaries(path: Path, unit: str = "lad_name") -> Boundaries:
    """Read a FeatureCollection with the property `code` and, for outlines, the name of a higher unit.

    Raises ConfigError.
    """
    with reading_geojson(path):
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        rings = {str(f["properties"]["code"]): tuple(_rings(f["geometry"])) for f in features}
        members: defaultdict[str, list[Ring]] = defaultdict(list)
        for feature in features:
            if name := feature["properties"].get(unit):
                members[name].extend(rings[str(feature["properties"]["code"])])
        outlines = {str(name): tuple(outline(of_unit)) for name, of_unit in members.items()}
        return Boundaries(rings, {code: box(of_area) for code, of_area in rings.items()}, outlines)


def box(rings: Iterable[Ring]) -> Box:
    """West, south, east and north of some rings."""
    x, y = zip(*(point for ring in rings for point in ring), strict=True)
    return min(x), min(y), max(x), max(y)


def outline(rings: Iterable[Ring]) -> Iterator[Ring]:
    """The outer lines of areas that share their edges: the edges that only one of them has, joined."""
    uses = Counter(frozenset(edge) for ring in rings for edge in pairwise(ring))
    next_to: defaultdict[Point, set[Point]] = defaultdict(set)
    for edge, count in uses.items():
        if count == 1 and len(edge) == 2:
            start, end = sorted(edge)
            next_to[start].add(end)
            next_to[end].add(start)
    while next_to:
        yield _walk(next_to)


def _walk(next_to: dict[Point, set[Point]]) -> Ring:
    """One line along the remaining edges, which it uses up; it starts at the smallest point."""
    line = [min(next_to)]
    while line[-1] in next_to:
        here = line[-1]
        there = min(next_to[here])
        for one, other in ((here, there), (there, here)):
            next_to[one].discard(other)
            if not next_to[one]:
                del next_to[one]
        line.append(there)
    return tuple(line)


def _rings(geometry: Mapping[str, Any]) -> Iterator[Ring]:
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    for polygon in polygons:
        for ring in polygon:
            yield tuple((float(point[0]), float(point[1])) for point in ring)
