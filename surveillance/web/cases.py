"""The line list as a page: rows of records as known now, why others do not count, and where to go on."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time
from typing import Any

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.wording import on_day
from surveillance.configuration import Configuration, Region
from surveillance.line_list.classify import Reason
from surveillance.line_list.links import link_token
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.store import cases as store_cases
from surveillance.store.cases import AlertOf, Line
from surveillance.store.database import Transaction
from surveillance.store.line_list import versions_of
from surveillance.web import words
from surveillance.web.asked import AGES, UNKNOWN, Asked, AskedPage, Chosen, read_after, write_after
from surveillance.web.columns import COLUMNS, Column, columns_for
from surveillance.web.members import area_name

ROWS = 50
MOST_COUNTED = 10_000
OUTSIDE = "outside your scope"
REASONS: Mapping[str, str] = {
    Reason.OTHER_KIND: "another kind of record",
    Reason.WITHDRAWN: "withdrawn by the partner",
    Reason.MERGED: "merged into another record",
    Reason.NOT_A_CASE: "no longer meets the case definition",
    Reason.NO_AREA: "no area is known",
    Reason.ELSEWHERE: "outside every area that the service knows",
    Reason.NO_DAY: "no case day is known",
}
PAIR_STATES: Mapping[str, str] = {
    "proposed": "to be decided",
    "confirmed": "confirmed",
    "rejected": "decided: another person",
}


@dataclass(frozen=True, slots=True)
class AlertLink:
    """An alert that a record belongs to, and its state in words."""

    id: str
    state: str


@dataclass(frozen=True, slots=True)
class PairLink:
    """Another record that may be the same, and what was decided."""

    record: str
    state: str


@dataclass(frozen=True, slots=True)
class CaseRow:
    """A record as a use case sees it now. A column that the asker may not see is None.

    record: partner/kind/id. status: what the partner holds it to be, and why it does not count. places: by
    place, the name of the area. received: first receipt. delay_days: from the case day to it. links: kinds of
    what links it, each with how many. shared: which settings these are, as type:identifier.
    """

    record: str
    record_id: str
    version: int
    partner: str
    counts: bool
    status: str
    day: date | None
    places: Mapping[str, str]
    ages: str
    sex: str
    received: datetime | None
    received_on: str
    received_words: str
    delay_days: float | None
    links: Mapping[str, int]
    shared: tuple[str, ...] | None
    alerts: tuple[AlertLink, ...]
    duplicates: tuple[PairLink, ...]


@dataclass(frozen=True, slots=True)
class ReasonRow:
    """How many records do not count, and why."""

    reason: str
    words: str
    records: int


@dataclass(frozen=True, slots=True)
class CasesPage:
    """A page of the line list. `found` counts no further than MOST_COUNTED; then `found_more` is true."""

    at_words: str
    time_zone: str
    use_case: str
    use_case_title: str
    scopes: tuple[str, ...]
    place: str
    area: str
    found: int
    found_more: bool
    columns: tuple[Column, ...]
    rows: tuple[CaseRow, ...]
    reasons: tuple[ReasonRow, ...]
    next: str | None


@dataclass(frozen=True)
class Reader:
    """Turns lines into rows for one person and one use case."""

    configuration: Configuration
    person: Person
    chosen: Chosen

    @property
    def columns(self) -> tuple[Column, ...]:
        return columns_for(lambda permission: self.chosen.may(self.person, permission))

    def rows(self, tx: Transaction, lines: Sequence[Line]) -> list[CaseRow]:
        """The lines with everything around them."""
        keys, numbers = [line.key for line in lines], [line.record for line in lines]
        versions = versions_of(tx, keys)
        areas = store_cases.areas_at(tx, numbers, self.chosen.use_case.id)
        alerts = store_cases.alerts_with(tx, numbers)
        pairs = store_cases.pairs_with(tx, keys)
        linked = store_cases.linked_with(tx, keys)
        return [
            self._row(
                _with_links(line, linked.get(line.key, ())),
                versions.get(line.key, ()),
                areas.get(line.record, {}),
                alerts.get(line.record, ()),
                pairs.get(line.key, ()),
            )
            for line in lines
        ]

    def _row(
        self,
        line: Line,
        versions: Sequence[RecordVersion],
        areas: Mapping[str, str],
        alerts: Iterable[AlertOf],
        pairs: Iterable[tuple[RecordKey, str]],
    ) -> CaseRow:
        received = min((version.received_at for version in versions), default=line.received_at)
        kinds = [token.partition(":")[0] for token in line.tokens]
        at = areas or ({self.chosen.wanted.place: line.area} if line.area else {})
        return self._visible(
            CaseRow(
                record=str(line.key),
                record_id=line.key.record_id,
                version=line.version,
                partner=partner_title(self.configuration, line.key.partner),
                counts=line.reason is None,
                status=_status(versions, line),
                day=line.day,
                places={place: area_in(self.chosen.regions, code) for place, code in at.items()},
                ages=band_of(line.age) if line.reason is None else "",
                sex=line.sex or (UNKNOWN if line.reason is None else ""),
                received=received,
                received_on=on_day(received.astimezone(self.chosen.regions[0].zone).date())
                if received
                else "",
                received_words=words.at_time(received, self.chosen.regions[0].zone) if received else "",
                delay_days=delay_days(line.day, received),
                links={words.spaced(kind): kinds.count(kind) for kind in dict.fromkeys(kinds)},
                shared=line.tokens,
                alerts=tuple(AlertLink(a.id, words.spaced(a.state)) for a in alerts if self._reads(a)),
                duplicates=tuple(PairLink(str(other), PAIR_STATES[state]) for other, state in pairs),
            )
        )

    def _visible(self, row: CaseRow) -> CaseRow:
        """Without the columns that the person may not see."""
        hidden = {column.field for column in COLUMNS} - {column.field for column in self.columns}
        nothing: dict[str, Any] = dict.fromkeys(hidden)
        return replace(row, **nothing)

    def _reads(self, alert: AlertOf) -> bool:
        return self.person.may(Permission.READ_CASES, alert.scope, alert.use_case)


def _with_links(line: Line, linked: Iterable[RecordKey]) -> Line:
    """With the links that people confirmed, and without the token by which others name the record itself."""
    tokens = {*line.tokens, *map(link_token, linked)} - {link_token(line.key)}
    return replace(line, tokens=tuple(sorted(tokens)))


def cases_page(
    tx: Transaction,
    configuration: Configuration,
    person: Person,
    chosen: Chosen,
    asked: AskedPage,
    now: datetime,
) -> CasesPage:
    """The page that was asked for, as known now."""
    sort = asked.sort or "-day"
    lines = store_cases.lines(tx, chosen.wanted, sort, read_after(asked), ROWS + 1)
    more, lines = len(lines) > ROWS, lines[:ROWS]
    found = store_cases.count(tx, chosen.wanted, MOST_COUNTED + 1)
    reader = Reader(configuration, person, chosen)
    zone = chosen.regions[0].zone
    return CasesPage(
        at_words=words.at_time(now, zone),
        time_zone=str(zone),
        use_case=chosen.use_case.id,
        use_case_title=chosen.use_case.title,
        scopes=tuple(scope.title for scope in chosen.scopes),
        place=chosen.wanted.place,
        area=chosen.area,
        found=min(found, MOST_COUNTED),
        found_more=found > MOST_COUNTED,
        columns=reader.columns,
        rows=tuple(reader.rows(tx, lines)),
        reasons=tuple(
            ReasonRow(reason, REASONS[reason], number)
            for reason, number in store_cases.count_reasons(tx, chosen.wanted).items()
        ),
        next=write_after(store_cases.sort_value(lines[-1], sort), lines[-1].record) if more else None,
    )


def told_filter(asked: Asked, chosen: Chosen) -> dict[str, str]:
    """The filter for the audit chain, with what was filled in."""
    scopes = ",".join(scope.id for scope in chosen.scopes)
    return {**asked.told(), "use_case": chosen.use_case.id, "scope": scopes, "place": chosen.wanted.place}


def area_in(regions: Iterable[Region], code: str) -> str:
    """The name of an area, unless it lies outside what the reader may see."""
    inside = (region.inside for region in regions if code in region.inside.index)
    return next((area_name(code, table) for table in inside), OUTSIDE)


def band_of(age: int | None) -> str:
    """The age band of an age in years."""
    if age is None:
        return UNKNOWN
    return next(band for band, (low, high) in AGES.items() if low is not None and low <= age <= (high or age))


def delay_days(day: date | None, received: datetime | None) -> float | None:
    """Days from the start of the case day (UTC) to the first receipt, in tenths."""
    if day is None or received is None:
        return None
    return round((received - datetime.combine(day, time(), UTC)).total_seconds() / 86_400, 1)


def partner_title(configuration: Configuration, partner: str) -> str:
    """What a partner is called; its id where it is configured no more."""
    known = configuration.partners.get(partner)
    return known.title if known else partner


def _status(versions: Sequence[RecordVersion], line: Line) -> str:
    if line.reason is not None:
        return REASONS[line.reason]
    content = next((v.content for v in reversed(versions) if v.version == line.version), {})
    return words.spaced(str(content.get("status") or content.get("action") or "reported"))
