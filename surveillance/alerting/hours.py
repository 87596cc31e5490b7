"""A receiver's hours: at work or not, left alone or not, who is on call, and when that changes.

Every function takes `at` (aware) and reads the clock on the wall of the receiver's time zone, so that a
change of the clocks neither opens early nor ends a night late. What is returned is UTC.
"""

from collections.abc import Collection
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from surveillance.use_case.receiver import WEEKDAYS, OnCall, QuietHours, Receiver, WorkingHours

_LONGEST_AWAY_DAYS = 366


def zone_of(receiver: Receiver) -> ZoneInfo:
    """The receiver's time zone; UTC where it has no hours that would need one."""
    return ZoneInfo(receiver.time_zone or "UTC")


def away_until(receiver: Receiver, at: datetime, days_off: Collection[date] = ()) -> datetime | None:
    """When the receiver's working hours begin next; None where it is at work, or always is."""
    hours = receiver.working_hours
    if hours is None:
        return None
    zone = zone_of(receiver)
    today = at.astimezone(zone).date()
    for ahead in range(_LONGEST_AWAY_DAYS):
        day = today + timedelta(days=ahead)
        if not _works(hours, day, days_off) or at >= _moment(day, hours.closes, zone):
            continue
        opens = _moment(day, hours.opens, zone)
        return None if at >= opens else opens
    return None  # days off for a year: better told at once than never


def quiet_until(quiet: QuietHours | None, zone: ZoneInfo, at: datetime) -> datetime | None:
    """When the quiet hours that hold now end; None where none do."""
    if quiet is None:
        return None
    today = at.astimezone(zone).date()
    for begun in (today - timedelta(days=1), today):
        ended = begun if quiet.begins < quiet.ends else begun + timedelta(days=1)
        ends = _moment(ended, quiet.ends, zone)
        if _moment(begun, quiet.begins, zone) <= at < ends:
            return ends
    return None


def on_call(receiver: Receiver, at: datetime) -> tuple[str, ...]:
    """Who is on call for the receiver, in the order in which they are called: the first entry for the day."""
    today = at.astimezone(zone_of(receiver)).date()
    return next((entry.receivers for entry in receiver.on_call if _is_for(entry, today)), ())


def _works(hours: WorkingHours, day: date, days_off: Collection[date]) -> bool:
    return WEEKDAYS[day.weekday()] in hours.days and day not in days_off


def _is_for(entry: OnCall, day: date) -> bool:
    return (
        (not entry.days or WEEKDAYS[day.weekday()] in entry.days)
        and (entry.first is None or entry.first <= day)
        and (entry.last is None or day <= entry.last)
    )


def _moment(day: date, clock: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, clock, zone).astimezone(UTC)
