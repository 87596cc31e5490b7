"""The queue of alerts as one person sees it: views, filters, a page of rows, and what is new to them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import Alert, State
from surveillance.alerting.due import what_is_due
from surveillance.store.queue import FINISHED, Choice, Cut, Listed, Step, View
from surveillance.web import words
from surveillance.web.partners import PartnerRow, partner_rows
from surveillance.web.source import AlertSource
from surveillance.web.summary import (
    Due,
    Watched,
    due_in_words,
    page_zone,
    rank_of,
    watched,
)

PAGE_LENGTH = 25
VIEWS = {
    View.MINE: "Mine",
    View.UNOWNED: "Unowned",
    View.OVERDUE: "Overdue",
    View.ALL: "All to act on",
    View.FINISHED: "Finished",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for; an empty filter lets everything through."""

    view: View = View.ALL
    use_case: str = ""
    scope: str = ""
    severity: str = ""
    state: str = ""
    page: int = 1

    @property
    def filters(self) -> dict[str, str]:
        """The filters that are set."""
        named = {name: getattr(self, name) for name in ("use_case", "scope", "severity", "state")}
        return {name: value for name, value in named.items() if value}

    @property
    def path(self) -> str:
        """The address of the same again; what is usual is left out of it."""
        query = ({"view": str(self.view)} if self.view is not View.ALL else {}) | self.filters
        query |= {"page": str(self.page)} if self.page > 1 else {}
        return f"/?{urlencode(query)}" if query else "/"


@dataclass(frozen=True, slots=True)
class Row:
    """An alert in the queue. Without READ_CASES for it nothing in it tells of cases: no sentence, no news."""

    id: str
    use_case_title: str
    scope_title: str
    severity: str
    rank: int
    state_words: str
    owner: str | None
    due: Due | None
    opened_words: str
    changed_words: str
    alive: bool
    state: State
    shadow: bool
    is_new: bool
    changed: bool
    news: tuple[str, ...]
    sentence: str | None
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Tab:
    """A view as a link."""

    title: str
    path: str
    count: int
    current: bool


@dataclass(frozen=True, slots=True)
class Filter:
    """A choice among values: (value, its words, whether it is chosen)."""

    name: str
    title: str
    options: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class QueuePage:
    """The first page of the house."""

    at_words: str
    asked: Asked
    tabs: tuple[Tab, ...]
    filters: tuple[Filter, ...]
    rows: tuple[Row, ...]
    found: int
    first: int
    before: str | None
    after: str | None
    overdue: int
    summary: str
    watched: tuple[Watched, ...]
    partners: tuple[PartnerRow, ...]

    @property
    def silent(self) -> tuple[PartnerRow, ...]:
        """Partners that are silent or unusually quiet."""
        return tuple(p for p in self.partners if p.warning)


def queue_page(source: AlertSource, person: Person, asked: Asked, now: datetime) -> QueuePage:
    """One page of one view of the person's alerts, as of `now`."""
    choice = choice_of(source, person, asked, now)
    counts = source.counts(choice)
    cut = Cut(asked.view, ranks_of(source), (asked.page - 1) * PAGE_LENGTH, PAGE_LENGTH)
    listed = source.listed(choice, cut)
    found = counts[asked.view]
    reads_cases = person.may(Permission.READ_CASES)
    zone = page_zone(source)
    return QueuePage(
        at_words=words.at_time(now, zone),
        asked=asked,
        tabs=tuple(_tabs(asked, counts)),
        filters=_filters(source, choice, asked),
        rows=tuple(_rows(source, person, listed, now)),
        found=found,
        first=cut.first + 1,
        before=replace(asked, page=asked.page - 1).path if asked.page > 1 else None,
        after=replace(asked, page=asked.page + 1).path if cut.first + PAGE_LENGTH < found else None,
        overdue=counts[View.OVERDUE],
        summary=_summary(counts),
        watched=watched(source),
        partners=partner_rows(source.timeliness(), now, zone) if reads_cases else (),
    )


def choice_of(
    source: AlertSource,
    person: Person,
    asked: Asked,
    now: datetime,
    permission: Permission = Permission.READ_ALERTS,
) -> Choice:
    """What is asked for, among the alerts for which the person has the permission."""
    return Choice(
        person=person.id,
        at=now,
        within=person.reach(permission, source.use_cases, source.scopes),
        use_case=asked.use_case or None,
        scope=asked.scope or None,
        severity=asked.severity or None,
        state=State(asked.state) if asked.state else None,
    )


def ranks_of(source: AlertSource) -> dict[tuple[str, str], int]:
    """By use case and severity, its place among the bands."""
    return {(u.id, band.name): rank for u in source.use_cases.values() for rank, band in enumerate(u.bands)}


def _tabs(asked: Asked, counts: Mapping[View, int]) -> Sequence[Tab]:
    return [
        Tab(title, replace(asked, view=view, page=1).path, counts[view], view is asked.view)
        for view, title in VIEWS.items()
    ]


def _filters(source: AlertSource, choice: Choice, asked: Asked) -> tuple[Filter, ...]:
    """What can be filtered by within the person's reach: never free text, which could name somebody."""
    use_cases = {u: source.use_cases[u].title for u, _ in sorted(choice.within)}
    scopes = {s: source.scopes[s].title for _, s in sorted(choice.within)}
    bands = {band.name: words.title(band.name) for u in use_cases for band in source.use_cases[u].bands}
    states = {s.value: words.STATES[s] for s in State if (s in FINISHED) == (asked.view is View.FINISHED)}
    options = (
        ("use_case", "Use case", use_cases, asked.use_case),
        ("scope", "Scope", scopes, asked.scope),
        ("severity", "Severity", bands, asked.severity),
        ("state", "State", states, asked.state),
    )
    return tuple(
        Filter(name, title, tuple((value, text, value == chosen) for value, text in of.items()))
        for name, title, of, chosen in options
    )


def _rows(source: AlertSource, person: Person, listed: Sequence[Listed], now: datetime) -> Sequence[Row]:
    may_read = {a.id for a in listed if person.may(Permission.READ_CASES, a.scope, a.use_case)}
    in_full = source.in_full(may_read)
    steps = source.steps({a.id: a.seen for a in listed if a.seen is not None and a.id in may_read})
    return [_row(source, a, in_full.get(a.id), steps.get(a.id, ()), now) for a in listed]


def _row(source: AlertSource, of: Listed, alert: Alert | None, steps: Sequence[Step], now: datetime) -> Row:
    use_case, scope = source.use_cases[of.use_case], source.scopes[of.scope]
    what = what_is_due(of.state)
    owed = of.due_at if what else None
    return Row(
        id=of.id,
        use_case_title=use_case.title,
        scope_title=scope.title,
        severity=of.severity,
        rank=rank_of(of.severity, use_case),
        state_words=words.STATES[of.state],
        owner=of.owner,
        due=due_in_words(what, owed, now, ZoneInfo(scope.time_zone)) if owed else None,
        opened_words=words.ago(of.opened_at, now),
        changed_words=words.ago(of.changed_at, now),
        alive=of.alive,
        state=of.state,
        shadow=use_case.shadow,
        is_new=of.seen is None and of.state not in FINISHED,
        changed=of.seen is not None and of.seen < of.revision,
        news=tuple(news(step) for step in steps),
        sentence=source.sentence(alert) if alert is not None else None,
        outcome=alert.outcome if alert is not None else None,
    )


def news(step: Step) -> str:
    """One change in words."""
    change = words.CHANGES[step.change]
    return f"{change}: {step.reason}" if step.reason else change


def _summary(counts: Mapping[View, int]) -> str:
    """What is said aloud when the list has changed by itself."""
    return (
        f"Alerts updated: {counts[View.ALL]} to act on, {counts[View.UNOWNED]} unowned, "
        f"{counts[View.OVERDUE]} overdue."
    )
