"""Periods and blocks: the fixed spans of days that releases count, and when each is published."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal, NamedTuple

PeriodLength = Literal["week", "month", "quarter"]
MONTHS = {"month": 1, "quarter": 3}


class Days(NamedTuple):
    """From `first` to `last`, both included."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Calendar:
    """Periods of one length, and blocks of so many of them.

    Weeks begin on Mondays. Months and quarters are those of the calendar; twelve months are its year.
    """

    period: PeriodLength
    block_periods: int

    def number(self, day: date) -> int:
        """The number of the period that a day lies in."""
        if self.period == "week":
            return (day.toordinal() - 1) // 7  # 1 January of the year 1 is a Monday
        return (day.year * 12 + day.month - 1) // MONTHS[self.period]

    def days(self, number: int) -> Days:
        """The days of a period."""
        return Days(self._first(number), self._first(number + 1) - timedelta(days=1))

    def block(self, number: int) -> range:
        """The numbers of the periods of the block that a period belongs to."""
        first = number - number % self.block_periods
        return range(first, first + self.block_periods)

    def block_days(self, number: int) -> Days:
        """The days of the block that a period belongs to."""
        block = self.block(number)
        return Days(self._first(block.start), self._first(block.stop) - timedelta(days=1))

    def first_whole_block(self, since: date) -> int:
        """The number of the first period of the first block that begins on a day or later."""
        number = self.number(since)
        block = self.block(number)
        return block.start if self._first(block.start) >= since else block.stop

    def complete(self, first: int, on: date, delay_days: int) -> Iterator[int]:
        """The periods from `first` on that may be published on a day: whose release day has come."""
        number = first
        while self.release_day(number, delay_days) <= on:
            yield number
            number += 1

    def release_day(self, number: int, delay_days: int) -> date:
        """The first Monday after a period on which reports have had so many days to arrive."""
        settled = self.days(number).last + timedelta(days=1 + delay_days)
        return settled + timedelta(days=-settled.weekday() % 7)

    def _first(self, number: int) -> date:
        if self.period == "week":
            return date.fromordinal(number * 7 + 1)
        month = number * MONTHS[self.period]
        return date(month // 12, month % 12 + 1, 1)
