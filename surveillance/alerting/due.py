"""When an alert must be acknowledged and assessed, and which alerts are late.

Targets: acknowledged within 4 working hours, assessed within 24 hours of being opened.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.finding import SERVICE

ACKNOWLEDGE_WORKING_HOURS = 4.0
ASSESS_HOURS = 24.0
_SATURDAY = 5


@dataclass(frozen=True)
class WorkingTime:
    """When people work: Monday to Friday between two hours in a time zone, but not on bank holidays."""

    zone: ZoneInfo
    bank_holidays: frozenset[date] = frozenset()
    opens: time = time(9)
    closes: time = time(17)

    def hours_of(self, day: date) -> tuple[datetime, datetime] | None:
        """Start and end (UTC) of the work on a day, None where nobody works."""
        if day.weekday() >= _SATURDAY or day in self.bank_holidays:
            return None
        # In UTC, so that a change of the clocks between the two neither adds nor loses an hour.
        return (
            datetime.combine(day, self.opens, self.zone).astimezone(UTC),
            datetime.combine(day, self.closes, self.zone).astimezone(UTC),
        )


def add_working_hours(start: datetime, hours: float, working: WorkingTime) -> datetime:
    """The moment (UTC) at which so many working hours have passed since `start` (aware)."""
    left = timedelta(hours=hours)
    now = start.astimezone(UTC)
    day = start.astimezone(working.zone).date()
    while True:
        span = working.hours_of(day)
        if span is not None:
            begins, ends = max(now, span[0]), span[1]
            if begins + left <= ends:
                return begins + left
            left -= max(ends - begins, timedelta())
        day += timedelta(days=1)


def with_due_times(change: AlertChange, working: WorkingTime) -> AlertChange:
    """The change, with due times where it leaves an open alert without: opened, reopened, or no candidate
    any more. They count from the change."""
    alert = change.alert
    if alert.state is not State.OPEN or alert.acknowledge_due is not None:
        return change
    due = replace(
        alert,
        acknowledge_due=add_working_hours(change.at, ACKNOWLEDGE_WORKING_HOURS, working),
        assess_due=change.at + timedelta(hours=ASSESS_HOURS),
    )
    return replace(change, alert=due)


# What a person owes next in a state, and the field with its time.
_NEXT = {
    State.CANDIDATE: ("Acknowledge", "acknowledge_due"),
    State.OPEN: ("Acknowledge", "acknowledge_due"),
    State.ACKNOWLEDGED: ("Assess", "assess_due"),
    State.ASSESSING: ("Assess", "assess_due"),
}


def next_due(alert: Alert) -> tuple[str, datetime] | None:
    """What a person has to do next and by when; None where nothing is due."""
    what, field = _NEXT.get(alert.state, ("", "acknowledge_due"))
    due: datetime | None = getattr(alert, field)
    return (what, due) if what and due is not None else None


def what_is_due(state: State) -> str:
    """What a person has to do next with an alert of this state; empty where nothing."""
    return _NEXT[state][0] if state in _NEXT else ""


# What is due: the field with its time, the states in which it has not happened, and how that reads.
_TARGETS = (
    ("acknowledge_due", frozenset({State.OPEN}), "not acknowledged"),
    ("assess_due", frozenset({State.OPEN, State.ACKNOWLEDGED, State.ASSESSING}), "not assessed"),
)


def overdue(alert: Alert, marked: Collection[str], at: datetime) -> AlertChange | None:
    """The change that marks an alert as late, or None where it is in time or marked already.

    `marked` holds the reasons of the alert's earlier `overdue` changes. A reason names the due time, so
    every target that is missed is marked once, and again only after the alert was reopened.
    """
    missed = [reason for reason in _missed(alert, at) if reason not in marked]
    if not missed:
        return None
    after = replace(alert, revision=alert.revision + 1, changed_at=at)
    return AlertChange(Change.OVERDUE, after, at, SERVICE, missed[0], told=True)


def is_late(alert: Alert, at: datetime) -> bool:
    """Whether an alert misses a target now."""
    return any(True for _ in _missed(alert, at))


def missed_acknowledging(alert: Alert) -> str | None:
    """How a missed acknowledgement reads; None where the alert has no such target."""
    field, _, words = _TARGETS[0]
    due: datetime | None = getattr(alert, field)
    return None if due is None else _in_words(words, due)


def _missed(alert: Alert, at: datetime) -> Iterable[str]:
    for field, states, words in _TARGETS:
        due: datetime | None = getattr(alert, field)
        if alert.state in states and due is not None and at > due:
            yield _in_words(words, due)


def _in_words(words: str, due: datetime) -> str:
    return f"{words} by {due.astimezone(UTC).isoformat(timespec='minutes')}"
