"""Records that have expired: which they are, and every trace of them removed.

Nothing is remembered of them: not even which they were. Where alerts named one stands a name without meaning.
"""

import re
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, delete, exists, false, func, or_, select, update

from surveillance.alerting.finding import SERVICE
from surveillance.line_list.classify import person_keys
from surveillance.line_list.forgetting import named_records, without_records
from surveillance.line_list.record import RecordKey
from surveillance.store import tables as t
from surveillance.store.alerts import ENDED
from surveillance.store.codec import pack, unpack
from surveillance.store.database import Transaction
from surveillance.store.evaluations import EXPIRED
from surveillance.store.records import numbers_of
from surveillance.store.sealed import SAYS_NOTHING_BYTES
from surveillance.store.statements import by_source, chunks, insert_missing
from surveillance.store.tables_acts import alert_notes, response_plans, response_tasks
from surveillance.store.tables_answers import record_quality
from surveillance.store.tables_archive import archived_periods
from surveillance.store.tables_cases import alert_members
from surveillance.store.tables_releases import release_blocks, release_tallies, releases
from surveillance.store.tables_tests import test_records

_PAGE = 500
_KEY = (t.records.c.partner, t.records.c.kind, t.records.c.record_id)


def expired(tx: Transaction, last_days: Mapping[str, date], uncounted_before: datetime | None) -> set[int]:
    """Our numbers for the records that nobody needs any more.

    last_days: by use case, the last case day that has expired. A record goes when every use case that ever
    counted it lets it go; one that none ever counted, when all of it was received before `uncounted_before`
    (None: never).
    """
    listed = t.line_list.c
    gone: set[int] = set()
    for use_case, last in last_days.items():
        days = (listed.use_case == use_case, listed.day <= last)
        gone.update(tx.execute(select(listed.record).distinct().where(*days)).scalars())
    needed: set[int] = set()
    for some in chunks(sorted(gone)):
        newest = select(listed.record, listed.use_case, func.max(listed.day))
        of_some = newest.where(listed.record.in_(some), listed.day.is_not(None))
        for record, use_case, day in tx.execute(of_some.group_by(listed.record, listed.use_case)):
            if day > last_days.get(use_case, date.min):
                needed.add(record)
    return (gone - needed) | _uncounted(tx, uncounted_before)


def held(tx: Transaction, numbers: Collection[int], finished_since: Mapping[str, datetime]) -> set[int]:
    """Those of the records that are members of an alert that goes on, or that was finished only since then
    (by use case)."""
    needed = [
        and_(t.alerts.c.use_case == use_case, t.alerts.c.changed_at > at)
        for use_case, at in finished_since.items()
    ]
    kept = or_(t.alerts.c.state.not_in(ENDED), t.alerts.c.use_case.not_in(finished_since), *needed)
    members = select(alert_members.c.record).distinct().join(t.alerts).where(kept)
    return set(tx.execute(members).scalars()) & set(numbers)


def keys_of(tx: Transaction, numbers: Collection[int]) -> dict[RecordKey, int]:
    """The records by their numbers."""
    found: dict[RecordKey, int] = {}
    for some in chunks(sorted(numbers)):
        rows = tx.execute(select(*_KEY, t.records.c.record).where(t.records.c.record.in_(some)))
        found |= {RecordKey(*row[:3]): row[3] for row in rows}
    return found


def ever_counted(tx: Transaction, keys: Collection[RecordKey]) -> set[RecordKey]:
    """Those of the records that any use case ever counted."""
    numbers = {number: key for key, number in numbers_of(tx, keys).items()}
    found: set[RecordKey] = set()
    for some in chunks(sorted(numbers)):
        counted = (t.line_list.c.record.in_(some), t.line_list.c.day.is_not(None))
        rows = tx.execute(select(t.line_list.c.record).distinct().where(*counted))
        found.update(numbers[row] for row in rows.scalars())
    return found


def archive(tx: Transaction, rows: Iterable[dict[str, Any]]) -> int:
    """Adds months; returns how many were new. Idempotent by use case, scope and first day: what is there
    stays."""
    return insert_missing(tx, archived_periods, list(rows))


def remove(tx: Transaction, keys: Mapping[RecordKey, int]) -> None:
    """Removes the records and all that is stored of them under their number, key or id."""
    for some in chunks(sorted(keys), _PAGE):
        numbers = [keys[key] for key in some]
        persons = _persons(tx, numbers)
        _remove_named(tx, some)
        tables = (alert_members, record_quality, t.line_list, t.person_records, t.merges, t.record_versions)
        for table in (*tables, t.records):
            tx.execute(delete(table).where(table.c.record.in_(numbers)))
        borne = exists().where(t.person_records.c.person_key == t.persons.c.person_key)
        for of_persons in chunks(sorted(persons)):
            tx.execute(delete(t.persons).where(t.persons.c.person_key.in_(of_persons), ~borne))


def forget_in_contents(tx: Transaction, gone: Collection[RecordKey]) -> set[RecordKey]:
    """Takes the records out of what others say of them; returns those others. Reads every content once."""
    v = t.record_versions
    rows = tx.execute(select(*_KEY, *v.c).join(v)).yield_per(_PAGE)
    naming = [
        row
        for row in rows
        if (key := RecordKey(*row[:3])) not in gone and not named_records(key, row.content).isdisjoint(gone)
    ]
    for row in naming:
        content = without_records(RecordKey(*row[:3]), row.content, gone)
        same = (v.c.record == row.record, v.c.version == row.version, v.c.content_hash == row.content_hash)
        tx.execute(update(v).where(*same).values(content=dict(content)))
    return {RecordKey(*row[:3]) for row in naming}


def rename_in_alerts(tx: Transaction, gone: Collection[RecordKey]) -> None:
    """Puts a name without meaning, the same wherever it is the same record, where alerts name one."""
    names = {str(key): f"{EXPIRED}/{key.kind}/{secrets.token_hex(6)}" for key in gone}
    for table in (t.alerts, t.alert_history):
        keys = list(table.primary_key.columns)
        for *key, alert in tx.execute(select(*keys, table.c.alert)).all():
            renamed = _renamed(alert, names)
            if renamed != alert:
                same = (column == value for column, value in zip(keys, key, strict=True))
                tx.execute(update(table).where(*same).values(alert=renamed))


def empty_snapshots(
    tx: Transaction, gone: Collection[RecordKey], before: Mapping[str, date], today: date
) -> int:
    """Leaves of a snapshot only that it has expired, where it names one of the records or is of an earlier
    day than its use case keeps; returns how many."""
    e, names, emptied = t.evaluations, set(map(str, gone)), 0
    ids = select(e.c.id).where(func.length(e.c.snapshot) > SAYS_NOTHING_BYTES)
    if not gone:
        old = [and_(e.c.use_case == use_case, e.c.as_of < day) for use_case, day in before.items()]
        ids = ids.where(or_(false(), *old))
    for number in tx.execute(ids).scalars().all():
        row = tx.execute(select(e.c.use_case, e.c.as_of, e.c.snapshot).where(e.c.id == number)).one()
        snapshot = unpack(row.snapshot)
        is_old = row.as_of < before.get(row.use_case, date.min)
        if is_old or not names.isdisjoint(_records_in(snapshot)):
            tx.execute(update(e).where(e.c.id == number).values(snapshot=pack({EXPIRED: today})))
            emptied += 1
    return emptied


def clear_finished(tx: Transaction, finished_before: Mapping[str, datetime]) -> int:
    """Clears what people wrote about alerts that were finished before then (by use case); how many alerts."""
    cleared = 0
    for use_case, at in finished_before.items():
        old = (t.alerts.c.use_case == use_case, t.alerts.c.state.in_(ENDED), t.alerts.c.changed_at <= at)
        ids = select(t.alerts.c.id).where(*old)
        history = t.alert_history.c
        by_people = (history.by != SERVICE, history.reason.not_in(("", EXPIRED)))
        tx.execute(
            update(t.alert_history).where(history.alert_id.in_(ids), *by_people).values(reason=EXPIRED)
        )
        tx.execute(update(alert_notes).where(alert_notes.c.alert_id.in_(ids)).values(text=EXPIRED))
        plans = response_plans.c
        evaluated = (plans.alert_id.in_(ids), plans.worked.is_not(None))
        tx.execute(update(response_plans).where(*evaluated).values(worked=EXPIRED, not_worked=EXPIRED))
        of_plans = response_tasks.c.plan_id.in_(select(plans.id).where(plans.alert_id.in_(ids)))
        texts = {"title": EXPIRED, "what": EXPIRED, "reason": None}
        tx.execute(update(response_tasks).where(of_plans, response_tasks.c.title != EXPIRED).values(**texts))
        cleared += tx.execute(select(func.count()).select_from(ids.subquery())).scalar_one()
    return cleared


def drop_tallies(tx: Transaction) -> int:
    """Removes the exact counts behind releases whose block is published: nothing is made of them any more."""
    r, b = releases.c, release_blocks.c
    within = (
        b.use_case == r.use_case,
        b.scope == r.scope,
        b.first_day <= r.first_day,
        r.last_day <= b.last_day,
    )
    done = select(r.id).where(exists().where(*within))
    return tx.execute(delete(release_tallies).where(release_tallies.c.release.in_(done))).rowcount


def drop_refused(tx: Transaction, before: datetime) -> int:
    """Removes dead letters and answers to tests of messages received before then; returns how many."""
    return sum(
        tx.execute(delete(table).where(table.c.received_at < before)).rowcount
        for table in (t.dead_letters, test_records)
    )


def _uncounted(tx: Transaction, before: datetime | None) -> set[int]:
    if before is None:
        return set()
    number = t.records.c.record
    counted = exists().where(t.line_list.c.record == number, t.line_list.c.day.is_not(None))
    recent = exists().where(t.record_versions.c.record == number, t.record_versions.c.received_at >= before)
    received = exists().where(t.record_versions.c.record == number)
    return set(tx.execute(select(number).where(~counted, ~recent, received)).scalars())


def _persons(tx: Transaction, numbers: Collection[int]) -> set[str]:
    """Every person key that these records ever bore."""
    contents = select(t.record_versions.c.content).where(t.record_versions.c.record.in_(numbers))
    borne = select(t.person_records.c.person_key).where(t.person_records.c.record.in_(numbers))
    named = (key for content in tx.execute(contents).scalars() for key in person_keys(content))
    return {*named, *tx.execute(borne).scalars()}


def _remove_named(tx: Transaction, keys: Collection[RecordKey]) -> None:
    """Rows that name a record by its key or id instead of our number."""
    for partner, kind, ids in by_source(keys):
        for table in (t.dead_letters, test_records, t.merges):
            own = (table.c.partner == partner, table.c.kind == kind, table.c.record_id.in_(ids))
            tx.execute(delete(table).where(*own))
    texts = sorted(map(str, keys))
    for table in (t.duplicates, t.links):
        tx.execute(delete(table).where(or_(table.c.record_a.in_(texts), table.c.record_b.in_(texts))))


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A JSON value in which every text that names one of the records has the name that stands for it."""
    if isinstance(value, dict):
        return {key: _renamed(item, names) for key, item in value.items()}
    if isinstance(value, list):
        if len(value) == 3 and all(isinstance(one, str) for one in value) and "/".join(value) in names:
            return names["/".join(value)].split("/", 2)
        return [_renamed(item, names) for item in value]
    if not isinstance(value, str):
        return value
    before, record, version = _parts(value)
    return f"{before}{names[record]}{version}" if record in names else value


def _records_in(value: Any) -> Iterator[str]:
    """Every text within a JSON value that may name a record, as a key."""
    if isinstance(value, dict):
        for item in value.values():
            yield from _records_in(item)
    elif isinstance(value, list):
        if len(value) == 3 and all(isinstance(one, str) for one in value):
            yield "/".join(value)
        for item in value:
            yield from _records_in(item)
    elif isinstance(value, str):
        yield _parts(value)[1]


def _parts(text: str) -> tuple[str, str, str]:
    """What stands before a record's key, the key, and its version: `link:`, `partner/kind/id`, `@2`."""
    found = re.fullmatch(r"(link:)?(.*?)(@\d+)?", text, re.DOTALL)
    assert found is not None  # every text matches
    return found[1] or "", found[2], found[3] or ""
