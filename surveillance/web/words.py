"""Numbers, days and times as people read them. Every time is local, with the name of its zone."""

import math
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Change, State
from surveillance.alerting.wording import on_day

STATES: dict[State, str] = {
    State.CANDIDATE: "Candidate",
    State.OPEN: "Open, nobody has taken it yet",
    State.ACKNOWLEDGED: "Acknowledged",
    State.ASSESSING: "Being assessed",
    State.RESPONDING: "Response under way",
    State.MONITORING: "Being monitored",
    State.NOT_A_CLUSTER: "Assessed: not a cluster",
    State.CLOSED: "Closed",
    State.MERGED: "Merged into another alert",
}

CHANGES: dict[Change, str] = {
    Change.OPENED: "Opened",
    Change.STRENGTHENED: "Strengthened",
    Change.WEAKENED: "Weakened",
    Change.REVISED: "Revised",
    Change.MERGED: "Merged",
    Change.REOPENED: "Reopened",
    Change.ENDED: "No longer found",
    Change.OVERDUE: "Overdue",
    Change.ESCALATED: "Passed on, not acknowledged",
    Change.MOVED: "Moved by a person",
    Change.MEMBERS: "Members changed by a person",
}


def spaced(name: str) -> str:
    """A name from configuration as words: `care_home` -> `care home`."""
    return name.replace("_", " ").replace("-", " ")


def title(name: str) -> str:
    """A name from configuration as the beginning of a line."""
    words = spaced(name)
    return words[:1].upper() + words[1:]


def plural(count: int, one: str, many: str | None = None) -> str:
    """`1 day`, `2 days`, `1,234 days`."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def number(value: float | None) -> str:
    """Three significant digits, without an exponent: `0.043`, `1.3`, `12`, `1,240`."""
    if value is None or math.isnan(value):
        return "not estimated"
    if math.isinf(value):
        return "without limit"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    if abs(value) >= 10:
        return f"{value:.1f}".removesuffix(".0")
    digits = 2 if abs(value) >= 0.1 else 3
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") if abs(value) >= 0.0005 else "under 0.001"


def at_time(moment: datetime, zone: ZoneInfo) -> str:
    """`Sat 22 November 2025, 14:05 GMT`."""
    local = moment.astimezone(zone)
    return f"{local:%a} {on_day(local.date())}, {local:%H:%M} {local.tzname()}"


def duration(length: timedelta) -> str:
    """The largest unit that fits: `3 days`, `5 hours`, `12 minutes`, `under a minute`."""
    seconds = int(abs(length).total_seconds())
    for unit, size in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= (2 * size if unit == "day" else size):
            return plural(seconds // size, unit)
    return "under a minute"


def ago(moment: datetime, now: datetime) -> str:
    """`3 days ago`."""
    return f"{duration(now - moment)} ago"


def due(moment: datetime, now: datetime) -> str:
    """`in 3 hours`, or `overdue by 2 days`."""
    length = duration(moment - now)
    return f"in {length}" if moment >= now else f"overdue by {length}"


def days(value: float | None) -> str:
    """A number of days, `not known` where there is none."""
    if value is None:
        return "not known"
    return f"{number(value)} {'day' if value == 1 else 'days'}"
