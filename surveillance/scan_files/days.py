"""Days as the files of a scan write them: to the day, the month or the year.

Where a text is less precise than a day, SaTScan takes the first day of the month or year for a case or a
control, and for a population the middle of it: the 15th of a month, the first of July (User Guide 10.3,
"Population file"). So does this.
"""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from typing import Literal

Precision = Literal["day", "month", "year"]

FORMS = "write YYYY-MM-DD, YYYY/MM/DD, YYYY-MM or YYYY"
_YEAR_FIRST = re.compile(r"([0-9]{4})(?:([-/.])([0-9]{1,2})(?:\2([0-9]{1,2}))?)?")
_YEAR_LAST = re.compile(r"(?:([0-9]{1,2})[-/.])?([0-9]{1,2})[-/.]([0-9]{4})")


@dataclass(frozen=True, slots=True)
class Moment:
    """A day, month or year: its first and last day."""

    first: date
    last: date
    precision: Precision

    @property
    def middle(self) -> date:
        """The day that a population of this moment is of."""
        return {
            "day": self.first,
            "month": self.first.replace(day=15),
            "year": self.first.replace(month=7),
        }[self.precision]


def read_moment(text: str, american: bool = False) -> Moment:
    """The moment that a text means. `american`: also MM/DD/YYYY and MM/YYYY, which SaTScan's files may hold.

    Raises ValueError with the words for a person.
    """
    found = _YEAR_FIRST.fullmatch(text)
    if found:
        year, _, month, day = found.groups()
    elif american and (found := _YEAR_LAST.fullmatch(text)):
        before, last, year = found.groups()
        month, day = (last, None) if before is None else (before, last)
    else:
        raise ValueError(f"is not a day; {FORMS}")
    try:
        return _moment(int(year), month, day)
    except ValueError:
        raise ValueError(f"is no day of the calendar; {FORMS}") from None


def _moment(year: int, month: str | None, day: str | None) -> Moment:
    if month is None:
        return Moment(date(year, 1, 1), date(year, 12, 31), "year")
    first = date(year, int(month), 1)
    if day is None:
        return Moment(first, first.replace(day=monthrange(year, first.month)[1]), "month")
    exact = first.replace(day=int(day))
    return Moment(exact, exact, "day")
