"""What the clock owes, as rows: a tick that was missed is still there after a restart."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import and_, func, select, update

from surveillance.store.database import Transaction
from surveillance.store.statements import insert_missing
from surveillance.store.tables import ticks


class Tick(NamedTuple):
    """`name` is owed at `due_at`."""

    name: str
    due_at: datetime


def plan(tx: Transaction, planned: Iterable[Tick]) -> None:
    """Plans ticks. Idempotent by name and time: what is planned or done stays as it is."""
    insert_missing(tx, ticks, [tick._asdict() for tick in sorted(set(planned))])


def due(tx: Transaction, now: datetime) -> list[Tick]:
    """The ticks that are owed, the earliest first; those that another transaction works on are left out."""
    owed = and_(ticks.c.done_at.is_(None), ticks.c.due_at <= now)
    rows = tx.execute(
        select(ticks.c.name, ticks.c.due_at)
        .where(owed)
        .order_by(ticks.c.due_at, ticks.c.name)
        .with_for_update(skip_locked=True)
    )
    return [Tick(*row) for row in rows]


def done(tx: Transaction, tick: Tick, now: datetime) -> bool:
    """Marks a tick done, in the transaction that does what it asks. False: it was done already."""
    owed = and_(ticks.c.name == tick.name, ticks.c.due_at == tick.due_at, ticks.c.done_at.is_(None))
    return bool(tx.execute(update(ticks).where(owed).values(done_at=now)).rowcount)


def last_planned(tx: Transaction) -> dict[str, datetime]:
    """By name, the latest time for which a tick is planned: from there planning goes on."""
    rows = tx.execute(select(ticks.c.name, func.max(ticks.c.due_at).label("due_at")).group_by(ticks.c.name))
    return {row.name: row.due_at for row in rows}
