"""The answers about alerts as JSON: every field with its meaning, so that /api/openapi.json tells them.

Version 1. A field may be added without notice; one that changes its meaning or goes is a new version, whose
paths begin with /api/v2. Every answer says which version it is, in the header `API-Version`.
"""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict, Field

VERSION = "1"


class Answer(BaseModel):
    """Read from the objects that the pages are drawn from; what is not named here is not told."""

    model_config = ConfigDict(from_attributes=True, frozen=True, use_attribute_docstrings=True)


class Fault(Answer):
    """What is wrong with one parameter."""

    field: str
    """Its name."""
    problem: str
    """What is wrong with it; never the value that was sent."""


class Problem(Answer):
    """Why there is no answer. One that is out of your scope is like one that does not exist: 404."""

    error: int
    """The status of the answer."""
    faults: tuple[Fault, ...] = ()
    """Parameters to be mended, where that is the reason."""


class Due(Answer):
    """What a person has to do next."""

    what: str
    """Acknowledge or Assess."""
    at: datetime
    """By when."""
    at_words: str
    """The same in the scope's time zone."""
    words: str
    """The same from now: `in 3 hours`, `overdue by 2 days`."""
    overdue: bool


class HistoryRow(Answer):
    """One change of an alert."""

    revision: int
    """Of the alert after the change."""
    change: str
    """Its kind: opened, strengthened, weakened, moved, ..."""
    change_words: str
    at: datetime
    at_words: str
    by: str
    """A person, or `service`."""
    reason: str
    told: bool
    """Whether people were told of it."""
    state: str
    """The state after it, in words."""


class Summary(Answer):
    """An alert as the queue shows it."""

    id: str
    """Stable as long as the alert exists."""
    revision: int
    """Grows by one with every change."""
    use_case: str
    use_case_title: str
    scope: str
    scope_title: str
    time_zone: str
    """IANA name of the zone of its days."""
    severity: str
    """A band of the use case."""
    rank: int
    """Place of the severity among the bands; 0 is the strongest."""
    state: str
    """candidate, open, acknowledged, assessing, responding, monitoring, not_a_cluster, closed or merged."""
    state_words: str
    sentence: str
    """What a lead reads first."""
    observed: int
    """The most cases that one piece of evidence counts."""
    alive: bool
    """Whether the last evaluation still found it."""
    shadow: bool
    """Whether nobody is told, the use case being tried out."""
    start: date
    end: date
    as_of: date
    """The day up to which it was evaluated."""
    opened_at: datetime
    opened_words: str
    changed_at: datetime
    due: Due | None
    owner: str | None
    outcome: str | None
    merged_into: str | None
    """The alert that goes on."""
    last_change: HistoryRow


class Watched(Answer):
    """A use case with where it is evaluated, when and by what."""

    title: str
    scopes: tuple[str, ...]
    looks: str
    detectors: tuple[str, ...]
    shadow: bool


class PartnerRow(Answer):
    """A partner and one kind of record that it sends: how late they run, and whether it is silent."""

    partner: str
    title: str
    sends: str
    last_received_at: datetime | None
    last_words: str
    silent: bool
    silence_words: str
    quiet: bool
    """Fewer records up to the last midnight than its own past would have."""
    quiet_words: str
    median_delay_days: float | None
    """From the case day to receipt, over the last 90 days; null where there are too few."""
    delay_90_percent_days: float | None
    delay_words: str
    covered_since: str


class AlertsPage(Answer):
    """A page of alerts, what is being watched, and how late partners run."""

    at_words: str
    view: str
    page: int
    found: int
    """How many the view holds with these filters."""
    next: str | None
    """The address of the page after this one; null on the last."""
    alerts: tuple[Summary, ...]
    watched: tuple[Watched, ...]
    partners: tuple[PartnerRow, ...]


class Evidence(Answer):
    """What one detector saw, and what it cannot say."""

    title: str
    detector: str
    detector_version: str
    place: str
    """Which place of a case it counts by: residence, incident, ..."""
    where: str
    period: str
    observed: int
    expected: float | None
    """Cases that would be usual; null where that was not estimated."""
    relative_risk: float | None
    """Observed divided by expected; null where not estimated or without limit."""
    p_value: float | None
    """Of the single look, not corrected for looking every day."""
    recurrence_interval_days: float | None
    """Chance alone gives one as strong once in so many days."""
    expected_words: str
    relative_risk_words: str
    p_value_words: str
    chance: str
    limits: tuple[str, ...]
    linked_by: tuple[str, ...]
    """Kinds of what the cases share; never which school or ward."""
    areas: tuple[str, ...]
    """Codes."""
    parameters: dict[str, str]


class Record(Answer):
    """A record at a version, and the partner that sent it."""

    member: str
    """partner/kind/record@version."""
    record_id: str
    version: str
    partner: str


class MemberRow(Answer):
    """Records that are counted as one case."""

    records: tuple[Record, ...]
    day: date | None
    """Null where they are no case in the period now."""
    day_words: str
    places: tuple[str, ...]
    received_words: str
    is_new: bool
    """Received within the last 24 hours."""


class AreaRow(Answer):
    """Cases of the alert in one area, counted by one place."""

    place: str
    code: str
    name: str
    cases: int


class DayRow(Answer):
    """Cases from `first` to `last`, both included."""

    first: date
    last: date
    members: int
    """Of the alert."""
    others: int = Field(serialization_alias="others_in_the_areas")
    """Others in the same areas."""


class AlertPage(Answer):
    """One alert with its evidence, members, areas, daily cases, partners and history, as known now."""

    summary: Summary
    at_words: str
    acknowledge_due: Due | None
    evidence: tuple[Evidence, ...]
    members: tuple[MemberRow, ...]
    areas: tuple[AreaRow, ...]
    cases_per_day: tuple[DayRow, ...]
    partners: tuple[PartnerRow, ...]
    history: tuple[HistoryRow, ...]
    next_steps: tuple[str, ...]
    support_lines: tuple[str, ...]


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


class RowFault(Answer):
    """A rule that a row of a submission breaks. No value of the row stands in it."""

    row: int | None
    """The row, counted from 1 with the header of a table; the place in a list; null: the file as a whole."""
    field: str
    """`Your column (field of the event)`, or the field alone."""
    code: str
    """The kind of rule, as the published contract lists them."""
    rule: str
    """What holds for the field."""
    fix: str
    """What to do."""


class SubmissionRefused(Answer):
    """Nothing of it was accepted: every fault of every row."""

    error: int
    """The status of the answer."""
    rows: int
    """How many rows were looked at."""
    bad_rows: int
    """How many of them would be refused."""
    faults: tuple[RowFault, ...]
    left_out: int
    """How many more faults there are than are told here."""


class Submission(Answer):
    """A submission that was accepted whole. Sending it again changes nothing."""

    id: str
    """By which to ask for its state."""
    state: str
    """`published`: the broker has acknowledged every record. `pending`: on our disk until it does."""
    records: int
    ids: tuple[str, ...]
    """record@version of its first thousand records; empty where only the state was asked for."""
