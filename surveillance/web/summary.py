"""One alert in words, and what is being watched."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from surveillance.alerting import due
from surveillance.alerting.alert import Alert, AlertChange, State
from surveillance.store.queue import Step
from surveillance.use_case.model import UseCase
from surveillance.web import words
from surveillance.web.source import AlertSource

FINISHED = frozenset({State.NOT_A_CLUSTER, State.CLOSED, State.MERGED})

LOOKS = {"every_event": "after every event, and every midnight", "daily": "every midnight"}


@dataclass(frozen=True, slots=True)
class Due:
    """What is due, when, and in words: `in 3 hours`, `overdue by 2 days`."""

    what: str
    at: datetime
    at_words: str
    words: str
    overdue: bool


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One row of an alert's history."""

    revision: int
    change: str
    change_words: str
    at: datetime
    at_words: str
    by: str
    reason: str
    told: bool
    state: str


@dataclass(frozen=True, slots=True)
class Summary:
    """An alert in a queue. `rank`: the place of its severity among its use case's bands, 0 the strongest."""

    id: str
    revision: int
    use_case: str
    use_case_title: str
    scope: str
    scope_title: str
    time_zone: str
    severity: str
    rank: int
    state: State
    state_words: str
    sentence: str
    observed: int
    alive: bool
    shadow: bool
    start: date
    end: date
    as_of: date
    opened_at: datetime
    opened_words: str
    changed_at: datetime
    due: Due | None
    owner: str | None
    outcome: str | None
    merged_into: str | None
    last_change: HistoryRow


@dataclass(frozen=True, slots=True)
class Watched:
    """A use case with where it is evaluated, when and by what."""

    title: str
    scopes: tuple[str, ...]
    looks: str
    detectors: tuple[str, ...]
    shadow: bool


def summarise(source: AlertSource, alert: Alert, last: Step, now: datetime) -> Summary:
    """An alert with its last change, in words, in the time zone of its scope."""
    use_case, scope = source.use_cases[alert.use_case], source.scopes[alert.scope]
    zone = ZoneInfo(scope.time_zone)
    return Summary(
        id=alert.id,
        revision=alert.revision,
        use_case=alert.use_case,
        use_case_title=use_case.title,
        scope=alert.scope,
        scope_title=scope.title,
        time_zone=scope.time_zone,
        severity=alert.severity,
        rank=rank_of(alert.severity, use_case),
        state=alert.state,
        state_words=words.STATES[alert.state],
        sentence=source.sentence(alert),
        observed=alert.observed,
        alive=alert.alive,
        shadow=use_case.shadow,
        start=alert.start,
        end=alert.end,
        as_of=alert.as_of,
        opened_at=alert.opened_at,
        opened_words=words.ago(alert.opened_at, now),
        changed_at=alert.changed_at,
        due=next_due(alert, now, zone),
        owner=alert.owner,
        outcome=alert.outcome,
        merged_into=alert.merged_into,
        last_change=history_row(last, zone),
    )


def next_due(alert: Alert, now: datetime, zone: ZoneInfo) -> Due | None:
    """What a person has to do next and by when; None where nothing is due."""
    owed = due.next_due(alert)
    return None if owed is None else due_in_words(*owed, now, zone)


def due_in_words(what: str, moment: datetime, now: datetime, zone: ZoneInfo) -> Due:
    """A due time as people read it."""
    return Due(what, moment, words.at_time(moment, zone), words.due(moment, now), moment < now)


def history_row(step: Step, zone: ZoneInfo) -> HistoryRow:
    """A row of the history in local time."""
    return HistoryRow(
        revision=step.revision,
        change=step.change.value,
        change_words=words.CHANGES[step.change],
        at=step.at,
        at_words=words.at_time(step.at, zone),
        by=step.by,
        reason=step.reason,
        told=step.told,
        state=words.STATES[step.state],
    )


def step_of(change: AlertChange) -> Step:
    """A change as a row of the history, without the alert after it."""
    alert = change.alert
    made = (change.change, change.at, change.by, change.reason, change.told)
    return Step(alert.id, alert.revision, *made, alert.state, alert.severity, None)


def page_zone(source: AlertSource) -> ZoneInfo:
    """The time zone of a page about several scopes: theirs where they share one, else UTC."""
    zones = {scope.time_zone for scope in source.scopes.values()}
    return ZoneInfo(zones.pop() if len(zones) == 1 else "UTC")


def support_lines(use_cases: Mapping[str, UseCase]) -> tuple[str, ...]:
    """Every use case's support lines, each once."""
    return tuple(dict.fromkeys(line for u in use_cases.values() for line in u.wording.support_lines))


def rank_of(severity: str, use_case: UseCase) -> int:
    """The place of a severity among its use case's bands, 0 the strongest."""
    names = [band.name for band in use_case.bands]
    return names.index(severity) if severity in names else len(names)


def watched(source: AlertSource) -> tuple[Watched, ...]:
    """Every use case, where it is evaluated, when and by what."""
    return tuple(
        Watched(
            title=use_case.title,
            scopes=tuple(source.scopes[s].title for s in use_case.scopes),
            looks=LOOKS[use_case.looks],
            detectors=tuple(words.spaced(d.name) for d in use_case.detectors),
            shadow=use_case.shadow,
        )
        for use_case in source.use_cases.values()
    )
