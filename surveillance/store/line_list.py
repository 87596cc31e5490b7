"""The line list: what use cases made of records, and when that was known."""

from collections.abc import Collection, Container, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Engine, and_, delete, func, or_, select

from surveillance.line_list.record import Case, Exclusion, RecordKey
from surveillance.store.database import Transaction
from surveillance.store.duplicates import (
    decide_duplicate,
    duplicate_decisions,
    duplicate_state,
    duplicates_in,
    pairs_among,
    propose_duplicates,
    withdraw_duplicates,
)
from surveillance.store.records import (
    Locked,
    count_records,
    enter,
    lock,
    merged_groups,
    numbers_of,
    save_merges,
    save_versions,
    versions_of,
)
from surveillance.store.statements import among, chunks, execute_many, insert_into, insert_missing
from surveillance.store.tables import line_list, person_records, persons, records

__all__ = [
    "EntryCount",
    "ListedRow",
    "Locked",
    "Then",
    "case_rows",
    "cases_known",
    "cases_known_then",
    "cases_on",
    "count_entries",
    "count_records",
    "current_entries",
    "current_in_areas",
    "days_known",
    "decide_duplicate",
    "duplicate_decisions",
    "duplicate_state",
    "duplicates_in",
    "enter",
    "ever_known",
    "lock",
    "merged_groups",
    "pairs_among",
    "persons_of",
    "propose_duplicates",
    "records_sharing",
    "replace_rows",
    "rows_of",
    "save_merges",
    "save_versions",
    "versions_of",
    "withdraw_duplicates",
]

_ENTRY = (
    records.c.partner,
    records.c.kind,
    records.c.record_id,
    line_list.c.version,
    line_list.c.use_case,
    line_list.c.place,
    line_list.c.area,
    line_list.c.day,
    line_list.c.received_at,
    line_list.c.person_keys,
    line_list.c.age,
    line_list.c.sex,
    line_list.c.tokens,
)
_JOINED = line_list.join(records, line_list.c.record == records.c.record)
# By database, use case and place: the rows of the last look, by their number.
_kept: WeakKeyDictionary[Engine, dict[tuple[str, str], dict[int, Case]]] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class ListedRow:
    """What was known of a record, from when until when (None: still)."""

    entry: Case | Exclusion
    known_from: datetime
    known_until: datetime | None


class Then(NamedTuple):
    """Days, both included, and the time at which their cases were known."""

    first_day: date
    last_day: date
    known_at: datetime


class EntryCount(NamedTuple):
    """How many records a use case counts at a place (`reason` None) or does not, by reason, as of now."""

    use_case: str
    place: str
    reason: str | None
    records: int


def replace_rows(
    tx: Transaction, keys: Collection[RecordKey], rows: Iterable[ListedRow], locked: Locked | None = None
) -> None:
    """Writes all that is known of these records anew. Idempotent by record: what was listed before is gone.

    Locks the persons of current and former cases: two records of one person never pass each other unseen.
    """
    rows = tuple(rows)
    numbers = locked.numbers if locked else numbers_of(tx, keys)
    listed = locked.old(keys) if locked else numbers
    former: set[str] = set()
    for some in chunks(sorted(numbers[key] for key in listed)):
        tx.execute(delete(line_list).where(among(tx, line_list.c.record, some)))
        bearing = delete(person_records).where(among(tx, person_records.c.record, some))
        former.update(tx.execute(bearing.returning(person_records.c.person_key)).scalars())
    if not rows:
        return
    columns = [_columns(row, numbers[row.entry.key]) for row in rows]
    execute_many(tx, insert_into(tx, line_list), columns)
    borne = {
        (person_key, numbers[row.entry.key])
        for row in rows
        if row.known_until is None and isinstance(row.entry, Case)
        for person_key in row.entry.person_keys
    }
    _lock_persons(tx, former | {person_key for person_key, _ in borne})
    insert_missing(tx, person_records, [{"person_key": p, "record": r} for p, r in sorted(borne)])


def cases_known(
    tx: Transaction, use_case: str, place: str, first_day: date, last_day: date, known_at: datetime
) -> list[Case]:
    """The cases of these days (both included) as they were known at `known_at`, sorted by key."""
    (cases,) = cases_known_then(tx, use_case, place, [Then(first_day, last_day, known_at)])
    return cases


def cases_known_then(tx: Transaction, use_case: str, place: str, asked: Sequence[Then]) -> list[list[Case]]:
    """The cases of each of several spans of days, each as known at a time of its own, sorted by key.

    A row is written once and its number never given again, so only rows that the last call for this use case
    and place did not see are read.
    """
    told = [_is_known(then) for then in asked]
    of_place = and_(line_list.c.use_case == use_case, line_list.c.place == place)
    found = tx.execute(select(line_list.c.id, *told).where(of_place, or_(*told)))
    known = {row[0]: row for row in found.all()}
    kept = _kept.setdefault(tx.engine, {})
    seen = kept.get((use_case, place), {})
    new = case_rows(tx, (number for number in known if number not in seen))
    still = [(n, case) for n, case in seen.items() if n in known]
    # Those kept are in order already, which makes sorting them again cheap.
    kept[use_case, place] = cases = dict(sorted([*still, *new.items()], key=_key))
    return [[case for n, case in cases.items() if known[n][1 + at]] for at in range(len(asked))]


def case_rows(tx: Transaction, numbers: Iterable[int]) -> dict[int, Case]:
    """Cases by the numbers of their rows."""
    found: dict[int, Case] = {}
    for some in chunks(numbers):
        rows = tx.execute(
            select(line_list.c.id, *_ENTRY).select_from(_JOINED).where(among(tx, line_list.c.id, some))
        )
        found |= {number: _case(row) for number, *row in rows.all()}
    return found


def _key(numbered: tuple[int, Case]) -> RecordKey:
    return numbered[1].key


def _is_known(then: Then) -> ColumnElement[bool]:
    return and_(
        line_list.c.day.between(then.first_day, then.last_day),
        line_list.c.known_from <= then.known_at,
        or_(line_list.c.known_until.is_(None), line_list.c.known_until > then.known_at),
    )


def cases_on(tx: Transaction, use_case: str, place: str, first_day: date, last_day: date) -> list[Case]:
    """The cases of these days (both included) as they are known now, sorted by key. Nothing is kept."""
    rows = tx.execute(
        select(*_ENTRY)
        .select_from(_JOINED)
        .where(
            line_list.c.use_case == use_case,
            line_list.c.place == place,
            line_list.c.day.between(first_day, last_day),
            line_list.c.known_until.is_(None),
            line_list.c.reason.is_(None),
        )
    )
    return sorted((_case(row) for row in rows), key=lambda case: case.key)


def current_in_areas(
    tx: Transaction, use_case: str, place: str, areas: Collection[str], days: tuple[date, date]
) -> list[Case]:
    """The current cases of these areas and days (first and last, both included), in no order."""
    found: list[Case] = []
    for some in chunks(sorted(areas)):
        rows = tx.execute(
            select(*_ENTRY)
            .select_from(_JOINED)
            .where(
                line_list.c.use_case == use_case,
                line_list.c.place == place,
                line_list.c.area.in_(some),
                line_list.c.day.between(*days),
                line_list.c.known_until.is_(None),
                line_list.c.reason.is_(None),
            )
        )
        found.extend(map(_case, rows.all()))
    return found


def days_known(
    tx: Transaction, use_case: str, place: str, areas: Collection[str], known_at: datetime
) -> dict[RecordKey, date]:
    """The case days of the records of these areas, as they were known at `known_at`."""
    found: dict[RecordKey, date] = {}
    for some in chunks(sorted(areas)):
        rows = tx.execute(
            select(records.c.partner, records.c.kind, records.c.record_id, line_list.c.day)
            .select_from(_JOINED)
            .where(
                line_list.c.use_case == use_case,
                line_list.c.place == place,
                line_list.c.area.in_(some),
                line_list.c.known_from <= known_at,
                or_(line_list.c.known_until.is_(None), line_list.c.known_until > known_at),
            )
        )
        found |= {RecordKey(*key): day for *key, day in rows}
    return found


def ever_known(tx: Transaction, use_case: str) -> list[ListedRow]:
    """Every case that was ever known of a use case, with the time in which it was, by that time and key."""
    rows = tx.execute(
        select(*_ENTRY, line_list.c.known_from, line_list.c.known_until)
        .select_from(_JOINED)
        .where(line_list.c.use_case == use_case, line_list.c.reason.is_(None))
    )
    found = [ListedRow(_case(case), since, until) for *case, since, until in rows]
    return sorted(found, key=lambda row: (row.known_from, row.entry.key, row.entry.place))


def rows_of(tx: Transaction, keys: Collection[RecordKey]) -> list[ListedRow]:
    """All that is listed of these records, also what was known earlier; in no order."""
    numbers = numbers_of(tx, keys)
    found: list[ListedRow] = []
    for some in chunks(sorted(numbers.values())):
        rows = tx.execute(
            select(*_ENTRY, line_list.c.reason, line_list.c.known_from, line_list.c.known_until)
            .select_from(_JOINED)
            .where(line_list.c.record.in_(some))
        )
        found.extend(ListedRow(_entry(entry), since, until) for *entry, since, until in rows)
    return found


def persons_of(tx: Transaction, keys: Collection[RecordKey]) -> set[tuple[str, RecordKey]]:
    """The person keys that these records bear, as stored."""
    numbers = {number: key for key, number in numbers_of(tx, keys).items()}
    found: set[tuple[str, RecordKey]] = set()
    for some in chunks(sorted(numbers)):
        rows = tx.execute(select(person_records).where(person_records.c.record.in_(some)))
        found.update((row.person_key, numbers[row.record]) for row in rows)
    return found


def current_entries(tx: Transaction, keys: Collection[RecordKey]) -> list[Case | Exclusion]:
    """What is known now of these records, one entry per use case and place, sorted by key."""
    numbers = numbers_of(tx, keys)
    found: list[Case | Exclusion] = []
    for some in chunks(sorted(numbers.values())):
        rows = tx.execute(
            select(*_ENTRY, line_list.c.reason)
            .select_from(_JOINED)
            .where(among(tx, line_list.c.record, some), line_list.c.known_until.is_(None))
        )
        found.extend(_entry(row) for row in rows)
    return sorted(found, key=lambda entry: (entry.key, entry.use_case, entry.place))


def records_sharing(
    tx: Transaction, person_keys: Collection[str], besides: Container[int] = ()
) -> list[Case]:
    """The current cases of every record that bears one of these person keys, sorted by key. `besides`: the
    numbers of records that are left out."""
    numbers: set[int] = set()
    for some in chunks(sorted(person_keys)):
        bearing = select(person_records.c.record).where(among(tx, person_records.c.person_key, some))
        numbers.update(number for number in tx.execute(bearing).scalars() if number not in besides)
    found: list[Case] = []
    for of_records in chunks(sorted(numbers)):
        rows = tx.execute(
            select(*_ENTRY)
            .select_from(_JOINED)
            .where(
                among(tx, line_list.c.record, of_records),
                line_list.c.known_until.is_(None),
                line_list.c.reason.is_(None),
            )
        )
        found.extend(_case(row) for row in rows)
    return sorted(found, key=lambda case: (case.key, case.use_case, case.place))


def count_entries(tx: Transaction, use_case: str | None = None) -> list[EntryCount]:
    """Current entries by use case, place and reason."""
    by = (line_list.c.use_case, line_list.c.place, line_list.c.reason)
    counted = select(*by, func.count()).where(line_list.c.known_until.is_(None)).group_by(*by)
    if use_case is not None:
        counted = counted.where(line_list.c.use_case == use_case)
    found = (EntryCount(*row) for row in tx.execute(counted))
    return sorted(found, key=lambda count: (count.use_case, count.place, count.reason or ""))


def _lock_persons(tx: Transaction, person_keys: Collection[str]) -> None:
    insert_missing(tx, persons, [{"person_key": key} for key in sorted(person_keys)])
    for some in chunks(sorted(person_keys)):
        tx.execute(
            select(persons.c.person_key)
            .where(among(tx, persons.c.person_key, some))
            .order_by(persons.c.person_key)
            .with_for_update()
        ).all()


def _columns(row: ListedRow, record: int) -> dict[str, Any]:
    entry = row.entry
    case = entry if isinstance(entry, Case) else None
    return {
        "record": record,
        "use_case": entry.use_case,
        "place": entry.place,
        "version": entry.version,
        "known_from": row.known_from,
        "known_until": row.known_until,
        "reason": entry.reason if isinstance(entry, Exclusion) else None,
        "area": case and case.area,
        "day": case and case.day,
        "received_at": case and case.received_at,
        "person_keys": case.person_keys if case else (),
        "age": case and case.age,
        "sex": case and case.sex,
        "tokens": case.tokens if case else (),
    }


def _case(row: Sequence[Any]) -> Case:
    partner, kind, record_id, *values = row
    return Case(RecordKey(partner, kind, record_id), *values)


def _entry(row: Sequence[Any]) -> Case | Exclusion:
    *case, reason = row
    if reason is None:
        return _case(case)
    partner, kind, record_id, version, use_case, place = case[:6]
    return Exclusion(RecordKey(partner, kind, record_id), version, use_case, place, reason)
