"""Records erased for good: the tombstones by which they are refused, and every table that knew of them.

A tombstone is an HMAC under a key that lies outside the database: it tells nobody which record it was.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Table, Text, cast, delete, exists, func, or_, select, update

from surveillance.line_list.classify import person_keys
from surveillance.line_list.forgetting import named_records, without_records
from surveillance.line_list.record import RecordKey
from surveillance.store import tables as t
from surveillance.store.codec import pack, unpack
from surveillance.store.database import Transaction
from surveillance.store.sealed import is_sealed
from surveillance.store.statements import chunks, insert_missing
from surveillance.store.tables_acts import alert_notes, erasures, response_plans, response_tasks
from surveillance.store.tables_answers import record_quality
from surveillance.store.tables_cases import alert_members
from surveillance.store.tables_tests import test_records

_FEWEST_CHARACTERS = (
    4  # a shorter id, or one without a digit, is a word: a text is cleared of its full key only
)
_PAGE = 500
_TEXTS: tuple[tuple[Table, tuple[str, ...]], ...] = (
    (t.alert_history, ("reason",)),
    (t.duplicates, ("reason",)),
    (t.links, ("reason",)),
    (alert_notes, ("text",)),
    (response_plans, ("worked", "not_worked")),
    (response_tasks, ("title", "what", "reason")),
    (erasures, ("reason",)),
)


class KeyChanged(RuntimeError):
    """The key is not the one that records were erased under: they would come back unnoticed."""


def token(key: bytes, record: RecordKey) -> str:
    """What stands for a record where its id must not: HMAC-SHA256 of it, in hexadecimal digits."""
    return hmac.digest(key, f"record {record}".encode(), "sha256").hex()


def check_key(tx: Transaction, key: bytes) -> None:
    """Raises KeyChanged where a record was erased under another key than this one."""
    other = select(erasures.c.key_id).where(erasures.c.key_id != _key_id(key)).limit(1)
    if tx.execute(other).first() is not None:
        raise KeyChanged(
            "dead_letter_key is not the one under which records were erased: what comes of them again would "
            "be stored. Set SURVEILLANCE_DEAD_LETTER_KEY to the key that was in use then"
        )


def erased_among(tx: Transaction, key: bytes, records: Collection[RecordKey]) -> set[RecordKey]:
    """Those of the records that were erased."""
    if tx.execute(select(erasures.c.record_hmac).limit(1)).first() is None:
        return set()
    by_token = {token(key, record): record for record in records}
    found: set[RecordKey] = set()
    for some in chunks(sorted(by_token)):
        rows = tx.execute(select(erasures.c.record_hmac).where(erasures.c.record_hmac.in_(some)))
        found.update(by_token[row] for row in rows.scalars())
    return found


def entomb(tx: Transaction, key: bytes, record: RecordKey, by: str, at: datetime, reason: str) -> None:
    """Sets a record's tombstone. Idempotent by record: the first one stays."""
    row = {"record_hmac": token(key, record), "key_id": _key_id(key), "at": at, "by": by, "reason": reason}
    insert_missing(tx, erasures, [row])


def places_of(tx: Transaction, numbers: Collection[int]) -> set[tuple[str, str]]:
    """The use cases and areas in which these records were ever listed as cases."""
    query = select(t.line_list.c.use_case, t.line_list.c.area).distinct()
    rows = tx.execute(query.where(t.line_list.c.record.in_(sorted(numbers)), t.line_list.c.area.is_not(None)))
    return {(use_case, area) for use_case, area in rows}


def records_naming(tx: Transaction, record: RecordKey) -> dict[RecordKey, int]:
    """The other records of which a version names this one, with their numbers. Reads every content once, and
    opens those that are sealed."""
    columns = (t.records.c.partner, t.records.c.kind, t.records.c.record_id, t.records.c.record)
    rows = tx.execute(
        select(*columns, t.record_versions.c.content)
        .join(t.record_versions)
        .where(_may_hold(t.record_versions.c.content, record.record_id))
    ).yield_per(_PAGE)
    found = ((RecordKey(*row[:3]), row.record, row.content) for row in rows)
    return {
        key: number
        for key, number, content in found
        if key != record and record in named_records(key, content)
    }


def forget_in_contents(tx: Transaction, numbers: Collection[int], record: RecordKey) -> None:
    """Takes the record out of what other records' versions say. Their hashes stay: a repeat is a repeat."""
    v = t.record_versions
    columns = (t.records.c.partner, t.records.c.kind, t.records.c.record_id, *v.c)
    rows = tx.execute(select(*columns).join(v).where(v.c.record.in_(sorted(numbers)))).all()
    for row in rows:
        content = without_records(RecordKey(*row[:3]), row.content, {record})
        same = (v.c.record == row.record, v.c.version == row.version, v.c.content_hash == row.content_hash)
        tx.execute(update(v).where(*same).values(content=dict(content)))


def remove_record(tx: Transaction, record: RecordKey, number: int) -> int:
    """Removes the record, its versions, its rows of the line list, its place in alerts, its person's keys
    unless another record bears them, its pairs, its merges and what was answered to tests of it; returns how
    many versions there were."""
    persons = _person_keys(tx, number)
    versions = tx.execute(delete(t.record_versions).where(t.record_versions.c.record == number)).rowcount
    target = (t.merges.c.partner == record.partner) & (t.merges.c.kind == record.kind)
    target &= t.merges.c.record_id == record.record_id
    tx.execute(delete(t.merges).where(or_(t.merges.c.record == number, target)))
    tried = (test_records.c.partner == record.partner) & (test_records.c.kind == record.kind)
    tx.execute(delete(test_records).where(tried & (test_records.c.record_id == record.record_id)))
    for table in (alert_members, record_quality, t.line_list, t.person_records, t.records):
        tx.execute(delete(table).where(table.c.record == number))
    for table in (t.duplicates, t.links):
        tx.execute(delete(table).where(or_(table.c.record_a == str(record), table.c.record_b == str(record))))
    borne = exists().where(t.person_records.c.person_key == t.persons.c.person_key)
    for some in chunks(sorted(persons)):
        tx.execute(delete(t.persons).where(t.persons.c.person_key.in_(some), ~borne))
    return versions


def replace_in_alerts(tx: Transaction, record: RecordKey, stand_in: str) -> list[str]:
    """Puts the stand-in where alerts, in any revision, name the record; returns the ids of those alerts."""
    touched = set()
    for table, keys in ((t.alerts, ("id",)), (t.alert_history, ("alert_id", "revision"))):
        columns = [table.c[name] for name in keys]
        rows = tx.execute(select(*columns, table.c.alert).where(_may_hold(table.c.alert, str(record)))).all()
        for *key, alert in rows:
            replaced = _replaced(alert, str(record), stand_in)
            if replaced != alert:
                same = (column == value for column, value in zip(columns, key, strict=True))
                tx.execute(update(table).where(*same).values(alert=replaced))
                touched.add(key[0])
    return sorted(touched)


def is_linked(tx: Transaction, record: RecordKey) -> bool:
    """Whether a person linked the record with another: then every evaluation since has looked at the link."""
    either = or_(t.links.c.record_a == str(record), t.links.c.record_b == str(record))
    return tx.execute(select(t.links.c.by).where(either).limit(1)).first() is not None


def replace_in_snapshots(
    tx: Transaction, record: RecordKey, stand_in: str, use_cases: Collection[str] | None
) -> int:
    """Puts the stand-in where snapshots of these use cases (None: of any) name the record; how many did."""
    table, changed = t.evaluations, 0
    query = select(table.c.id).where(table.c.snapshot.is_not(None)).order_by(table.c.id)
    if use_cases is not None:
        query = query.where(table.c.use_case.in_(sorted(use_cases)))
    for number in tx.execute(query).scalars().all():
        packed = tx.execute(select(table.c.snapshot).where(table.c.id == number)).scalar_one()
        snapshot = unpack(packed)
        replaced = _replaced(snapshot, str(record), stand_in)
        if replaced != snapshot:
            tx.execute(update(table).where(table.c.id == number).values(snapshot=pack(replaced)))
            changed += 1
    return changed


def clear_texts(tx: Transaction, record: RecordKey) -> None:
    """Takes the record's id out of what people wrote."""
    sought = record.record_id if _is_distinct(record.record_id) else str(record)
    for table, names in _TEXTS:
        keys = list(table.primary_key.columns)
        for name in names:
            column = table.c[name]
            for *key, text in tx.execute(select(*keys, column).where(_may_hold(column, sought))).all():
                if (without := cleared(text, record)) != text:
                    same = (one == value for one, value in zip(keys, key, strict=True))
                    tx.execute(update(table).where(*same).values({name: without}))


def cleared(text: str, record: RecordKey) -> str:
    """A text without the record's key, and without its id where that is no common word."""
    source = f"{re.escape(record.partner)}/{re.escape(record.kind)}/"
    optional = "?" if _is_distinct(record.record_id) else ""
    pattern = rf"(?<![\w.:-])(?:{source}){optional}{re.escape(record.record_id)}(?![\w:-]|\.\w)"
    return re.sub(pattern, "[erased]", text)


@dataclass(frozen=True, slots=True)
class Tombstone:
    """When a record was erased, by whom and why."""

    at: datetime
    by: str
    reason: str


def tombstone(tx: Transaction, key: bytes, record: RecordKey) -> Tombstone | None:
    """The record's tombstone, or None."""
    row = tx.execute(select(erasures).where(erasures.c.record_hmac == token(key, record))).one_or_none()
    return None if row is None else Tombstone(row.at, row.by, row.reason)


def count(tx: Transaction) -> int:
    """How many records were erased."""
    return tx.execute(select(func.count()).select_from(erasures)).scalar_one()


def _key_id(key: bytes) -> str:
    return hmac.new(key, b"which key erases", hashlib.sha256).hexdigest()[:16]


def _is_distinct(record_id: str) -> bool:
    return len(record_id) >= _FEWEST_CHARACTERS and any(c.isdecimal() for c in record_id)


def _may_hold(column: Column[Any], text: str) -> Any:
    """Whether a value holds the text, or is sealed: only who opens it can tell."""
    stored = cast(column, Text)
    return or_(stored.contains(text, autoescape=True), is_sealed(column))


def _person_keys(tx: Transaction, number: int) -> set[str]:
    """Every person key that the record ever bore."""
    contents = select(t.record_versions.c.content).where(t.record_versions.c.record == number)
    listed = select(t.line_list.c.person_keys).where(t.line_list.c.record == number)
    borne = select(t.person_records.c.person_key).where(t.person_records.c.record == number)
    return {
        *(key for content in tx.execute(contents).scalars() for key in person_keys(content)),
        *(key for keys in tx.execute(listed).scalars() for key in keys),
        *tx.execute(borne).scalars(),
    }


def _replaced(value: Any, old: str, new: str) -> Any:
    """A JSON value in which every text that names the record names the stand-in."""
    if isinstance(value, dict):
        return {key: _replaced(item, old, new) for key, item in value.items()}
    if value == old.split("/", 2):  # a key as a pair of linked records holds it
        return new.split("/", 2)
    if isinstance(value, list):
        return [_replaced(item, old, new) for item in value]
    return next((f"{p}{new}{value[len(p + old) :]}" for p in _named(value, old)), value)


def _named(value: Any, old: str) -> Iterator[str]:
    """What stands before the record where a text names it: nothing, or the type of a token."""
    for before in ("", "link:"):
        if isinstance(value, str) and (value == before + old or value.startswith(f"{before}{old}@")):
            yield before
