"""Alerts as GeoJSON (RFC 7946): the areas of each, and the circles of its detectors, in degrees (WGS84)."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

from surveillance.alerting.alert import Alert
from surveillance.detection.cluster import Cluster
from surveillance.geography.area import AreaTable
from surveillance.geography.circle import circle_ring
from surveillance.line_list.duplicates import CountedCase
from surveillance.web.api.models import Answer
from surveillance.web.boundaries import Point, Ring
from surveillance.web.evidence import finite
from surveillance.web.ground import Ground, ground_of
from surveillance.web.members import members_among

Polygon = list[Ring]


class Properties(Answer):
    """What a feature is."""

    kind: Literal["areas", "area", "circle"]
    """All areas of an alert, one of them, or the circle of a detector."""
    alert: str
    use_case: str
    scope: str
    severity: str
    state: str
    place: str | None = None
    """By which place of a case it counts; null: by any."""
    code: str | None = None
    name: str | None = None
    cases: int | None = None
    """Of the alert, in the area, as known now."""
    detector: str | None = None
    radius_km: float | None = None
    observed: int | None = None
    expected: float | None = None
    """Cases that would be usual; null where that was not estimated."""


class Feature(Answer):
    """Areas, one area or a circle."""

    type: Literal["Feature"] = "Feature"
    geometry: dict[str, Any] | None
    """MultiPolygon, Polygon, or MultiPoint where there are no boundaries; null where the areas have no place
    on the globe."""
    properties: Properties


class FeatureCollection(Answer):
    """Features on the map."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: tuple[Feature, ...]


class AlertFeatures(FeatureCollection):
    """A page of alerts on the map."""

    found: int
    """How many alerts the view has."""
    next: str | None
    """The address of the page after this one."""


def features_of_alerts(alerts: Iterable[tuple[Alert, AreaTable]]) -> tuple[Feature, ...]:
    """Per alert its areas as one feature, and its circles."""
    grounds: dict[str, Ground] = {}
    features: list[Feature] = []
    for alert, areas in alerts:
        ground = grounds.setdefault(alert.scope, ground_of(areas))
        whole = _properties(alert, "areas", observed=alert.observed)
        features += [Feature(geometry=_geometry(alert.areas, ground), properties=whole)]
        features += _circles(alert, ground)
    return tuple(features)


def features_of_alert(alert: Alert, areas: AreaTable, cases: Sequence[CountedCase]) -> FeatureCollection:
    """Its areas one by one, with its cases in each by place, and its circles."""
    ground = ground_of(areas)
    counts = Counter((c.case.place, c.case.area) for c in members_among(cases, alert))
    places = dict.fromkeys([c.place for c in alert.clusters] or [place for place, _ in counts])
    features = [
        Feature(
            geometry=_geometry([code], ground),
            properties=_properties(
                alert, "area", place=place, code=code, name=_name(code, areas), cases=counts[place, code]
            ),
        )
        for place in places
        for code in alert.areas
    ]
    return FeatureCollection(features=(*features, *_circles(alert, ground)))


def _properties(alert: Alert, kind: Literal["areas", "area", "circle"], **more: Any) -> Properties:
    named = {name: getattr(alert, name) for name in ("use_case", "scope", "severity")}
    return Properties(kind=kind, alert=alert.id, state=str(alert.state), **named, **more)


def _circles(alert: Alert, ground: Ground) -> Iterator[Feature]:
    for cluster in alert.clusters:
        if cluster.radius_km and cluster.centre in ground.spots and ground.in_degrees:
            yield Feature(geometry=_circle(cluster, ground), properties=_of_cluster(alert, cluster))


def _circle(cluster: Cluster, ground: Ground) -> dict[str, Any]:
    ring = circle_ring(ground.spots[cluster.centre or ""], cluster.radius_km or 0.0, "great_circle")
    return {"type": "Polygon", "coordinates": [ring.round(6).tolist()]}


def _of_cluster(alert: Alert, cluster: Cluster) -> Properties:
    return _properties(
        alert,
        "circle",
        place=cluster.place,
        detector=cluster.detector,
        radius_km=cluster.radius_km,
        observed=cluster.observed,
        expected=finite(cluster.expected),
    )


def _geometry(codes: Iterable[str], ground: Ground) -> dict[str, Any] | None:
    known = [code for code in codes if code in ground.spots]
    if not known or not ground.in_degrees:
        return None
    rings: Mapping[str, tuple[Ring, ...]] = ground.boundaries.rings if ground.boundaries else {}
    if all(code in rings for code in known):
        polygons = [polygon for code in known for polygon in _polygons(rings[code])]
        return {"type": "MultiPolygon", "coordinates": polygons}
    points: list[Point] = [ground.spots[code] for code in known]
    return {"type": "MultiPoint", "coordinates": points}


def _polygons(rings: Sequence[Ring]) -> list[Polygon]:
    """Rings as polygons: one that turns the other way than the first is a hole of the polygon before."""
    found: list[Polygon] = []
    for ring in rings:
        if found and (_turn(ring) > 0) != (_turn(rings[0]) > 0):
            found[-1].append(ring)
        else:
            found.append([ring])
    return [[_turned(ring, outer=i == 0) for i, ring in enumerate(polygon)] for polygon in found]


def _turn(ring: Ring) -> float:
    """Twice the signed area: positive where the ring runs counterclockwise."""
    return sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))


def _turned(ring: Ring, *, outer: bool) -> Ring:
    """Outer rings counterclockwise, holes clockwise, as the standard wants it."""
    return ring if (_turn(ring) > 0) == outer else ring[::-1]


def _name(code: str, areas: AreaTable) -> str:
    return areas.names[areas.index[code]] if code in areas.index else code
