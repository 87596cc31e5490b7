"""Numbers that answer a question, whether counted live or read from releases: each with its bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from surveillance.disclosure.protection import Bounds


@dataclass(frozen=True, slots=True)
class Period:
    """Cases of some days. The bounds are one number where the count is live."""

    first: date
    last: date
    cases: Bounds


@dataclass(frozen=True)
class Figures:
    """What answers a question.

    periods: the time line. total: cases of all of it. units: unit -> cases of `unit_days` days between
    `units_first` and `units_last`; None where they are not to be had, and `why_no_units` says why. by_age:
    cases by age band over those days, None where it is not known. incomplete_from: the first day of which
    reports are still missing. of_unit: the time line of the unit that is looked at more closely.
    """

    step: str
    periods: tuple[Period, ...]
    total: Bounds
    units: Mapping[str, Bounds] | None
    why_no_units: str
    units_first: date
    units_last: date
    unit_days: int
    by_age: Mapping[str, Bounds] | None
    notes: tuple[str, ...] = ()
    incomplete_from: date | None = None
    of_unit: tuple[Period, ...] = field(default=())


def sum_of(parts: Mapping[str, Bounds]) -> Bounds:
    """What the sum of separate counts can be."""
    return Bounds(sum(p.low for p in parts.values()), sum(p.high for p in parts.values()))
