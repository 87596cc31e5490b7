"""The funnel as a template draws it: expected cases along, observed over expected up."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import log

from surveillance.rates.funnel import Limits, Standing
from surveillance.web import words
from surveillance.web.overview.comparison import Comparison, Unit

WIDTH, HEIGHT = 720.0, 420.0
LEFT, RIGHT, TOP, BOTTOM = 56.0, 92.0, 16.0, 56.0
FLOOR = HEIGHT - BOTTOM
LEAST_TOP, MOST_TOP = 2.0, 8.0
ROUND = (1, 2, 5)
NAME_GAP = 14.0


# Each standing has a shape of its own beside its colour, as an SVG path around a point.
CIRCLE = "M{x:.1f} {y:.1f}m-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0-7.2 0z"
SHAPES = {
    Standing.UNKNOWN: CIRCLE,
    Standing.WITHIN: CIRCLE,
    Standing.LOWER: "M{x:.1f} {y:.1f}m0 5l5.5-9.5h-11z",
    Standing.HIGHER: "M{x:.1f} {y:.1f}m0-5l5.5 9.5h-11z",
    Standing.FAR_LOWER: "M{x:.1f} {y:.1f}m0 6.5l7-12.5h-14z",
    Standing.FAR_HIGHER: "M{x:.1f} {y:.1f}m0-6.5l7 12.5h-14z",
}


def shape_at(standing: Standing, x: float = 0.0, y: float = 0.0) -> str:
    """The mark of a standing at a point."""
    return SHAPES[standing].format(x=x, y=y)


@dataclass(frozen=True, slots=True)
class Mark:
    """All units of one standing, as one path."""

    kind: str
    path: str


@dataclass(frozen=True, slots=True)
class Line:
    """A limit as an SVG path, and its name where it ends."""

    kind: str
    path: str
    name: str
    y: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Funnel:
    """Everything that a template needs to draw the funnel."""

    width: float
    height: float
    left: float
    right: float
    top: float
    floor: float
    even: float
    marks: tuple[Mark, ...]
    ring: tuple[float, float] | None
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    above: int


class _Plane:
    """Expected cases on a logarithmic scale, ratios on a plain one."""

    def __init__(self, low: float, high: float, top: float) -> None:
        self._low, self._span, self._top = log(low), log(high) - log(low), top

    def x(self, expected: float) -> float:
        return LEFT + (log(expected) - self._low) / self._span * (WIDTH - LEFT - RIGHT)

    def y(self, ratio: float) -> float:
        return FLOOR - min(ratio, self._top) / self._top * (FLOOR - TOP)


def draw_funnel(comparison: Comparison, chosen: str | None) -> Funnel | None:
    """The funnel of a comparison; None where nothing is expected of any unit."""
    units = [unit for unit in comparison.units if unit.expected and unit.ratio]
    if not units or not comparison.curve:
        return None
    ratios = [unit.ratio.value for unit in units if unit.ratio]
    top = min(MOST_TOP, max(LEAST_TOP, max(ratios) * 1.08))
    low, high = comparison.curve[0].expected, comparison.curve[-1].expected
    plane = _Plane(low, high, top)
    return Funnel(
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        floor=FLOOR,
        even=plane.y(1.0),
        marks=tuple(_marks(plane, units)),
        ring=_ring(plane, units, chosen),
        lines=tuple(_lines(plane, comparison.curve)),
        x_ticks=tuple(Tick(plane.x(value), words.number(value)) for value in _round_values(low, high)),
        y_ticks=tuple(Tick(plane.y(value), words.number(value)) for value in _ratios(top)),
        above=sum(1 for ratio in ratios if ratio > top),
    )


def _marks(plane: _Plane, units: Sequence[Unit]) -> Iterator[Mark]:
    """Those within the limits first, so that the others lie on top of them."""
    for standing in SHAPES:
        at = [_spot(plane, unit) for unit in units if unit.standing is standing]
        if at:
            yield Mark(standing.value, "".join(shape_at(standing, x, y) for x, y in at))


def _ring(plane: _Plane, units: Sequence[Unit], chosen: str | None) -> tuple[float, float] | None:
    return next((_spot(plane, unit) for unit in units if unit.code == chosen), None)


def _spot(plane: _Plane, unit: Unit) -> tuple[float, float]:
    return plane.x(unit.expected or 1.0), plane.y(unit.ratio.value if unit.ratio else 0.0)


def _lines(plane: _Plane, curve: Sequence[Limits]) -> Iterator[Line]:
    above = -NAME_GAP
    for kind, name, field in (
        ("outer", "99.8 %", "far_high"),
        ("inner", "95 %", "high"),
        ("inner", "95 %", "low"),
        ("outer", "99.8 %", "far_low"),
    ):
        ends = [(plane.x(one.expected), plane.y(getattr(one, field))) for one in curve]
        y = ends[-1][1]
        named = name if y - above >= NAME_GAP else ""  # two names at one height cannot be read
        above = y if named else above
        yield Line(kind, "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in ends), named, y)


def _round_values(low: float, high: float) -> Iterator[float]:
    """At most about eight of 1, 2, 5, 10, 20, ... between two numbers."""
    values = [step * 10.0**power for power in range(-3, 7) for step in ROUND]
    inside = [value for value in values if low <= value <= high]
    yield from inside if len(inside) <= 8 else [v for v in inside if f"{v:g}".lstrip("0.")[0] == "1"]


def _ratios(top: float) -> Iterator[float]:
    step = 0.5 if top <= 3 else 1.0
    value = 0.0
    while value <= top:
        yield value
        value += step
