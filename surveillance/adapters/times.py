"""Times of HL7 v2 (TS, DTM) and of FHIR (date, dateTime): as exact as they were written."""

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

_TIME = re.compile(
    r"(\d{4})(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:(\d\d)(?:\.\d{1,6})?)?)?)?)?)?([+-]\d{4})?", re.ASCII
)


class NotATime(ValueError):
    """A text is no time of the calendar; it is not repeated."""


@dataclass(frozen=True)
class Span:
    """From the first moment that a text can mean to the last: a second, a minute, a day, a month, a year."""

    first: datetime
    last: datetime

    @property
    def is_day(self) -> bool:
        """Known to the day at least."""
        return self.first.date() == self.last.date()

    @property
    def is_whole_day(self) -> bool:
        """Known to no hour."""
        return self.last - self.first > timedelta(hours=1)


def read_hl7_span(text: str, zone: ZoneInfo) -> Span | None:
    """The moments that a text means; None for an empty one. Raises NotATime."""
    if not text.strip():
        return None
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise NotATime("is no time such as 20240301143000")
    year, month, day, hour, minute, second, offset = found.groups()
    try:
        tz = datetime.strptime(offset, "%z").tzinfo if offset else zone
        first_day = date(int(year), int(month or 1), int(day or 1))
        last_month = int(month or 12)
        last_day = date(int(year), last_month, int(day or monthrange(int(year), last_month)[1]))
        start = time(int(hour or 0), int(minute or 0), int(second or 0))
        end = time(int(hour or 23), int(minute or 59), int(second or 59))
    except (ValueError, OverflowError):
        raise NotATime("is no time of the calendar") from None
    return Span(datetime.combine(first_day, start, tz), datetime.combine(last_day, end, tz))


def read_fhir_span(text: str, zone: ZoneInfo) -> Span | None:
    """The moments that a date, dateTime or instant means; None for an empty one. Raises NotATime."""
    if "T" not in text:
        return read_hl7_span(text.replace("-", ""), zone)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise NotATime("is no time of the calendar") from None
    if moment.tzinfo is None:
        raise NotATime("a time needs its offset from UTC")
    return Span(moment, moment)
