"""The epidemic curve of an alert: cases per day (or week) in its areas, as bars that a template draws."""

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from surveillance.alerting.wording import over_days
from surveillance.web import words
from surveillance.web.plane import round_length

WIDTH, HEIGHT = 720.0, 300.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 12.0, 40.0, 48.0
FLOOR = HEIGHT - BOTTOM
BAR_GAP = 0.16
LEAST_DAYS, WINDOWS = 90, 3
LEAST_CASES = 4
MOST_DAILY_BARS = 200


@dataclass(frozen=True, slots=True)
class Bar:
    """Cases from `first` to `last`: `members` of the alert and `others` in the same areas."""

    first: date
    last: date
    members: int
    others: int
    x: float
    width: float
    members_y: float
    members_height: float
    others_y: float
    others_height: float


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """Days marked across the chart."""

    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Epicurve:
    """Everything a template needs to draw the curve and to list it as a table."""

    description: str
    bar_days: int
    width: float
    height: float
    left: float
    right: float
    top: float
    floor: float
    bars: tuple[Bar, ...]
    window: Span
    unsettled: Span | None
    unsettled_days: int
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]


def first_day(start: date, as_of: date) -> date:
    """Where the curve begins: 90 days before its end, or three windows where the cluster is longer."""
    window = (as_of - start).days + 1
    return as_of - timedelta(days=max(LEAST_DAYS, WINDOWS * window) - 1)


@dataclass(frozen=True, slots=True)
class Axes:
    """Days along, cases up: `per_day` and `per_case` are drawing units."""

    first: date
    last: date
    bar_days: int
    per_day: float
    per_case: float

    def at(self, day: date) -> float:
        """Where a day begins; days before the first begin there."""
        return LEFT + max(0, (day - self.first).days) * self.per_day

    def span(self, first: date, last: date) -> Span:
        """Some days, the last included; never so narrow that it cannot be seen."""
        return Span(self.at(first), max(self.at(last + timedelta(days=1)) - self.at(first), 2.0))


def draw_epicurve(
    members: Iterable[date], others: Iterable[date], start: date, end: date, as_of: date, delay_days: float
) -> Epicurve:
    """The curve up to `as_of`, with the days of the cluster (`start` to `end`) marked.

    `delay_days`: how long most reports take; the last so many days are marked as incomplete.
    """
    first = first_day(start, as_of)
    length = (as_of - first).days + 1
    bar_days = 1 if length <= MOST_DAILY_BARS else 7 * math.ceil(length / MOST_DAILY_BARS / 7)
    counted = _count(members, others, first, as_of, bar_days)
    highest = max([LEAST_CASES, *(m + o for _, m, o in counted)])
    axes = Axes(first, as_of, bar_days, (WIDTH - LEFT - RIGHT) / length, (HEIGHT - TOP - BOTTOM) / highest)
    unsettled_days = min(math.ceil(delay_days), length // 2)
    unsettled_from = as_of - timedelta(days=unsettled_days - 1)
    return Epicurve(
        description=_description(counted, first, as_of, start, end),
        bar_days=bar_days,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        floor=FLOOR,
        bars=tuple(_bar(axes, *bar) for bar in counted),
        window=axes.span(start, min(end, as_of)),
        unsettled=axes.span(unsettled_from, as_of) if unsettled_days else None,
        unsettled_days=unsettled_days,
        x_ticks=tuple(Tick(axes.at(day), text) for day, text in _dates(first, as_of)),
        y_ticks=tuple(_counts(highest, axes.per_case)),
    )


def _count(
    members: Iterable[date], others: Iterable[date], first: date, last: date, bar_days: int
) -> list[tuple[date, int, int]]:
    """(first day of the bar, members, others). Bars end on the last day, so the newest one is whole."""

    def bars(days: Iterable[date]) -> Counter[date]:
        back = ((last - day).days // bar_days for day in days if first <= day <= last)
        return Counter(last - timedelta(days=(b + 1) * bar_days - 1) for b in back)

    inside, outside = bars(members), bars(others)
    return [(day, inside[day], outside[day]) for day in sorted(inside.keys() | outside.keys())]


def _bar(axes: Axes, first: date, members: int, others: int) -> Bar:
    last = first + timedelta(days=axes.bar_days - 1)
    span = axes.span(first, last)
    members_height, others_height = members * axes.per_case, others * axes.per_case
    return Bar(
        first=max(first, axes.first),
        last=last,
        members=members,
        others=others,
        x=span.x + BAR_GAP * span.width / 2,
        width=span.width * (1 - BAR_GAP),
        members_y=FLOOR - members_height,
        members_height=members_height,
        others_y=FLOOR - members_height - others_height,
        others_height=others_height,
    )


def _dates(first: date, last: date) -> Iterable[tuple[date, str]]:
    """The first of a month, at most about seven of them; the year where it begins or the axis does."""
    months = (last.year - first.year) * 12 + last.month - first.month
    every = max(1, math.ceil(months / 7))
    shown = False
    for month in range(first.year * 12 + first.month, last.year * 12 + last.month, every):
        day = date(month // 12, month % 12 + 1, 1)
        yield day, f"1 {day:%b %Y}" if not shown or day.month <= every else f"1 {day:%b}"
        shown = True


def _counts(highest: int, per_case: float) -> Iterable[Tick]:
    step = max(1, int(round_length(highest / 3)))
    for value in range(0, highest + 1, step):
        yield Tick(FLOOR - value * per_case, str(value))


def _description(
    counted: Sequence[tuple[date, int, int]], first: date, last: date, start: date, end: date
) -> str:
    members, others = sum(m for _, m, _ in counted), sum(o for _, _, o in counted)
    return (
        f"{words.plural(members, 'case')} of this alert and {words.plural(others, 'other case')} in the same "
        f"areas over {over_days(first, last)}. The cluster: {over_days(start, end)}."
    )
