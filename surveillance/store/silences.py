"""Silences: added and ended by people, never deleted."""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, insert, select, update

from surveillance.alerting.silences import Silence
from surveillance.alerting.suppression import Suppressed
from surveillance.store import outbox
from surveillance.store.database import Transaction
from surveillance.store.tables_delivery import silences


def add(tx: Transaction, silence: Silence) -> int:
    """Stores a silence; returns its number."""
    row = {
        "use_case": silence.use_case,
        "scope": silence.scope,
        "alert_id": silence.alert_id,
        "reason": silence.reason,
        "starts_at": silence.starts_at,
        "ends_at": silence.ends_at,
        "by": silence.by,
    }
    return int(tx.execute(insert(silences).values(**row).returning(silences.c.id)).scalar_one())


def end(tx: Transaction, silence_id: int, by: str, at: datetime) -> bool:
    """Ends a silence before its time; what it holds is told unless something else holds it. False where
    there is none, or it has ended."""
    still = and_(silences.c.id == silence_id, silences.c.ended_at.is_(None), silences.c.ends_at > at)
    ended = tx.execute(update(silences).where(still).values(ended_at=at, ended_by=by)).rowcount
    if ended:
        outbox.ask_again(tx, Suppressed.SILENCED.value, at)
    return bool(ended)


def listed(tx: Transaction, at: datetime, *, ended: bool = False) -> list[Silence]:
    """The silences that hold now or will, by their number; with `ended`, those that are over as well."""
    query = select(silences).order_by(silences.c.id)
    going = and_(silences.c.ends_at > at, silences.c.ended_at.is_(None))
    rows = tx.execute(query if ended else query.where(going))
    return [_silence(row) for row in rows]


def active(tx: Transaction, at: datetime) -> list[Silence]:
    """The silences that hold at a moment."""
    begun = and_(silences.c.starts_at <= at, silences.c.ends_at > at, silences.c.ended_at.is_(None))
    return [_silence(row) for row in tx.execute(select(silences).where(begun).order_by(silences.c.id))]


def _silence(row: Row[Any]) -> Silence:
    return Silence(
        use_case=row.use_case,
        scope=row.scope,
        alert_id=row.alert_id,
        reason=row.reason,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        by=row.by,
        id=row.id,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
    )
