"""What became of notices, for people: every attempt, what waits and why, and a replay of what was refused."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, func, or_, select, update

from surveillance.store.database import Transaction
from surveillance.store.outbox import unsent
from surveillance.store.tables import outbox
from surveillance.store.tables_delivery import delivery_attempts, receiver_outages


class NoReplay(ValueError):
    """A notice that cannot be replayed; the text says why."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt: `outcome` is sent, failed (tried again) or refused (for good). `error` is the class of
    what went wrong, `code` the HTTP status or SMTP reply code."""

    delivery: int
    channel: str
    receiver: str
    revision: int | None
    attempt: int
    at: datetime
    outcome: str
    error: str | None
    code: int | None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice and how it stands: sent, owed, held, suppressed or refused. `reason`: why it is suppressed, or
    is or was held. `next_at`: when it is tried next; None where it is not. `change`: what it tells of."""

    id: int
    channel: str
    receiver: str
    alert_id: str | None
    revision: int | None
    change: str
    idempotency_key: str
    created_at: datetime
    standing: str
    reason: str | None
    attempts: int
    sent_at: datetime | None
    next_at: datetime | None
    last_error: str | None


@dataclass(frozen=True, slots=True)
class Outage:
    """A receiver that could not be reached `failures` times in a row, and when it is tried again."""

    since: datetime
    failures: int
    not_before: datetime


def attempts_of_alert(tx: Transaction, alert_id: str) -> list[Attempt]:
    """Every attempt to tell anybody of an alert, the first one first."""
    rows = tx.execute(
        select(delivery_attempts, outbox.c.channel, outbox.c.receiver, outbox.c.revision)
        .join(outbox, outbox.c.id == delivery_attempts.c.outbox_id)
        .where(outbox.c.alert_id == alert_id)
        .order_by(delivery_attempts.c.at, outbox.c.id, delivery_attempts.c.attempt)
    )
    return [
        Attempt(r.outbox_id, r.channel, r.receiver, r.revision, r.attempt, r.at, r.outcome, r.error, r.code)
        for r in rows
    ]


def deliveries_of_alert(tx: Transaction, alert_id: str, now: datetime) -> list[Delivery]:
    """Everything that was to be told of an alert, suppressed or not, by revision and receiver."""
    order = (outbox.c.revision, outbox.c.id)
    rows = tx.execute(select(outbox).where(outbox.c.alert_id == alert_id).order_by(*order))
    return [_delivery(row, now) for row in rows]


def newest(tx: Transaction, now: datetime, limit: int) -> list[Delivery]:
    """The notices of all alerts and digests that were made last, the newest first."""
    rows = tx.execute(select(outbox).order_by(outbox.c.id.desc()).limit(limit))
    return [_delivery(row, now) for row in rows]


def replay(tx: Transaction, notice_id: int, now: datetime) -> None:
    """Owes a notice again, under the same key. Raises NoReplay.

    Not where a later revision was told or is owed: nothing is told out of order.
    """
    row = tx.execute(select(outbox).where(outbox.c.id == notice_id).with_for_update()).one_or_none()
    if row is None:
        raise NoReplay(f"there is no delivery {notice_id}; see: surveillance deliveries list")
    if row.suppressed_reason is not None:
        raise NoReplay(f"delivery {notice_id} was suppressed: {row.suppressed_reason}")
    if row.sent_at is None and row.failed_at is None:
        raise NoReplay(f"delivery {notice_id} is owed already, next tried at {row.next_attempt_at}")
    later = and_(
        outbox.c.alert_id == row.alert_id,
        outbox.c.channel == row.channel,
        outbox.c.receiver == row.receiver,
        outbox.c.revision > row.revision,
        or_(outbox.c.sent_at.is_not(None), unsent(outbox.c)),
    )
    newest = tx.execute(select(func.max(outbox.c.id)).where(later)).scalar_one()
    if newest is not None:
        raise NoReplay(f"delivery {newest} tells {row.receiver} of a later revision: replay that one")
    again = {"sent_at": None, "failed_at": None, "next_attempt_at": now}
    tx.execute(update(outbox).where(outbox.c.id == notice_id).values(**again))


def held(tx: Transaction, now: datetime) -> dict[str, int]:
    """Notices that are held now, by reason."""
    rows = tx.execute(
        select(outbox.c.held_reason, func.count().label("notices"))
        .where(unsent(outbox.c), outbox.c.held_until > now)
        .group_by(outbox.c.held_reason)
    )
    return {row.held_reason: row.notices for row in rows}


def refusals(tx: Transaction) -> dict[str, int]:
    """Notices that were refused for good and wait for a replay, by receiver."""
    rows = tx.execute(
        select(outbox.c.receiver, func.count().label("notices"))
        .where(outbox.c.failed_at.is_not(None), outbox.c.sent_at.is_(None))
        .group_by(outbox.c.receiver)
    )
    return {row.receiver: row.notices for row in rows}


def outages(tx: Transaction) -> Mapping[str, Outage]:
    """The receivers that could not be reached when they were last tried."""
    rows = tx.execute(select(receiver_outages))
    return {row.receiver: Outage(row.since, row.failures, row.not_before) for row in rows}


def _delivery(row: Row[Any], now: datetime) -> Delivery:
    standing = _standing(row, now)
    return Delivery(
        id=row.id,
        channel=row.channel,
        receiver=row.receiver,
        alert_id=row.alert_id,
        revision=row.revision,
        change=str(row.payload.get("change", "digest")),
        idempotency_key=row.idempotency_key,
        created_at=row.created_at,
        standing=standing,
        reason=row.suppressed_reason or row.held_reason,
        attempts=row.attempts,
        sent_at=row.sent_at,
        next_at=row.next_attempt_at if standing in ("owed", "held") else None,
        last_error=row.last_error,
    )


def _standing(row: Row[Any], now: datetime) -> str:
    if row.suppressed_reason is not None:
        return "suppressed"
    if row.sent_at is not None:
        return "sent"
    if row.failed_at is not None:
        return "refused"
    return "held" if row.held_until is not None and row.held_until > now else "owed"
