"""Records, their versions and merges. Writers of one record take turns: they lock its row first."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from surveillance.line_list.components import components
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.store.database import Transaction
from surveillance.store.statements import (
    among,
    by_source,
    execute_many,
    insert_into,
    insert_missing,
    insert_new,
)
from surveillance.store.tables import merges, record_versions, records


class Locked(NamedTuple):
    """Records that belong to this transaction, by their numbers. `new`: those that it made, of which nothing
    else is stored yet."""

    numbers: Mapping[RecordKey, int]
    new: frozenset[RecordKey]

    def old(self, keys: Iterable[RecordKey]) -> list[RecordKey]:
        """Those of the keys that were there before."""
        return [key for key in keys if key not in self.new]

    def joined(self, more: "Locked") -> "Locked":
        """With more records."""
        return Locked({**self.numbers, **more.numbers}, self.new | more.new)


def lock(tx: Transaction, keys: Collection[RecordKey]) -> Mapping[RecordKey, int]:
    """Gives each record its number, new ones included, and keeps other writers off until the end."""
    return enter(tx, keys).numbers


def enter(tx: Transaction, keys: Collection[RecordKey]) -> Locked:
    """Locks records and says which of them are new. Idempotent by record key.

    Rows are inserted and locked in one order everywhere, so that two writers wait for each other and do not
    block each other for good.
    """
    columns = [records.c.partner, records.c.kind, records.c.record_id, records.c.record]
    rows = insert_new(tx, records, [key._asdict() for key in sorted(set(keys))], columns)
    added = {RecordKey(row.partner, row.kind, row.record_id): row.record for row in rows}
    found = dict(added)
    for condition in _in(tx, records.c, set(keys) - added.keys()):
        old = select(*columns).where(condition).order_by(records.c.record).with_for_update()
        found |= {RecordKey(p, k, i): number for p, k, i, number in tx.execute(old)}
    return Locked(found, frozenset(added))


def numbers_of(tx: Transaction, keys: Collection[RecordKey]) -> dict[RecordKey, int]:
    """The numbers of those records that the store has."""
    columns = (records.c.partner, records.c.kind, records.c.record_id, records.c.record)
    return {
        RecordKey(p, k, i): record
        for condition in _in(tx, records.c, keys)
        for p, k, i, record in tx.execute(select(*columns).where(condition))
    }


def versions_of(tx: Transaction, keys: Collection[RecordKey]) -> dict[RecordKey, tuple[RecordVersion, ...]]:
    """The stored versions of each record, in the order in which they win; without one it is left out."""
    found: defaultdict[RecordKey, list[RecordVersion]] = defaultdict(list)
    columns = (records.c.partner, records.c.kind, records.c.record_id, *record_versions.c)
    for condition in _in(tx, records.c, keys):
        for p, k, i, _, version, content_hash, received_at, content in tx.execute(
            select(*columns).join(record_versions).where(condition)
        ):
            key = RecordKey(p, k, i)
            found[key].append(RecordVersion(key, version, content_hash, received_at, content))
    return {key: tuple(sorted(versions, key=lambda v: v.rank)) for key, versions in found.items()}


def save_versions(tx: Transaction, versions: Iterable[RecordVersion], locked: Locked | None = None) -> None:
    """Adds versions. Idempotent by record, version and content hash; a repeat keeps the earlier receipt.

    locked: these records, where the caller has them; here and below.
    """
    distinct: dict[tuple[RecordKey, int, str], RecordVersion] = {}
    for version in sorted(versions, key=lambda v: v.received_at):
        distinct.setdefault((version.key, *version.rank), version)
    numbers = locked.numbers if locked else numbers_of(tx, {v.key for v in distinct.values()})
    statement = insert_into(tx, record_versions)
    new = statement.excluded
    execute_many(
        tx,
        statement.on_conflict_do_update(
            index_elements=["record", "version", "content_hash"],
            set_={"received_at": new.received_at},
            where=new.received_at < record_versions.c.received_at,
        ),
        [_version_row(version, numbers[version.key]) for version in distinct.values()],
    )


def save_merges(
    tx: Transaction, targets: Mapping[RecordKey, Collection[RecordKey]], locked: Locked | None = None
) -> None:
    """Adds the records that each record was ever merged into. Idempotent by record and target."""
    numbers = locked.numbers if locked else numbers_of(tx, targets.keys())
    rows = [
        {"record": numbers[key], **target._asdict()} for key, found in targets.items() for target in found
    ]
    insert_missing(tx, merges, rows)


def merged_groups(tx: Transaction, keys: Collection[RecordKey]) -> list[frozenset[RecordKey]]:
    """The keys and all that merges ever connected with them, a group for each set of connected records.

    All these records are locked on return: whoever rewrites one for a merge must not race its own writer.
    """
    locked = set(keys)
    while True:
        edges = _connected(tx, locked)
        connected = {key for edge in edges for key in edge}
        if connected <= locked:
            return [frozenset(group) for group in components(sorted(locked), sorted(edges))]
        lock(tx, connected - locked)
        locked |= connected


def groups_of(tx: Transaction, keys: Collection[RecordKey]) -> list[frozenset[RecordKey]]:
    """As `merged_groups`, for reading only: nothing is locked."""
    edges = _connected(tx, keys)
    connected = {*keys, *(key for edge in edges for key in edge)}
    return [frozenset(group) for group in components(sorted(connected), sorted(edges))]


def merges_of(tx: Transaction, keys: Collection[RecordKey]) -> dict[RecordKey, set[RecordKey]]:
    """The records that each of these was ever merged into, as stored; one without any is left out."""
    found: defaultdict[RecordKey, set[RecordKey]] = defaultdict(set)
    columns = (*(records.c[n] for n in RecordKey._fields), *(merges.c[n] for n in RecordKey._fields))
    joined = select(*columns).join(merges, merges.c.record == records.c.record)
    for condition in _in(tx, records.c, keys):
        for row in tx.execute(joined.where(condition)):
            found[RecordKey(*row[:3])].add(RecordKey(*row[3:]))
    return dict(found)


def merged_with(tx: Transaction, key: RecordKey) -> list[RecordKey]:
    """The other records that merges ever connected with this one, sorted; nothing is locked."""
    edges = _connected(tx, {key})
    return sorted({one for edge in edges for one in edge} - {key})


def count_records(tx: Transaction) -> int:
    """Records of which at least one version is stored."""
    return tx.execute(select(func.count(record_versions.c.record.distinct()))).scalar_one()


def _version_row(version: RecordVersion, record: int) -> dict[str, Any]:
    return {
        "record": record,
        "version": version.version,
        "content_hash": version.content_hash,
        "received_at": version.received_at,
        "content": dict(version.content),
    }


def _connected(tx: Transaction, keys: Collection[RecordKey]) -> set[tuple[RecordKey, RecordKey]]:
    edges: set[tuple[RecordKey, RecordKey]] = set()
    seen: set[RecordKey] = set()
    frontier = set(keys)
    while frontier:
        found = _edges_at(tx, frontier)
        edges |= found
        seen |= frontier
        frontier = {key for edge in found for key in edge} - seen
    return edges


def _edges_at(tx: Transaction, keys: Collection[RecordKey]) -> set[tuple[RecordKey, RecordKey]]:
    """The merges that begin or end at one of `keys`."""
    columns = (
        *(records.c[name] for name in RecordKey._fields),
        *(merges.c[name] for name in RecordKey._fields),
    )
    joined = select(*columns).join(merges, merges.c.record == records.c.record)
    conditions = (*_in(tx, records.c, keys), *_in(tx, merges.c, keys))
    rows = (row for condition in conditions for row in tx.execute(joined.where(condition)))
    return {(RecordKey(*row[:3]), RecordKey(*row[3:])) for row in rows}


def _in(
    tx: Transaction, columns: ReadOnlyColumnCollection[str, Any], keys: Collection[RecordKey]
) -> Iterator[ColumnElement[bool]]:
    """Conditions on partner, kind and record_id that together hold for exactly these keys."""
    for partner, kind, ids in by_source(keys):
        yield and_(columns.partner == partner, columns.kind == kind, among(tx, columns.record_id, ids))
