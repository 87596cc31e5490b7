"""Records whose newest version came with several contents: one of them is kept, whichever came first."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import exists, func, select

from surveillance.line_list.record import RecordKey
from surveillance.store.database import Transaction
from surveillance.store.tables import record_versions, records


class Conflict(NamedTuple):
    """A record, the version that has several contents, and when the last of these came."""

    record: RecordKey
    version: int
    received_at: datetime


def conflicts_of(tx: Transaction, partner: str, limit: int) -> tuple[list[Conflict], int]:
    """A partner's newest conflicts, and how many there are. A higher version ends one."""
    one, of, higher = record_versions.c, records.c, record_versions.alias()
    several = (  # in the order of the primary key, so that nothing is sorted
        select(one.record, one.version).group_by(one.record, one.version).having(func.count() > 1).subquery()
    )
    last = func.max(one.received_at)
    query = (
        select(of.kind, of.record_id, one.version, last, func.count().over())
        .join(several, (several.c.record == one.record) & (several.c.version == one.version))
        .join(records, of.record == one.record)
        .where(of.partner == partner)
        .where(~exists().where(higher.c.record == one.record, higher.c.version > one.version))
        .group_by(of.kind, of.record_id, one.version)
        .order_by(last.desc(), of.record_id)
        .limit(limit)
    )
    rows = tx.execute(query).all()
    found = [Conflict(RecordKey(partner, kind, record), number, at) for kind, record, number, at, _ in rows]
    return found, rows[0][-1] if rows else 0
