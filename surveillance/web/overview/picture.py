"""The funnel as a template draws it: expected cases along, observed over expected up."""

from collections.abc import Iterable, Iterator, Sequence
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


@dataclass(frozen=True, slots=True)
class Point:
    """A unit in the funnel. `mark` is its standing: each has a shape of its own."""

    x: float
    y: float
    mark: str
    title: str
    chosen: bool


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
    points: tuple[Point, ...]
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
        points=tuple(_points(plane, units, chosen)),
        lines=tuple(_lines(plane, comparison.curve)),
        x_ticks=tuple(Tick(plane.x(value), words.number(value)) for value in _round_values(low, high)),
        y_ticks=tuple(Tick(plane.y(value), words.number(value)) for value in _ratios(top)),
        above=sum(1 for ratio in ratios if ratio > top),
    )


def _points(plane: _Plane, units: Iterable[Unit], chosen: str | None) -> Iterator[Point]:
    """Those within the limits first, so that the others lie on top of them."""
    for unit in sorted(units, key=lambda u: (u.code == chosen, u.standing is not Standing.WITHIN)):
        if unit.expected and unit.ratio:
            at = plane.x(unit.expected), plane.y(unit.ratio.value)
            yield Point(*at, unit.standing.value, unit.name, unit.code == chosen)


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
