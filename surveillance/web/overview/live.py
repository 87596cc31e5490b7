"""The overview's numbers as known now, to the case: for people who may read cases."""

import math
from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from surveillance.disclosure.calendar import Calendar
from surveillance.disclosure.protection import Bounds
from surveillance.following import SEXES, Counted, days_between
from surveillance.geography.bands import age_bands
from surveillance.web.overview.figures import Figures, Period
from surveillance.web.overview.question import Question, Stratum

MOST_DAILY, MOST_WEEKLY = 62, 800
Mask = npt.NDArray[np.bool_]


def count_live(question: Question, counted: Counted, settled_days: float, today: date) -> Figures:
    """The numbers of a question. `settled_days`: how long most reports take to arrive."""
    chosen = days_between(counted, question.first, question.last) & _of_stratum(counted, question.stratum)
    units = _units(question, counted, chosen)
    step = step_of(question.days)
    spans = list(split(question.first, question.last, step))
    incomplete = today - timedelta(days=math.ceil(settled_days) - 1) if settled_days else None
    return Figures(
        step=step,
        periods=_periods(spans, counted.day[chosen]),
        total=_exact(int(chosen.sum())),
        units=units,
        why_no_units="",
        units_first=question.first,
        units_last=question.last,
        unit_days=question.days,
        by_age=_by_age(question, counted, chosen),
        incomplete_from=incomplete if incomplete and incomplete <= question.last else None,
        of_unit=_of_unit(question, counted, chosen, spans),
    )


def step_of(days: int) -> str:
    """How finely so many days are drawn."""
    if days <= MOST_DAILY:
        return "day"
    return "week" if days <= MOST_WEEKLY else "month"


def split(first: date, last: date, step: str) -> Iterator[tuple[date, date]]:
    """The days, weeks (from Monday) or months between two days; the outer ones may be parts."""
    if step == "day":
        yield from ((day, day) for day in _each_day(first, last))
        return
    calendar = Calendar("week" if step == "week" else "month", 1)
    for number in range(calendar.number(first), calendar.number(last) + 1):
        days = calendar.days(number)
        yield max(days.first, first), min(days.last, last)


def _each_day(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=i) for i in range((last - first).days + 1))


def _exact(count: int) -> Bounds:
    return Bounds(count, count)


def _of_stratum(counted: Counted, stratum: Stratum) -> Mask:
    if stratum.sex is not None:
        of_sex: Mask = counted.sex == SEXES.index(stratum.sex)
        return of_sex
    if stratum.band is not None:
        oldest = stratum.band.last
        of_band: Mask = (counted.age >= stratum.band.first) & (oldest is None or counted.age <= oldest)
        return of_band
    return np.ones(len(counted.day), np.bool_)


def _units(question: Question, counted: Counted, chosen: Mask) -> dict[str, Bounds]:
    per_area = np.bincount(counted.area[chosen], minlength=len(counted.areas))
    per_unit = dict.fromkeys(question.level.units, 0)
    for code, cases in zip(counted.areas, per_area.tolist(), strict=True):
        per_unit[question.level.of_area[code]] += cases
    return {unit: _exact(cases) for unit, cases in per_unit.items()}


def _by_age(question: Question, counted: Counted, chosen: Mask) -> dict[str, Bounds]:
    """Cases of known age by age band."""
    ages = counted.age[chosen]
    bands = age_bands(question.region.inside.measures)
    return {
        band.name: _exact(int(((ages >= band.first) & (band.last is None or ages <= band.last)).sum()))
        for band in bands
    }


def _periods(spans: list[tuple[date, date]], days: npt.NDArray[np.int32]) -> tuple[Period, ...]:
    edges = [first.toordinal() for first, _ in spans] + [spans[-1][1].toordinal() + 1]
    counts, _ = np.histogram(days, bins=edges)
    return tuple(Period(first, last, _exact(int(n))) for (first, last), n in zip(spans, counts, strict=True))


def _of_unit(
    question: Question, counted: Counted, chosen: Mask, spans: list[tuple[date, date]]
) -> tuple[Period, ...]:
    if question.unit is None:
        return ()
    inside = np.array([question.level.of_area[code] == question.unit for code in counted.areas], np.bool_)
    return _periods(spans, counted.day[chosen & inside[counted.area]])
