"""Everything on one alert's page: sentence, maps, curve, evidence, members, partners, history."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert
from surveillance.alerting.finding import record_of
from surveillance.geography.area import AreaTable
from surveillance.line_list.duplicates import CountedCase
from surveillance.line_list.record import RecordKey
from surveillance.store.queue import Step
from surveillance.store.seen import Seen
from surveillance.use_case.model import UseCase
from surveillance.web import words
from surveillance.web.epicurve import Epicurve, draw_epicurve, first_day
from surveillance.web.evidence import Evidence, read_evidence
from surveillance.web.graph import Graph, draw_graph
from surveillance.web.map import MapDrawing, draw_map
from surveillance.web.members import (
    MemberRow,
    Names,
    ages_in_words,
    area_name,
    member_rows,
    members_among,
)
from surveillance.web.partners import PartnerRow, partner_rows, settled_after_days
from surveillance.web.source import AlertSource, Timeliness, leading_place
from surveillance.web.summary import Due, HistoryRow, Summary, history_row, next_due, summarise
from surveillance.web.told import ToldRow, told_rows


@dataclass(frozen=True, slots=True)
class AreaRow:
    """Cases of the alert in one area, counted by one place."""

    place: str
    code: str
    name: str
    cases: int


@dataclass(frozen=True, slots=True)
class Since:
    """What is new to a person: the changes since they looked last, and how many records joined and left."""

    looked_words: str
    revision: int
    changes: tuple[HistoryRow, ...]
    joined: int
    left: int


@dataclass(frozen=True, slots=True)
class AlertPage:
    """One alert, ready to be shown."""

    summary: Summary
    at_words: str
    acknowledge_due: Due | None
    evidence: tuple[Evidence, ...]
    members: tuple[MemberRow, ...]
    areas: tuple[AreaRow, ...]
    maps: tuple[MapDrawing, ...]
    epicurve: Epicurve
    partners: tuple[PartnerRow, ...]
    history: tuple[HistoryRow, ...]
    next_steps: tuple[str, ...]
    support_lines: tuple[str, ...]
    graph: Graph
    ages: str
    since: Since | None
    told: tuple[ToldRow, ...]
    credit: str

    @property
    def new_members(self) -> int:
        return sum(1 for m in self.members if m.is_new)


def alert_page(source: AlertSource, alert: Alert, now: datetime, seen: Seen | None = None) -> AlertPage:
    """The page of an alert as of `now`. Every count of a case is of one person or event, once.

    `seen`: what the person who asks was shown before; None: nothing, or it does not matter.
    """
    use_case, zone = source.use_cases[alert.use_case], ZoneInfo(source.scopes[alert.scope].time_zone)
    areas, steps = source.areas(alert.scope), source.steps({alert.id: 0})[alert.id]
    deliveries, attempts = source.deliveries(alert.id, now)
    cases = source.cases(alert, min(first_day(alert.start, alert.as_of), alert.start), alert.as_of)
    timeliness = [t for t in source.timeliness() if t.kind == use_case.records]
    inside = members_among(cases, alert)
    names = Names(areas, {t.partner.id: t.partner.title for t in timeliness}, zone)
    counts = {place: _per_area(inside, place) for place in _places(alert, use_case)}
    before = _members_before(source, alert, seen)
    members = tuple(_marked(row, before) for row in member_rows(alert, inside, names, now))
    return AlertPage(
        summary=summarise(source, alert, steps[-1], now),
        at_words=words.at_time(now, zone),
        acknowledge_due=next_due(alert, now, zone),
        evidence=tuple(read_evidence(cluster, areas) for cluster in alert.clusters),
        members=members,
        areas=tuple(_area_rows(counts, areas)),
        maps=tuple(_maps(alert, counts, areas)),
        epicurve=_epicurve(alert, cases, inside, use_case, timeliness),
        partners=partner_rows(timeliness, now, zone),
        history=tuple(history_row(step, zone) for step in reversed(steps)),
        next_steps=use_case.wording.next_steps,
        support_lines=use_case.wording.support_lines,
        graph=draw_graph(
            members, inside, source.ties({RecordKey.parse(record_of(m)) for m in alert.members})
        ),
        ages=ages_in_words(inside),
        since=_since(alert, steps, seen, before, zone),
        told=tuple(told_rows(reversed(deliveries), attempts, zone)),
        credit=areas.credit,
    )


def _members_before(source: AlertSource, alert: Alert, seen: Seen | None) -> frozenset[str] | None:
    """The records of the alert when the person looked last; None where nothing changed since, or never."""
    if seen is None or seen.revision >= alert.revision:
        return None
    known = source.known(alert.id, seen.revision)
    return frozenset(map(record_of, known.change.alert.members)) if known else None


def _marked(row: MemberRow, before: frozenset[str] | None) -> MemberRow:
    if before is None or not before.isdisjoint(record_of(r.member) for r in row.records):
        return row
    return replace(row, joined=True)


def _since(
    alert: Alert, steps: Sequence[Step], seen: Seen | None, before: frozenset[str] | None, zone: ZoneInfo
) -> Since | None:
    if seen is None:
        return None
    now = frozenset(map(record_of, alert.members))
    newer = tuple(history_row(step, zone) for step in steps if step.revision > seen.revision)
    joined, left = (len(now - before), len(before - now)) if before is not None else (0, 0)
    return Since(words.at_time(seen.at, zone), seen.revision, newer, joined, left)


def _places(alert: Alert, use_case: UseCase) -> list[str]:
    """The places that the evidence counts by; the use case's first where an alert has none."""
    return list(dict.fromkeys(c.place for c in alert.clusters)) or [leading_place(alert, use_case)]


def _per_area(inside: Iterable[CountedCase], place: str) -> Counter[str]:
    return Counter(counted.case.area for counted in inside if counted.case.place == place)


def _area_rows(counts: Mapping[str, Counter[str]], areas: AreaTable) -> Iterator[AreaRow]:
    for place, per_area in counts.items():
        for code, cases in sorted(per_area.items(), key=lambda item: (-item[1], item[0])):
            yield AreaRow(place, code, area_name(code, areas), cases)


def _maps(alert: Alert, counts: Mapping[str, Counter[str]], areas: AreaTable) -> Iterator[MapDrawing]:
    """One map per place, of the areas of its clusters; where an alert has none, of its members' areas."""
    for place, per_area in counts.items():
        clusters = [c for c in alert.clusters if c.place == place]
        codes = tuple(dict.fromkeys(code for c in clusters for code in c.areas)) or tuple(per_area)
        drawing = draw_map(place, clusters, codes, per_area, areas)
        if drawing is not None:
            yield drawing


def _epicurve(
    alert: Alert,
    cases: Sequence[CountedCase],
    inside: Sequence[CountedCase],
    use_case: UseCase,
    timeliness: Iterable[Timeliness],
) -> Epicurve:
    """Members at any place once each; the others at the leading place, in the alert's areas."""
    place, areas = leading_place(alert, use_case), frozenset(alert.areas)
    members = {counted.case.key: counted.case.day for counted in inside}
    others = [
        counted.case.day
        for counted in cases
        if counted.case.place == place and counted.case.area in areas and counted.case.key not in members
    ]
    delay = settled_after_days(timeliness)
    return draw_epicurve(members.values(), others, alert.start, alert.end, alert.as_of, delay)
