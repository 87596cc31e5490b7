"""Receipts that are owed to partners: stored with what they tell of, removed once the broker has them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Text, cast, delete, func, select, update

from surveillance.line_list.record import RecordKey
from surveillance.store.database import Transaction
from surveillance.store.tables_answers import receipts

LEASE = timedelta(seconds=120)  # longer than a broker is waited for: nobody sends the same meanwhile
_AT_ONCE = 20


@dataclass(frozen=True, slots=True)
class Owed:
    """Receipts of one batch that were taken up to be sent."""

    id: int
    partner: str
    receipts: Sequence[Mapping[str, Any]]


def add(tx: Transaction, by_partner: Mapping[str, Sequence[Mapping[str, Any]]], now: datetime) -> None:
    """Owes receipts, a row a partner. Not idempotent: give it newly handled messages only."""
    rows = [
        {"partner": partner, "receipts": list(some), "created_at": now, "not_before": now}
        for partner, some in sorted(by_partner.items())
        if some
    ]
    if rows:
        tx.execute(receipts.insert(), rows)


def any_due(tx: Transaction, now: datetime) -> bool:
    """Whether any are owed now: asked each second, without taking a writer's place."""
    return tx.execute(select(receipts.c.id).where(receipts.c.not_before <= now).limit(1)).first() is not None


def take(tx: Transaction, now: datetime) -> list[Owed]:
    """Takes up what has been owed longest. Nobody else does within the lease; a sender that dies leaves it
    to be sent again after that, with the same ids."""
    rows = tx.execute(
        select(receipts)
        .where(receipts.c.not_before <= now)
        .order_by(receipts.c.id)
        .limit(_AT_ONCE)
        .with_for_update(skip_locked=True)
    ).all()
    taken = [row.id for row in rows]
    if taken:
        tx.execute(update(receipts).where(receipts.c.id.in_(taken)).values(not_before=now + LEASE))
    return [Owed(row.id, row.partner, row.receipts) for row in rows]


def sent(tx: Transaction, owed: Sequence[Owed]) -> None:
    """The broker has them. Idempotent by row."""
    tx.execute(delete(receipts).where(receipts.c.id.in_([one.id for one in owed])))


def put_back(tx: Transaction, owed: Sequence[Owed], until: datetime) -> None:
    """They could not be sent: due again at that time."""
    tx.execute(update(receipts).where(receipts.c.id.in_([one.id for one in owed])).values(not_before=until))


def waiting(tx: Transaction, partner: str) -> tuple[int, datetime | None]:
    """How many batches of a partner wait for their receipts to be sent, and since when the oldest."""
    query = select(func.count(), func.min(receipts.c.created_at)).where(receipts.c.partner == partner)
    number, oldest = tx.execute(query).one()
    return int(number), oldest


def forget(tx: Transaction, record: RecordKey) -> None:
    """Takes an erased record out of receipts that are not yet sent: its message is still answered."""
    named = cast(receipts.c.receipts, Text).contains(record.record_id, autoescape=True)
    rows = tx.execute(select(receipts).where(receipts.c.partner == record.partner, named)).all()
    for row in rows:
        cleared = [_without(one, record.record_id) for one in row.receipts]
        tx.execute(update(receipts).where(receipts.c.id == row.id).values(receipts=cleared))


def _without(one: Mapping[str, Any], record_id: str) -> dict[str, Any]:
    return {**one, "record_id": None, "version": None} if one["record_id"] == record_id else dict(one)
