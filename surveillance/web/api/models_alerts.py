"""Answers about alerts as JSON."""

from datetime import date, datetime

from pydantic import Field

from surveillance.web.api.models import Answer


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
