"""Everything on one alert's page: sentence, maps, curve, evidence, members, partners, history."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert
from surveillance.geography.area import AreaTable
from surveillance.line_list.duplicates import CountedCase
from surveillance.use_case.model import UseCase
from surveillance.web import words
from surveillance.web.epicurve import Epicurve, draw_epicurve, first_day
from surveillance.web.evidence import Evidence, read_evidence
from surveillance.web.map import MapDrawing, draw_map
from surveillance.web.members import MemberRow, Names, area_name, member_rows, members_among
from surveillance.web.partners import PartnerRow, partner_rows, settled_after_days
from surveillance.web.source import AlertSource, Timeliness
from surveillance.web.summary import Due, HistoryRow, Summary, history_row, next_due, summarise


@dataclass(frozen=True, slots=True)
class AreaRow:
    """Cases of the alert in one area, counted by one place."""

    place: str
    code: str
    name: str
    cases: int


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

    @property
    def new_members(self) -> int:
        return sum(1 for m in self.members if m.is_new)


def alert_page(source: AlertSource, alert: Alert, now: datetime) -> AlertPage:
    """The page of an alert as of `now`. Every count of a case is of one person or event, once."""
    use_case, zone = source.use_cases[alert.use_case], ZoneInfo(source.scopes[alert.scope].time_zone)
    areas, history = source.areas(alert.scope), source.history(alert.id)
    cases = source.cases(alert, min(first_day(alert.start, alert.as_of), alert.start), alert.as_of)
    timeliness = [t for t in source.timeliness() if t.kind == use_case.records]
    inside = members_among(cases, alert)
    names = Names(areas, {t.partner.id: t.partner.title for t in timeliness}, zone)
    counts = {place: _per_area(inside, place) for place in _places(alert, use_case)}
    return AlertPage(
        summary=summarise(source, alert, history[-1], now),
        at_words=words.at_time(now, zone),
        acknowledge_due=next_due(alert, now, zone),
        evidence=tuple(read_evidence(cluster, areas) for cluster in alert.clusters),
        members=tuple(member_rows(alert, inside, names, now)),
        areas=tuple(_area_rows(counts, areas)),
        maps=tuple(_maps(alert, counts, areas)),
        epicurve=_epicurve(alert, cases, inside, use_case, timeliness),
        partners=partner_rows(timeliness, now, zone),
        history=tuple(history_row(change, zone) for change in reversed(history)),
        next_steps=use_case.wording.next_steps,
        support_lines=use_case.wording.support_lines,
    )


def _places(alert: Alert, use_case: UseCase) -> list[str]:
    """The places that the evidence counts by; the use case's first where an alert has none."""
    return list(dict.fromkeys(c.place for c in alert.clusters)) or [use_case.places[0].name]


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
    place = _places(alert, use_case)[0]
    members = {counted.case.key: counted.case.day for counted in inside}
    others = [
        counted.case.day
        for counted in cases
        if counted.case.place == place
        and counted.case.area in alert.areas
        and counted.case.key not in members
    ]
    delay = settled_after_days(timeliness)
    return draw_epicurve(members.values(), others, alert.start, alert.end, alert.as_of, delay)
