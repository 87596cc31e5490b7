"""Notices that are owed: stored with the change they tell of, sent in revision order, logged."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, exists, func, select, update

from surveillance.store.codec import to_json
from surveillance.store.database import Transaction
from surveillance.store.statements import insert_missing
from surveillance.store.tables import deliveries, outbox

LEASE = timedelta(seconds=180)  # longer than the longest attempt: nobody sends a later revision meanwhile
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 300.0


@dataclass(frozen=True, slots=True)
class Notice:
    """What a receiver is to be told of one revision of an alert.

    `suppressed_reason`: why it is not, kept so that silence can be explained.
    """

    channel: str
    receiver: str
    alert_id: str
    revision: int
    payload: Mapping[str, Any]
    created_at: datetime
    suppressed_reason: str | None = None

    @property
    def idempotency_key(self) -> str:
        """The same on every repeat: a receiver that knows it already may drop the notice."""
        return f"{self.channel}/{self.receiver}/{self.alert_id}/{self.revision}"


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that was taken up to be sent now; `attempt` counts from 1."""

    id: int
    channel: str
    receiver: str
    alert_id: str
    revision: int
    idempotency_key: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempt: int


def add(tx: Transaction, notices: Iterable[Notice]) -> None:
    """Owes notices. Idempotent by channel, receiver, alert and revision: the first one stays."""
    insert_missing(tx, outbox, [_new(notice) for notice in notices])


def next_due(tx: Transaction, now: datetime, lease: timedelta = LEASE) -> Due | None:
    """Takes up the notice that waits longest, or None.

    A notice is due only when the receiver has got every earlier revision of its alert. Nobody else takes
    it up within `lease`; a sender that dies leaves it to be sent again after that, under the same key.
    """
    row = tx.execute(
        select(outbox)
        .where(_is_due(now))
        .order_by(outbox.c.next_attempt_at, outbox.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    taken = {"next_attempt_at": now + lease, "attempts": row.attempts + 1}
    tx.execute(update(outbox).where(outbox.c.id == row.id).values(**taken))
    return _due(row)


def sent(tx: Transaction, due: Due, at: datetime) -> None:
    """The receiver took it. Idempotent by notice: the first time stays."""
    owed = and_(outbox.c.id == due.id, outbox.c.sent_at.is_(None))
    tx.execute(update(outbox).where(owed).values(sent_at=at, last_error=None))
    _log(tx, due, at, None)


def failed(tx: Transaction, due: Due, error: str, at: datetime) -> datetime:
    """It could not be sent: logged, and due again at the time returned (1 s, 2 s, 4 s ... 5 minutes)."""
    wait = min(_FIRST_RETRY_SECONDS * 2.0 ** min(due.attempt - 1, 16), _LONGEST_RETRY_SECONDS)
    retry_at = at + timedelta(seconds=wait)
    owed = and_(outbox.c.id == due.id, outbox.c.sent_at.is_(None))
    tx.execute(update(outbox).where(owed).values(next_attempt_at=retry_at, last_error=error))
    _log(tx, due, at, error)
    return retry_at


def oldest_age(tx: Transaction, now: datetime) -> float:
    """Seconds for which the oldest unsent notice has been owed; 0 where none is."""
    oldest = tx.execute(select(func.min(outbox.c.created_at)).where(_unsent(outbox.c))).scalar_one()
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


def waiting(tx: Transaction) -> int:
    """Notices that are owed."""
    return int(tx.execute(select(func.count()).select_from(outbox).where(_unsent(outbox.c))).scalar_one())


def _is_due(now: datetime) -> ColumnElement[bool]:
    earlier = outbox.alias().c
    before = and_(
        earlier.alert_id == outbox.c.alert_id,
        earlier.channel == outbox.c.channel,
        earlier.receiver == outbox.c.receiver,
        earlier.revision < outbox.c.revision,
        _unsent(earlier),
    )
    return and_(_unsent(outbox.c), outbox.c.next_attempt_at <= now, ~exists().where(before))


def _unsent(columns: Any) -> ColumnElement[bool]:
    return and_(columns.sent_at.is_(None), columns.suppressed_reason.is_(None))


def _log(tx: Transaction, due: Due, at: datetime, error: str | None) -> None:
    row = {"outbox_id": due.id, "attempt": due.attempt, "at": at, "error": error}
    insert_missing(tx, deliveries, [row])


def _new(notice: Notice) -> dict[str, Any]:
    return {
        "channel": notice.channel,
        "receiver": notice.receiver,
        "alert_id": notice.alert_id,
        "revision": notice.revision,
        "idempotency_key": notice.idempotency_key,
        "payload": to_json(notice.payload),
        "created_at": notice.created_at,
        "attempts": 0,
        "next_attempt_at": notice.created_at,
        "suppressed_reason": notice.suppressed_reason,
    }


def _due(row: Row[Any]) -> Due:
    return Due(
        id=row.id,
        channel=row.channel,
        receiver=row.receiver,
        alert_id=row.alert_id,
        revision=row.revision,
        idempotency_key=row.idempotency_key,
        payload=row.payload,
        created_at=row.created_at,
        attempt=row.attempts + 1,
    )
