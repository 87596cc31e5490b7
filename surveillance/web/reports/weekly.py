"""The report of a week: how many cases against usual, what happened to alerts, how late partners run.

Usual is what the same week and the two beside it had in the last years (historical limits: Stroup and others
1989, Statistics in Medicine 8:323), as known now; it is told only where there are enough such weeks.

Whoever may not read cases gets the newest published periods instead, and of alerts no more than their
severity and state: nothing of it is counted from the line list.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from statistics import mean
from typing import NamedTuple

from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import AlertChange, Change, State
from surveillance.alerting.wording import amount, on_day, over_days
from surveillance.configuration import Region
from surveillance.disclosure.protection import in_words
from surveillance.line_list.duplicates import count_once
from surveillance.store import alerts, line_list, releases
from surveillance.store.database import Transaction
from surveillance.use_case.model import UseCase
from surveillance.web import words
from surveillance.web.asked import BadParameter, readable
from surveillance.web.house import House
from surveillance.web.partners import PartnerRow, partner_rows
from surveillance.web.reports.words import HANDLING, methods_of, readers, safe
from surveillance.web.summary import FINISHED

WEEK, YEAR = timedelta(days=7), timedelta(days=364)  # a year of whole weeks
YEARS_BACK, LEAST_YEARS, ROWS_SHOWN = 5, 3, 12
_WEEK = re.compile(r"(19\d\d|2\d{3})-W(0[1-9]|[1-4]\d|5[0-3])", re.ASCII)


@dataclass(frozen=True, slots=True)
class PeriodCount:
    """Cases of one week as known now, or of one period as published."""

    first: date
    words: str
    cases: str


@dataclass(frozen=True, slots=True)
class AlertOfWeek:
    """An alert that changed in the week. Without small numbers `changes` and `sentence` are empty: what it
    did (it grew, it weakened) tells of its cases."""

    id: str
    severity: str
    state: str
    changes: tuple[str, ...]
    sentence: str


@dataclass(frozen=True, slots=True)
class WeeklyReport:
    """Everything on it, in words. `full`: small numbers are told. `counts`: of weeks, or of the periods that
    are published; the newest first."""

    use_case: str
    use_case_title: str
    scope: str
    scope_title: str
    week: str
    days: str
    made_at: str
    time_zone: str
    full: bool
    sentence: str
    usual: str
    counts: tuple[PeriodCount, ...]
    alerts: tuple[AlertOfWeek, ...] | None
    opened: int
    closed: int
    partners: tuple[PartnerRow, ...] | None
    unknown: tuple[str, ...]
    methods: tuple[str, ...]
    handling: str
    readers: str
    support_lines: tuple[str, ...]


def weekly_report(
    house: House, person: Person, use_case: str | None, scope: str | None, week: str | None
) -> WeeklyReport:
    """The report as the person may read it. Raises 404 for what is out of reach, BadParameter for no week."""
    chosen, region = _subject(house, person, use_case, scope)
    place, now = (region.scope.id, chosen.id), house.now()
    full = person.may(Permission.READ_CASES, *place)
    first = _monday(week, now.astimezone(region.zone).date())
    with house.desk.store.reading() as tx:
        counted = _live(tx, house, chosen, region, first) if full else _published(tx, chosen, region, first)
        reads_alerts = person.may(Permission.READ_ALERTS, *place)
        changes = _changes(tx, chosen, region, first) if reads_alerts else None
    rows = _partners(house, person, chosen, region) if person.may(Permission.READ_PARTNERS, *place) else None
    return WeeklyReport(
        use_case=chosen.id,
        use_case_title=chosen.title,
        scope=region.scope.id,
        scope_title=region.scope.title,
        week=_name(first),
        days=over_days(first, first + timedelta(days=6)),
        made_at=words.at_time(now, region.zone),
        time_zone=region.scope.time_zone,
        full=full,
        sentence=counted.sentence,
        usual=counted.usual,
        counts=counted.counts,
        alerts=None if changes is None else tuple(_alerts(changes, house, full)),
        opened=sum(1 for c in changes or () if c.change is Change.OPENED),
        closed=sum(1 for c in changes or () if c.change is Change.MOVED and c.alert.state in FINISHED),
        partners=rows,
        unknown=tuple(_unknown(rows or (), chosen, full)),
        methods=methods_of(d.name for d in chosen.detectors),
        handling=HANDLING[full],
        readers=readers(Permission.READ_CASES if full else Permission.READ_AGGREGATES),
        support_lines=chosen.wording.support_lines,
    )


class _Counted(NamedTuple):
    """What a report says of cases."""

    sentence: str
    usual: str
    counts: tuple[PeriodCount, ...]


def _live(tx: Transaction, house: House, use_case: UseCase, region: Region, first: date) -> _Counted:
    """The week and those before it, as known now."""
    per_week = _cases_per_week(tx, use_case, region, first, house.now())
    since = _covered_since(house, use_case, region, first)
    weeks = (first - n * WEEK for n in range(ROWS_SHOWN))
    return _Counted(
        _sentence(use_case, region, per_week[first]),
        _usual(per_week, first, since),
        tuple(PeriodCount(day, f"Week of {on_day(day)}", f"{per_week[day]:,}") for day in weeks),
    )


def _published(tx: Transaction, use_case: UseCase, region: Region, first: date) -> _Counted:
    """The newest periods that were published and had ended with the week."""
    ended = releases.published(tx, use_case.id, region.scope.id, last=first + timedelta(days=6))
    newest = tuple(
        PeriodCount(one.first_day, over_days(one.first_day, one.last_day), in_words(one.cases))
        for one in reversed(ended[-ROWS_SHOWN:])
    )
    if not newest:
        return _Counted("No period up to this week has been published.", "", ())
    last, many = newest[0], use_case.wording.many
    return _Counted(f"Newest published count: {last.cases} {many} in {last.words}.", "", newest)


def _partners(house: House, person: Person, use_case: UseCase, region: Region) -> tuple[PartnerRow, ...]:
    """Those that the person may see: of a partner's own people, that partner."""
    place = region.scope.id, use_case.id
    seen = [
        t
        for t in house.source.timeliness()
        if t.kind == use_case.records
        and person.may_for_partner(Permission.READ_PARTNERS, t.partner.id, *place)
    ]
    return partner_rows(seen, house.now(), region.zone)


def _subject(house: House, person: Person, use_case: str | None, scope: str | None) -> tuple[UseCase, Region]:
    """The use case and scope that were asked for, or the first that the person may see."""
    configuration = house.desk.configuration
    within = readable(configuration, person, Permission.READ_AGGREGATES)
    name = use_case or next((u for u, rs in within.items() if scope in (None, *(r.scope.id for r in rs))), "")
    region = next((r for r in within.get(name, ()) if scope in (None, r.scope.id)), None)
    if region is None:
        raise HTTPException(404)
    return configuration.use_cases[name], region


def _monday(week: str | None, today: date) -> date:
    """The first day of the week asked for; of the last whole one where none is."""
    if week is None:
        return today - timedelta(days=today.weekday()) - WEEK
    found = _WEEK.fullmatch(week)
    try:
        if found is None:
            raise ValueError
        return date.fromisocalendar(int(found[1]), int(found[2]), 1)
    except ValueError:
        raise BadParameter("week", "Give a week of the ISO calendar, such as 2025-W07") from None


def _name(first: date) -> str:
    year, week, _ = first.isocalendar()
    return f"{year}-W{week:02}"


def _cases_per_week(
    tx: Transaction, use_case: UseCase, region: Region, first: date, now: datetime
) -> Counter[date]:
    """Persons or events by the Monday of their week, once each, at the use case's first place."""
    begin, end = first - YEARS_BACK * YEAR - WEEK, first + timedelta(days=6)
    known = line_list.cases_known(tx, use_case.id, use_case.places[0].name, begin, end, now)
    confirmed, rejected = line_list.duplicate_decisions(tx)
    inside = [case for case in known if case.area in region.inside.index]
    counted = count_once(inside, rejected, confirmed, use_case.count)
    return Counter(one.case.day - timedelta(days=one.case.day.weekday()) for one in counted)


def _covered_since(house: House, use_case: UseCase, region: Region, first: date) -> date | None:
    covered = house.desk.configuration.first_covered(use_case, region.scope.id, first)
    days = [day for day in (covered, use_case.study_start) if day is not None]
    return max(days, default=None)


def _usual(per_week: Counter[date], first: date, since: date | None) -> str:
    """What the same weeks of earlier years had, in words."""
    like_it = [
        [first - years * YEAR + beside * WEEK for beside in (-1, 0, 1)]
        for years in range(1, YEARS_BACK + 1)
        if since is not None and first - years * YEAR - WEEK >= since
    ]
    if len(like_it) < LEAST_YEARS:
        return f"How many would be usual is not known: that takes {LEAST_YEARS} earlier years of reports."
    counts = [per_week[week] for of_year in like_it for week in of_year]
    over = f"the same weeks of the last {len(like_it)} years, and the weeks beside them"
    return f"Usual would be {amount(mean(counts))} a week ({min(counts)} to {max(counts)}): {over}."


def _sentence(use_case: UseCase, region: Region, cases: int) -> str:
    one = use_case.wording.one if cases == 1 else use_case.wording.many
    return f"{cases:,} {one} in {region.scope.title} in this week, as known now."


def _changes(tx: Transaction, use_case: UseCase, region: Region, first: date) -> list[AlertChange]:
    """What happened to alerts from Monday's midnight to the next, by the scope's clock."""
    begin, end = (datetime.combine(day, time(), region.zone) for day in (first, first + WEEK))
    return alerts.changed_between(tx, use_case.id, region.scope.id, begin, end)


def _alerts(changes: Sequence[AlertChange], house: House, full: bool) -> Iterable[AlertOfWeek]:
    """Each alert once, as it was after its last change of the week."""
    for alert_id in dict.fromkeys(change.alert.id for change in changes):
        of_alert = [change for change in changes if change.alert.id == alert_id]
        last = of_alert[-1].alert
        told = dict.fromkeys(_told(change) for change in of_alert) if full else ()
        sentence = safe(house.source.sentence(last)) if full else ""
        yield AlertOfWeek(alert_id, last.severity, words.STATES[State(last.state)], tuple(told), sentence)


def _told(change: AlertChange) -> str:
    what = words.CHANGES[change.change]
    return f"{what}: {safe(change.reason)}" if change.reason else what


def _unknown(rows: Sequence[PartnerRow], use_case: UseCase, full: bool) -> Iterable[str]:
    """What the numbers cannot say."""
    if full:
        yield "How many cases of these days are still to be reported: the last weeks grow for some time."
    else:
        yield "Reports that came after a period was published: it is never counted again."
    for row in rows:
        if row.warning:
            said = row.warning if full else f"{row.title} is {'silent' if row.silent else 'unusually quiet'}"
            yield f"What is missing from a partner: {said}."
    yield "Whether a difference from usual is more than chance: single weeks vary by themselves."
    if use_case.count.unit == "person":
        yield "Whether two records are one person, where partners gave them no key in common."
    yield "What later versions of these records will change: records are revised for months."
