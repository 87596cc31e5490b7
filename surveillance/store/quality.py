"""How late and how complete partners' records are: written with each version, counted by month."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, and_, case, func, select

from surveillance.line_list.quality import FIELDS, Quality
from surveillance.line_list.record import RecordKey
from surveillance.store.database import Transaction
from surveillance.store.statements import chunks, execute_many, insert_into
from surveillance.store.tables import record_versions, records
from surveillance.store.tables_answers import record_quality

Source = tuple[str, str]  # partner and kind of record


def save(tx: Transaction, found: Mapping[RecordKey, Quality], numbers: Mapping[RecordKey, int]) -> None:
    """Replaces the quality of these records. Idempotent by record."""
    statement = insert_into(tx, record_quality)
    new = statement.excluded
    changed = {name: new[name] for name in ("month", "delay_hours", "fields")}
    execute_many(
        tx,
        statement.on_conflict_do_update(index_elements=["record"], set_=changed),
        [_row(numbers[key], key, quality) for key, quality in sorted(found.items())],
    )


def stored(tx: Transaction, numbers: Mapping[RecordKey, int]) -> dict[RecordKey, Quality]:
    """What is stored of these records; one that was not measured is left out."""
    by_number = {number: key for key, number in numbers.items()}
    found: dict[RecordKey, Quality] = {}
    for some in chunks(sorted(by_number)):
        rows = tx.execute(select(record_quality).where(record_quality.c.record.in_(some)))
        found |= {by_number[r.record]: Quality(r.month, r.delay_hours, r.fields) for r in rows}
    return found


def unmeasured(tx: Transaction, after: int, limit: int) -> dict[int, RecordKey]:
    """Records above a number that have versions and no quality: stored before it was written."""
    query = (
        select(records.c.record, records.c.partner, records.c.kind, records.c.record_id)
        .outerjoin(record_quality, record_quality.c.record == records.c.record)
        .where(records.c.record > after, record_quality.c.record.is_(None))
        .where(select(record_versions.c.record).where(record_versions.c.record == records.c.record).exists())
        .order_by(records.c.record)
        .limit(limit)
    )
    return {number: RecordKey(*key) for number, *key in tx.execute(query)}


def delays(tx: Transaction, partner: str, kind: str, since: date) -> dict[date, Counter[int]]:
    """By month of first receipt, how many records came after how many whole hours."""
    c = record_quality.c
    query = (
        select(c.month, c.delay_hours, func.count())
        .where(_of(partner, kind, since))
        .group_by(c.month, c.delay_hours)
    )
    found: defaultdict[date, Counter[int]] = defaultdict(Counter)
    for month, hours, number in tx.execute(query):
        found[month][hours] = number
    return dict(sorted(found.items()))


def filled(
    tx: Transaction, partner: str, kind: str, since: date
) -> tuple[dict[date, int], dict[date, Counter[str]]]:
    """By month of first receipt, how many records there are, and how many of them have each field."""
    c, names = record_quality.c, FIELDS[kind]
    has = (func.count(case((c.fields.bitwise_and(1 << place) != 0, 1))) for place in range(len(names)))
    query = select(c.month, func.count(), *has).where(_of(partner, kind, since)).group_by(c.month)
    totals: dict[date, int] = {}
    having: dict[date, Counter[str]] = {}
    for month, number, *have in tx.execute(query):
        totals[month] = number
        having[month] = Counter(dict(zip(names, have, strict=True)))
    return totals, having


def shares(tx: Transaction, source: Source, since: date) -> dict[str, float]:
    """The share of a partner's records since a month that have each field; empty where there is no record."""
    totals, having = filled(tx, *source, since)
    number, have = sum(totals.values()), sum(having.values(), Counter[str]())
    return {name: have[name] / number for name in FIELDS[source[1]]} if number else {}


def _of(partner: str, kind: str, since: date) -> ColumnElement[bool]:
    c = record_quality.c
    return and_(c.partner == partner, c.kind == kind, c.month >= since)


def _row(number: int, key: RecordKey, quality: Quality) -> dict[str, Any]:
    return {
        "record": number,
        "partner": key.partner,
        "kind": key.kind,
        "month": quality.month,
        "delay_hours": quality.delay_hours,
        "fields": quality.fields,
    }
