"""The line list as people read it: filtered, sorted, a page at a time, and what stands around its records.

A page begins after the last row of the one before it (its sort value and record), never at a number of rows:
a record that comes in between neither doubles a row nor hides one.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Date, Select, and_, func, literal, or_, select, tuple_

from surveillance.line_list.content import UNKNOWN
from surveillance.line_list.record import RecordKey
from surveillance.store.columns import UtcTime
from surveillance.store.database import Transaction
from surveillance.store.statements import chunks, one_of
from surveillance.store.tables import alerts, duplicates, line_list, links, records
from surveillance.store.tables_cases import alert_members

_OLDEST_AGE = 999
_CURRENT = line_list.c.known_until.is_(None)
_FORMER = line_list.alias("former")
# Where a record counted last, for one that counts no more.
_LAST_AREA = (
    select(_FORMER.c.area)
    .where(
        _FORMER.c.record == line_list.c.record,
        _FORMER.c.use_case == line_list.c.use_case,
        _FORMER.c.place == line_list.c.place,
        _FORMER.c.area.is_not(None),
    )
    .order_by(_FORMER.c.known_from.desc())
    .limit(1)
    .correlate(line_list)
    .scalar_subquery()
)
_SORTS: Mapping[str, tuple[ColumnElement[Any], Any]] = {
    "day": (line_list.c.day, Date()),
    "received": (line_list.c.received_at, UtcTime()),
}
SORTS = (*_SORTS, *(f"-{name}" for name in _SORTS))
"""By which value rows are sorted; with `-` the largest first. Each has an index of its own order."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows of one use case, counted at one place. None: whatever it is.

    areas: the codes within which the asker may see cases, or those that were chosen among them.
    scopes: whose alerts the asker may see.
    everywhere: whether `areas` are all of the use case's: then records that never had an area are shown.
    ages: years, both included; (None, None): not known.
    reason: of records that do not count; None asks for cases.
    """

    use_case: str
    place: str
    areas: frozenset[str]
    scopes: frozenset[str]
    everywhere: bool = False
    first: date | None = None
    last: date | None = None
    ages: tuple[int | None, int | None] | None = None
    sex: str | None = None
    partner: str | None = None
    in_alert: bool | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the line list. `area` of an excluded record: where it counted last, if ever."""

    record: int
    key: RecordKey
    version: int
    reason: str | None
    area: str | None
    day: date | None
    received_at: datetime | None
    age: int | None
    sex: str | None
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AlertOf:
    """An alert to which a record belongs."""

    id: str
    use_case: str
    scope: str
    state: str


@dataclass(frozen=True, slots=True)
class Spot:
    """One row that a record has or had in the line list."""

    use_case: str
    place: str
    area: str | None
    reason: str | None
    known_from: datetime
    known_until: datetime | None


After = tuple[Any, int]
"""Sort value and record of the last row that was read."""


def lines(tx: Transaction, wanted: Wanted, sort: str, after: After | None, limit: int) -> list[Line]:
    """At most `limit` rows after `after`, in the order of `sort` (one of SORTS), then of the record."""
    value, kind = _SORTS[sort.removeprefix("-")] if wanted.reason is None else (line_list.c.record, None)
    descending = sort.startswith("-")
    # First which rows, from an index alone; then what is in them.
    keys = select(line_list.c.record, value.label("value")).where(*_conditions(tx, wanted))
    if after is not None:
        here = tuple_(value, line_list.c.record)
        there = tuple_(literal(after[0], kind), literal(after[1]))
        keys = keys.where(here < there if descending else here > there)
    chosen = keys.order_by(*_ordered(value, line_list.c.record, descending)).limit(limit).subquery()
    query = _rows(wanted).join(chosen, chosen.c.record == line_list.c.record)
    return [
        _line(row)
        for row in tx.execute(query.order_by(*_ordered(chosen.c.value, chosen.c.record, descending)))
    ]


def sort_value(line: Line, sort: str) -> Any:
    """What `lines` sorted this row by."""
    if line.reason is not None:
        return line.record
    return line.day if sort.endswith("day") else line.received_at


def count(tx: Transaction, wanted: Wanted, at_most: int) -> int:
    """How many rows there are, counting no further than `at_most`."""
    found = select(line_list.c.record).where(*_conditions(tx, wanted)).limit(at_most).subquery()
    return tx.execute(select(func.count()).select_from(found)).scalar_one()


def count_reasons(tx: Transaction, wanted: Wanted) -> dict[str, int]:
    """Records that do not count, by reason, within the wanted areas; the other filters are about cases."""
    query = (
        select(line_list.c.reason, func.count())
        .where(*_of_use_case(wanted), line_list.c.reason.is_not(None), _excluded_within(tx, wanted))
        .group_by(line_list.c.reason)
        .order_by(line_list.c.reason)
    )
    return {str(reason): int(number) for reason, number in tx.execute(query)}


def areas_at(tx: Transaction, numbers: Collection[int], use_case: str) -> dict[int, dict[str, str]]:
    """By record, its area at each place where it counts now."""
    found: defaultdict[int, dict[str, str]] = defaultdict(dict)
    for some in chunks(sorted(numbers)):
        rows = tx.execute(
            select(line_list.c.record, line_list.c.place, line_list.c.area).where(
                line_list.c.record.in_(some), line_list.c.use_case == use_case, _CURRENT,
                line_list.c.reason.is_(None),
            )
        )  # fmt: skip
        for record, place, area in rows:
            found[record][place] = area
    return found


def alerts_with(tx: Transaction, numbers: Collection[int]) -> dict[int, list[AlertOf]]:
    """By record, the alerts whose current revision has it as a member, the oldest first."""
    found: defaultdict[int, list[AlertOf]] = defaultdict(list)
    columns = (alerts.c.id, alerts.c.use_case, alerts.c.scope, alerts.c.state)
    for some in chunks(sorted(numbers)):
        query = (
            select(alert_members.c.record, *columns)
            .join(alerts, alerts.c.id == alert_members.c.alert_id)
            .where(alert_members.c.record.in_(some))
            .order_by(alerts.c.opened_at, alerts.c.id)
        )
        for record, *alert in tx.execute(query):
            found[record].append(AlertOf(*alert))
    return found


def pairs_with(tx: Transaction, keys: Collection[RecordKey]) -> dict[RecordKey, list[tuple[RecordKey, str]]]:
    """By record, the others that may be the same person's event, each with what was decided."""
    found: defaultdict[RecordKey, list[tuple[RecordKey, str]]] = defaultdict(list)
    a, b = duplicates.c.record_a, duplicates.c.record_b
    for some in chunks(sorted(map(str, keys)), 5_000):
        query = select(a, b, duplicates.c.state).where(or_(a.in_(some), b.in_(some))).order_by(a, b)
        for first, second, state in tx.execute(query):
            both = RecordKey.parse(first), RecordKey.parse(second)
            for one, other in (both, both[::-1]):
                found[one].append((other, state))
    return {key: found[key] for key in keys if key in found}


def linked_with(tx: Transaction, keys: Collection[RecordKey]) -> dict[RecordKey, list[RecordKey]]:
    """By record, the others that people linked it with."""
    found: defaultdict[RecordKey, list[RecordKey]] = defaultdict(list)
    a, b = links.c.record_a, links.c.record_b
    for some in chunks(sorted(map(str, keys)), 5_000):
        query = select(a, b).where(or_(a.in_(some), b.in_(some))).order_by(a, b)
        for first, second in tx.execute(query):
            found[RecordKey.parse(first)].append(RecordKey.parse(second))
            found[RecordKey.parse(second)].append(RecordKey.parse(first))
    return found


def spots_of(tx: Transaction, key: RecordKey) -> tuple[int | None, list[Spot]]:
    """A record's number and every row that it has or had, the newest first; None where there is none."""
    names = ("use_case", "place", "area", "reason", "known_from", "known_until")
    query = (
        select(records.c.record, *(line_list.c[name] for name in names))
        .select_from(records.outerjoin(line_list, line_list.c.record == records.c.record))
        .where(*(records.c[name] == part for name, part in key._asdict().items()))
        .order_by(line_list.c.known_from.desc(), line_list.c.use_case, line_list.c.place)
    )
    rows = tx.execute(query).all()
    return (rows[0].record if rows else None), [Spot(*row[1:]) for row in rows if row.use_case is not None]


def _ordered(value: ColumnElement[Any], record: ColumnElement[Any], descending: bool) -> list[Any]:
    return [column.desc() if descending else column.asc() for column in (value, record)]


def _rows(wanted: Wanted) -> Select[Any]:
    area = line_list.c.area if wanted.reason is None else _LAST_AREA
    named = ("day", "received_at", "age", "sex", "tokens")
    return (
        select(
            line_list.c.record,
            *(records.c[name] for name in RecordKey._fields),
            line_list.c.version,
            line_list.c.reason,
            area,
            *(line_list.c[name] for name in named),
        )
        .join(records, records.c.record == line_list.c.record)
        .where(*_of_use_case(wanted))
    )


def _line(row: Sequence[Any]) -> Line:
    record, partner, kind, record_id, *values = row
    return Line(record, RecordKey(partner, kind, record_id), *values)


def _conditions(tx: Transaction, wanted: Wanted) -> list[ColumnElement[bool]]:
    return [
        *_of_use_case(wanted),
        *(_excluded(tx, wanted) if wanted.reason is not None else _cases(tx, wanted)),
        *_about_records(wanted),
    ]


def _of_use_case(wanted: Wanted) -> list[ColumnElement[bool]]:
    return [line_list.c.use_case == wanted.use_case, line_list.c.place == wanted.place, _CURRENT]


def _cases(tx: Transaction, wanted: Wanted) -> list[ColumnElement[bool]]:
    c = line_list.c
    asked: list[ColumnElement[bool]] = [c.reason.is_(None), one_of(tx, c.area, wanted.areas)]
    if wanted.first is not None:
        asked.append(c.day >= wanted.first)
    if wanted.last is not None:
        asked.append(c.day <= wanted.last)
    if wanted.ages is not None:
        asked += _aged(*wanted.ages)
    if wanted.sex is not None:
        asked.append(
            or_(c.sex == wanted.sex, c.sex.is_(None)) if wanted.sex == UNKNOWN else c.sex == wanted.sex
        )
    return asked


def _aged(low: int | None, high: int | None) -> list[ColumnElement[bool]]:
    if low is None and high is None:
        return [line_list.c.age.is_(None)]
    return [line_list.c.age.between(low or 0, _OLDEST_AGE if high is None else high)]


def _excluded(tx: Transaction, wanted: Wanted) -> list[ColumnElement[bool]]:
    """Those of one reason. They have no day, and their age and sex are no longer listed."""
    return [
        line_list.c.reason.is_not(None),
        line_list.c.reason == wanted.reason,
        _excluded_within(tx, wanted),
    ]


def _excluded_within(tx: Transaction, wanted: Wanted) -> ColumnElement[bool]:
    within = one_of(tx, _LAST_AREA, wanted.areas)
    return or_(within, _LAST_AREA.is_(None)) if wanted.everywhere else within


def _about_records(wanted: Wanted) -> list[ColumnElement[bool]]:
    asked: list[ColumnElement[bool]] = []
    if wanted.partner is not None:
        of_partner = select(records.c.record).where(records.c.partner == wanted.partner)
        asked.append(line_list.c.record.in_(of_partner))
    if wanted.in_alert is not None:
        seen = and_(alerts.c.use_case == wanted.use_case, alerts.c.scope.in_(sorted(wanted.scopes)))
        members = (
            select(alert_members.c.record).join(alerts, alerts.c.id == alert_members.c.alert_id).where(seen)
        )
        belongs = line_list.c.record.in_(members)
        asked.append(belongs if wanted.in_alert else ~belongs)
    return asked
