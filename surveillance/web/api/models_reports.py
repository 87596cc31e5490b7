"""Answers about reports as JSON."""

from datetime import date

from surveillance.web.api.models import Answer


class PeriodCount(Answer):
    """Cases of one week; of one published period where you may not see small numbers."""

    first: date
    """Its first day."""
    words: str
    cases: str
    """A number; as published: to the nearest five, or `0-7`."""


class AlertOfWeek(Answer):
    """An alert that changed in the week."""

    id: str
    severity: str
    state: str
    changes: tuple[str, ...]
    """Empty where you may not see small numbers."""
    sentence: str
    """Empty where you may not see small numbers."""


class WeeklyReport(Answer):
    """The report of a week, in words."""

    use_case: str
    use_case_title: str
    scope: str
    scope_title: str
    week: str
    """Of the ISO calendar, such as 2025-W07."""
    days: str
    made_at: str
    time_zone: str
    full: bool
    """Whether small numbers are told."""
    sentence: str
    usual: str
    """What the same weeks of earlier years had, where there are enough of them."""
    counts: tuple[PeriodCount, ...]
    """The newest first."""
    alerts: tuple[AlertOfWeek, ...] | None
    """Null where you may not know of alerts."""
    opened: int
    closed: int
    unknown: tuple[str, ...]
    methods: tuple[str, ...]
    handling: str
    readers: str
    support_lines: tuple[str, ...]
