"""Answers about the line list and its records as JSON."""

from datetime import date, datetime

from surveillance.web.api.models import Answer


class AlertLink(Answer):
    """An alert that a record belongs to."""

    id: str
    state: str


class PairLink(Answer):
    """Another record that may be the same person's event, and what was decided about it."""

    record: str
    """partner/kind/id."""
    state: str


class CaseRow(Answer):
    """A record as a use case sees it now. What you may not see is null."""

    record: str
    """partner/kind/id."""
    record_id: str
    version: int
    partner: str
    counts: bool
    """Whether it is a case."""
    status: str
    """What the partner holds it to be; of one that does not count, why."""
    day: date | None
    """The case day, in the scope's time zone."""
    places: dict[str, str]
    """By place, the name of the area."""
    ages: str
    """The age band."""
    sex: str
    received: datetime | None
    """First receipt."""
    received_words: str
    delay_days: float | None
    """From the start of the case day to first receipt."""
    links: dict[str, int]
    """What links it, by kind."""
    shared: tuple[str, ...] | None
    """The settings that it shares, as type:identifier."""
    alerts: tuple[AlertLink, ...]
    duplicates: tuple[PairLink, ...]


class ReasonRow(Answer):
    """How many records do not count, and why."""

    reason: str
    words: str
    records: int


class Cases(Answer):
    """A page of the line list. Records, not persons: one person may have several."""

    at_words: str
    time_zone: str
    use_case: str
    use_case_title: str
    scopes: tuple[str, ...]
    place: str
    """Where cases are counted."""
    area: str
    """The chosen area; empty where it is all."""
    found: int
    """Rows that meet the filter, counted up to 10,000."""
    found_more: bool
    """Whether there are more than that."""
    rows: tuple[CaseRow, ...]
    reasons: tuple[ReasonRow, ...]
    next: str | None
    """`after` of the next page; null on the last one."""


class FieldChange(Answer):
    """A field that a version changed."""

    field: str
    before: str
    """Empty where it was not given."""
    after: str


class VersionRow(Answer):
    """A version of a record."""

    version: int
    received_at: datetime
    received_words: str
    current_words: str
    """From when until when it was what was known."""
    is_current: bool
    changes: tuple[FieldChange, ...]


class CountRow(Answer):
    """What a use case makes of the record at a place now."""

    use_case: str
    use_case_title: str
    place: str
    area: str
    status: str
    counts: bool


class RecordPage(Answer):
    """One record with all its versions, the newest first."""

    record: str
    partner: str
    partner_title: str
    kind: str
    record_id: str
    at_words: str
    time_zone: str
    counts: tuple[CountRow, ...]
    versions: tuple[VersionRow, ...]
    merged: tuple[str, ...]
    """Records that merges ever connected with it."""
    duplicates: tuple[PairLink, ...]
    alerts: tuple[AlertLink, ...]
