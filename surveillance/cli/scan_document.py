"""The answer of `surveillance scan` for machines: JSON that a run can be repeated from, and GeoJSON."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import date
from importlib.metadata import version
from typing import Any

from surveillance.cli.scan_options import ScanOptions
from surveillance.detection.scan.analysis import Analysis, ScanCluster, ScanResult
from surveillance.geography.circle import circle_ring
from surveillance.scan_files.study import ScanInput

Places = Mapping[str, list[float]]  # location -> its coordinates, the eastward one first
_LIKELY_CHANCE = "A cluster is a question, not a finding: it may be chance."


def document(
    options: ScanOptions, analysis: Analysis, given: ScanInput, result: ScanResult
) -> dict[str, Any]:
    """Everything about a run: software, settings, what was read, clusters in order of their statistic.

    A number without limit, such as a relative risk where nothing else was seen, is null.
    """
    places = _places(given)
    told = {
        "software": {"name": "surveillance", "version": version("surveillance")},
        "seed": options.seed,
        "settings": _settings(analysis),
        "files": _files(options, given),
        "study": _study(given, result),
        "clusters": [_cluster(cluster, given, places) for cluster in result.clusters],
    }
    if options.maxima:
        told["replicate_maxima"] = result.maxima.tolist()
    return _plain(told)  # type: ignore[no-any-return]


def _cluster(cluster: ScanCluster, given: ScanInput, places: Places) -> dict[str, Any]:
    """A cluster's numbers; no days where the cases have none."""
    values = asdict(cluster)
    if cluster.centre is not None:
        values = {"centre": values.pop("centre"), **_place(cluster.centre, given, places), **values}
    if not given.dated:
        values |= {"start": None, "end": None}
    return values


def _places(given: ScanInput) -> Places:
    locations = given.study.locations
    return dict(zip(locations.codes, locations.coordinates.tolist(), strict=True))


def _place(code: str, given: ScanInput, places: Places) -> dict[str, float]:
    """The coordinates of a location, under their names."""
    east, north = places[code]
    if given.study.locations.metric == "planar":
        return {"x_km": east, "y_km": north}
    return {"latitude": north, "longitude": east}


def feature_collection(given: ScanInput, result: ScanResult) -> dict[str, Any]:
    """GeoJSON (RFC 7946): each cluster's circle, and a point for each of its locations.

    Where locations are in km on a plane, so are the features, which `coordinates_in` says: GeoJSON itself
    knows degrees only.
    """
    places = _places(given)
    unit = "degrees" if given.study.locations.metric == "great_circle" else "km"
    features = [
        feature
        for rank, cluster in enumerate(result.clusters, 1)
        for feature in _features(rank, cluster, given, places)
    ]
    return _plain(  # type: ignore[no-any-return]
        {"type": "FeatureCollection", "coordinates_in": unit, "note": _LIKELY_CHANCE, "features": features}
    )


def _features(rank: int, cluster: ScanCluster, given: ScanInput, places: Places) -> Iterator[dict[str, Any]]:
    if cluster.centre is None or cluster.radius_km is None:
        return
    x, y = places[cluster.centre]
    geometry: dict[str, Any] = {"type": "Point", "coordinates": [x, y]}
    if cluster.radius_km > 0:
        ring = circle_ring((x, y), cluster.radius_km, given.study.locations.metric)
        geometry = {"type": "Polygon", "coordinates": [ring.tolist()]}
    properties = {"kind": "cluster", "cluster": rank, **_cluster(cluster, given, places)}
    yield {"type": "Feature", "geometry": geometry, "properties": properties}
    for code in cluster.locations:
        yield {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": places[code]},
            "properties": {"kind": "location", "cluster": rank, "location": code},
        }


def _settings(analysis: Analysis) -> dict[str, Any]:
    """Under the names of the options."""
    settings = asdict(analysis)
    settings["analysis"] = settings.pop("span")
    settings["trend"] = "log-linear" if settings.pop("log_linear_trend") else None
    return settings


def _files(options: ScanOptions, given: ScanInput) -> dict[str, Any]:
    paths = asdict(options.files)
    return {
        role: {"path": path, "columns": given.columns.get(role, {})}
        for role, path in paths.items()
        if path is not None
    }


def _study(given: ScanInput, result: ScanResult) -> dict[str, Any]:
    study = given.study
    counted = {
        "start": study.start if given.dated else None,
        "end": study.end if given.dated else None,
        "locations": len(study.locations.codes),
        "coordinates": study.locations.metric,
        "cases": result.cases,
    }
    if study.controls is not None:
        counted["controls"] = int(study.controls.count.sum())
    return {**counted, "left_out": dict(given.left_out)}


def _plain(value: Any) -> Any:
    """Values that JSON can hold."""
    if isinstance(value, dict):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, date):
        return value.isoformat()
    return value if value is None or isinstance(value, str | int | bool) else str(value)
