"""What must hold between tables, asked of the tables themselves. Each answer is a list of faults, in words.

A fault names rows by keys that identify nobody: a record is told by our number for it.
"""

from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import NamedTuple

from sqlalchemy import ForeignKeyConstraint, and_, func, not_, or_, select, text

from surveillance.alerting.finding import record_of
from surveillance.line_list.record import RecordKey
from surveillance.store import ledger, records
from surveillance.store import tables as t
from surveillance.store.database import Transaction
from surveillance.store.statements import chunks
from surveillance.store.tables import Base
from surveillance.store.tables_cases import alert_members

_PAGE = 500


class LogHoles(NamedTuple):
    """A log with offsets that nobody handled below handled ones, and how many expired unhandled."""

    topic: str
    partition: int
    missing: int
    lost: int


def broken_files(tx: Transaction) -> list[str]:
    """What SQLite finds wrong with its file; PostgreSQL has checksums and pg_amcheck for that."""
    if tx.dialect.name != "sqlite":
        return []
    found = tx.execute(text("PRAGMA integrity_check")).scalars().all()
    return [] if found == ["ok"] else [f"the file is damaged: {one}" for one in found]


def count_rows(tx: Transaction) -> int:
    """Rows of all tables together: every one of them was read."""
    return sum(
        tx.execute(select(func.count()).select_from(table)).scalar_one()
        for table in Base.metadata.tables.values()
    )


def broken_references(tx: Transaction) -> list[str]:
    """Rows that refer to a row that is not there, by table: a restore or a hand can leave such."""
    found = []
    for table in Base.metadata.sorted_tables:
        for constraint in table.foreign_key_constraints:
            missing = _unmet(tx, constraint)
            if missing:
                named = ", ".join(column.name for column in constraint.columns)
                parent = constraint.referred_table.name
                found.append(f"{table.name}: {missing} rows of which {named} is not in {parent}")
    return found


def log_holes(tx: Transaction) -> list[LogHoles]:
    """Every log of the ledger with what is missing of it."""
    return [
        LogHoles(
            place.topic,
            place.partition,
            sum(len(r) for r in _holes(position)),
            position.lost,
        )
        for place, position in sorted(ledger.positions(tx).items())
    ]


def letters_unhandled(tx: Transaction) -> int:
    """Dead letters of which the ledger does not know that they were handled."""
    at = {(place, p.epoch): p.handled for place, p in ledger.positions(tx).items()}
    c = t.dead_letters.c
    columns = (c.cluster_id, c.topic, c.topic_id, c.partition, c.epoch, c.offset)
    rows = tx.execute(select(*columns)).yield_per(_PAGE)
    known = ((at.get((ledger.LogPlace(*place), epoch)), offset) for *place, epoch, offset in rows)
    return sum(handled is not None and offset not in handled for handled, offset in known)


def faulty_alerts(tx: Transaction) -> Iterator[str]:
    """Alerts whose history has a gap, whose current revision is not the last of it, or whose members are
    listed otherwise than it says."""
    last = _last_revisions(tx)
    query = select(t.alerts.c.id, t.alerts.c.revision, t.alerts.c.alert).order_by(t.alerts.c.id)
    for some in chunks(tx.execute(query).yield_per(_PAGE), _PAGE):
        members = _members(tx, [row.id for row in some])
        for row in some:
            if last.pop(row.id, None) != (row.revision, row.revision):
                yield f"alert {row.id}: its history does not hold each of its {row.revision} revisions once"
                continue
            of_last = and_(t.alert_history.c.alert_id == row.id, t.alert_history.c.revision == row.revision)
            if tx.execute(select(t.alert_history.c.alert).where(of_last)).scalar_one() != row.alert:
                yield f"alert {row.id}: it is not as its last revision says"
            keys = {RecordKey.parse(record_of(member)) for member in row.alert["members"]}
            if members[row.id] != set(records.numbers_of(tx, keys).values()):
                yield f"alert {row.id}: its members are listed otherwise than it says"
    yield from (f"alert {one}: it has a history and is not there" for one in sorted(last))


def without_snapshot(tx: Transaction) -> list[str]:
    """Revisions of alerts that an evaluation made whose snapshot is not there."""
    h, e = t.alert_history.c, t.evaluations.c
    query = (
        select(h.alert_id, h.revision)
        .outerjoin(t.evaluations, e.id == h.evaluation_id)
        .where(h.evaluation_id.is_not(None), or_(e.id.is_(None), e.snapshot.is_(None)))
        .order_by(h.alert_id, h.revision)
    )
    return [f"alert {a}, revision {r}: no snapshot of what was looked at" for a, r in tx.execute(query)]


def _holes(position: ledger.Position) -> tuple[range, ...]:
    spans = position.handled.spans
    return position.handled.missing(position.mark, spans[-1][1]) if spans else ()


def _unmet(tx: Transaction, constraint: ForeignKeyConstraint) -> int:
    parent = constraint.referred_table.alias("parent")
    pairs = [(element.parent, parent.c[element.column.name]) for element in constraint.elements]
    there = (
        select(text("1")).select_from(parent).where(and_(*(child == own for child, own in pairs))).exists()
    )
    given = and_(*(child.is_not(None) for child, _ in pairs))
    query = select(func.count()).select_from(constraint.table).where(given, not_(there))
    return int(tx.execute(query).scalar_one())


def _last_revisions(tx: Transaction) -> dict[str, tuple[int, int]]:
    """By alert, its highest revision and how many there are: equal where none is missing."""
    h = t.alert_history.c
    rows = tx.execute(select(h.alert_id, func.max(h.revision), func.count()).group_by(h.alert_id))
    return {alert_id: (highest, number) for alert_id, highest, number in rows}


def _members(tx: Transaction, ids: Collection[str]) -> defaultdict[str, set[int]]:
    found: defaultdict[str, set[int]] = defaultdict(set)
    c = alert_members.c
    for alert_id, record in tx.execute(select(c.alert_id, c.record).where(c.alert_id.in_(ids))):
        found[alert_id].add(record)
    return found
