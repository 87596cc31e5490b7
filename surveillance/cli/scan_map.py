"""A map picture of a scan: locations, their cases, clusters and a scale."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from surveillance.detection.scan.analysis import Analysis, ScanCluster, ScanResult
from surveillance.geography.circle import circle_ring
from surveillance.scan_files.study import ScanInput
from surveillance.web.plane import Plane, plane_around, round_length

WIDTH_INCHES, HEIGHT_INCHES, DOTS_PER_INCH = 9.0, 8.0, 120
# Colours that people who see colours differently can tell apart (Okabe and Ito 2008); the strongest first.
COLOURS = ("#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
GREY, INK = "#9a9a9a", "#222222"
MOST_DRAWN = 12
USUAL_P = 0.05
LEAST_KM = 1.0
_Points = npt.NDArray[np.float64]


def draw_map(path: Path, given: ScanInput, analysis: Analysis, result: ScanResult) -> None:
    """Writes the picture (.png or .svg, by the name). Same result, same picture."""
    figure = Figure(figsize=(WIDTH_INCHES, HEIGHT_INCHES), layout="constrained")
    axes = figure.subplots()
    plane = _plane(given)
    places = _on(plane, given.study.locations.coordinates)
    cases = np.bincount(given.study.cases.location, given.study.cases.count, len(places))
    _dots(axes, places, s=4, color=GREY, label="location", zorder=1)
    counted = cases > 0
    _dots(
        axes,
        places[counted],
        s=8 * cases[counted],
        color=INK,
        alpha=0.35,
        label="cases (area by their number)",
        zorder=2,
    )
    for rank, cluster in enumerate(result.clusters[:MOST_DRAWN], 1):
        _draw_cluster(axes, rank, cluster, given, plane, places)
    _finish(axes, given, analysis, result)
    with rc_context({"svg.hashsalt": "surveillance", "svg.fonttype": "none"}):
        undated = {"Date": None} if path.suffix.lower() == ".svg" else {}
        figure.savefig(path, dpi=DOTS_PER_INCH, metadata=undated)


def _plane(given: ScanInput) -> Plane:
    coordinates = given.study.locations.coordinates
    middle = (coordinates.min(axis=0) + coordinates.max(axis=0)) / 2
    return plane_around((float(middle[0]), float(middle[1])), given.study.locations.metric == "great_circle")


def _on(plane: Plane, places: _Points) -> _Points:
    """Places -> km east and north of the middle."""
    return np.array([plane.km((x, y)) for x, y in places.tolist()]).reshape(-1, 2)


def _draw_cluster(
    axes: Axes, rank: int, cluster: ScanCluster, given: ScanInput, plane: Plane, places: _Points
) -> None:
    locations = given.study.locations
    colour = COLOURS[(rank - 1) % len(COLOURS)]
    index = {code: position for position, code in enumerate(locations.codes)}
    members = places[[index[code] for code in cluster.locations]]
    _dots(axes, members, s=12, color=colour, label=_label(rank, cluster, given), zorder=3)
    if cluster.centre is None:
        return
    centre = index[cluster.centre]
    x, y = locations.coordinates[centre].tolist()
    if cluster.radius_km:
        ring = _on(plane, circle_ring((x, y), cluster.radius_km, locations.metric))
        weak = cluster.p_value is not None and cluster.p_value > USUAL_P
        axes.plot(
            ring[:, 0], ring[:, 1], color=colour, linewidth=1.6, linestyle="--" if weak else "-", zorder=4
        )
    else:
        _dots(axes, places[[centre]], s=120, color="none", edgecolors=colour, linewidths=1.6, zorder=4)
    axes.annotate(
        str(rank),
        places[centre],
        xytext=(5, 5),
        textcoords="offset points",
        color=colour,
        fontsize=13,
        fontweight="bold",
        zorder=5,
    )


def _dots(axes: Axes, places: _Points, **look: Any) -> None:
    axes.scatter(places[:, 0], places[:, 1], **{"linewidths": 0, **look})


def _label(rank: int, cluster: ScanCluster, given: ScanInput) -> str:
    days = f", {cluster.start} to {cluster.end}" if given.dated else ""
    p = "" if cluster.p_value is None else f", p = {cluster.p_value:.3g}"
    return f"{rank}: {cluster.observed} observed, {cluster.expected:.2f} expected{days}{p}"


def _finish(axes: Axes, given: ScanInput, analysis: Analysis, result: ScanResult) -> None:
    study = given.study
    days = f", {study.start} to {study.end}" if given.dated else ""
    axes.set_title(f"Cases: {result.cases:,}{days}. {analysis.model} scan, {analysis.span}", color=INK)
    axes.set_aspect("equal")
    axes.set_axis_off()
    _draw_scale(axes)
    axes.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.02),
        fontsize=8,
        frameon=False,
        title=f"Each cluster may be chance. Dashed: p above {USUAL_P}",
    )


def _draw_scale(axes: Axes) -> None:
    west, east = axes.get_xlim()
    south, north = axes.get_ylim()
    if east - west < LEAST_KM:  # one location only
        west, east = axes.set_xlim((west + east - LEAST_KM) / 2, (west + east + LEAST_KM) / 2)
    length_km = round_length((east - west) / 4)
    y = south - 0.02 * (north - south)
    axes.plot([west, west + length_km], [y, y], color=INK, linewidth=2)
    axes.annotate(f"{length_km:g} km", (west + length_km / 2, y), ha="center", va="bottom", fontsize=9)
