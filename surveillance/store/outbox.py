"""Notices that are owed: stored with the change they tell of, sent in revision order, logged.

A notice is owed until it was sent, suppressed or refused for good. One that is held waits without holding up
later ones of its alert: whichever of them is sent first supersedes it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, or_, select, update

from surveillance.alerting.suppression import Suppressed
from surveillance.store.codec import to_json
from surveillance.store.database import Transaction
from surveillance.store.statements import insert_into, insert_missing
from surveillance.store.tables import outbox
from surveillance.store.tables_delivery import delivery_attempts, receiver_outages

LEASE = timedelta(seconds=180)  # longer than the longest attempt: nobody sends a later revision meanwhile
_FIRST_RETRY_SECONDS = 1.0
_LONGEST_RETRY_SECONDS = 300.0
_LONGEST_WISH = timedelta(hours=1)  # a receiver may ask to wait, but not for ever


@dataclass(frozen=True, slots=True)
class Notice:
    """What a receiver is to be told of one revision of an alert, or, with `digest`, of a day.

    `suppressed_reason`: why it is not, kept so that silence can be explained. `not_before`, with
    `held_reason`: why it is told later.
    """

    channel: str
    receiver: str
    alert_id: str | None
    revision: int | None
    payload: Mapping[str, Any]
    created_at: datetime
    suppressed_reason: str | None = None
    not_before: datetime | None = None
    held_reason: str | None = None
    digest: date | None = None

    @property
    def idempotency_key(self) -> str:
        """The same on every repeat: a receiver that knows it already may drop the notice."""
        if self.digest is not None:
            return f"{self.channel}/{self.receiver}/digest/{self.digest.isoformat()}"
        return f"{self.channel}/{self.receiver}/{self.alert_id}/{self.revision}"


@dataclass(frozen=True, slots=True)
class Due:
    """A notice that was taken up to be sent now; `attempt` counts from 1."""

    id: int
    channel: str
    receiver: str
    alert_id: str | None
    revision: int | None
    idempotency_key: str
    payload: Mapping[str, Any]
    created_at: datetime
    attempt: int
    was_held: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an attempt failed: the class of the error, the server's code, how long it asks to be left alone."""

    error: str
    code: int | None = None
    retry_after: timedelta | None = None


def add(tx: Transaction, notices: Iterable[Notice]) -> None:
    """Owes notices. Idempotent by channel, receiver, alert and revision (or day): the first one stays."""
    insert_missing(tx, outbox, [_new(notice) for notice in notices])


def next_due(
    tx: Transaction, now: datetime, lease: timedelta = LEASE, busy: Collection[str] = ()
) -> Due | None:
    """Takes up the notice that waits longest, or None.

    A notice is due only when the receiver has got every earlier revision of its alert, those aside that are
    held, and when the receiver is not left alone after a failure. Nobody else takes it up within `lease`; a
    sender that dies leaves it to be sent again after that, under the same key. `busy`: receivers to which
    this process is sending already, so that a slow one holds up nobody else.
    """
    row = tx.execute(
        select(outbox)
        .where(_is_due(now), outbox.c.receiver.not_in(sorted(busy)))
        .order_by(outbox.c.next_attempt_at, outbox.c.id)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    taken = {"next_attempt_at": now + lease, "attempts": row.attempts + 1, "held_until": None}
    tx.execute(update(outbox).where(outbox.c.id == row.id).values(**taken))
    return _due(row)


def clear_way(tx: Transaction, due: Due) -> bool:
    """Supersedes what is held of the same alert for the same receiver: `due`, which is sent now, says it all.

    False: somebody took up an earlier one at this moment, so `due` must wait for it.
    """
    if due.alert_id is None:
        return True
    earlier = and_(same_line(outbox.c, due), outbox.c.revision < due.revision, unsent(outbox.c))
    held = and_(earlier, outbox.c.held_until.is_not(None))
    tx.execute(update(outbox).where(held).values(suppressed_reason=Suppressed.SUPERSEDED.value))
    return not tx.execute(select(exists().where(earlier))).scalar_one()


def has_later(tx: Transaction, due: Due) -> bool:
    """Whether the receiver was told, or is owed, a later revision of the alert."""
    if due.alert_id is None:
        return False
    later = and_(
        same_line(outbox.c, due),
        outbox.c.revision > due.revision,
        or_(outbox.c.sent_at.is_not(None), unsent(outbox.c)),
    )
    return bool(tx.execute(select(exists().where(later))).scalar_one())


def last_told(tx: Transaction, due: Due) -> tuple[datetime | None, str | None, bool]:
    """When the receiver last took something about the alert and which severity that told; and whether `due`
    supersedes news that it has not heard."""
    earlier = tx.execute(
        select(outbox.c.sent_at, outbox.c.payload, outbox.c.suppressed_reason)
        .where(
            same_line(outbox.c, due),
            outbox.c.revision < due.revision,
            or_(outbox.c.sent_at.is_not(None), outbox.c.suppressed_reason == Suppressed.SUPERSEDED.value),
        )
        .order_by(outbox.c.revision.desc())
    ).all()
    sent = next((row for row in earlier if row.sent_at is not None), None)
    owes = bool(earlier) and earlier[0].sent_at is None
    return (None, None, owes) if sent is None else (sent.sent_at, sent.payload.get("severity"), owes)


def hold(tx: Transaction, due: Due, reason: str, until: datetime) -> None:
    """Puts a notice that was taken up back until then; that was no attempt."""
    values = {"held_reason": reason, "held_until": until, "next_attempt_at": until}
    _give_back(tx, due, values)


def suppress(tx: Transaction, due: Due, reason: str) -> None:
    """It is never sent."""
    _give_back(tx, due, {"suppressed_reason": reason})


def wait(tx: Transaction, due: Due, until: datetime) -> None:
    """Puts a notice back that must wait for an earlier one."""
    _give_back(tx, due, {"next_attempt_at": until})


def sent(tx: Transaction, due: Due, at: datetime, code: int | None = None) -> None:
    """The receiver took it, and so can be reached. Idempotent by notice: the first time stays."""
    owed = and_(outbox.c.id == due.id, outbox.c.sent_at.is_(None))
    tx.execute(update(outbox).where(owed).values(sent_at=at, last_error=None, failed_at=None))
    _reached(tx, due.receiver)
    _log(tx, due, at, "sent", Failure("", code))


def failed(tx: Transaction, due: Due, failure: Failure, at: datetime) -> datetime:
    """It could not be sent: logged, and due again at the time returned (1 s, 2 s, 4 s ... 5 minutes, or when
    the receiver says). The receiver is left alone as long, counted by its failures in a row."""
    retry_at = at + _wait(due.attempt, failure)
    tx.execute(update(outbox).where(_owed(due)).values(next_attempt_at=retry_at, last_error=failure.error))
    _not_reached(tx, due.receiver, failure, at)
    _log(tx, due, at, "failed", failure)
    return retry_at


def refused(tx: Transaction, due: Due, failure: Failure, at: datetime) -> None:
    """The receiver will never take it as it is: kept for a replay, and no longer owed."""
    tx.execute(update(outbox).where(_owed(due)).values(failed_at=at, last_error=failure.error))
    _reached(tx, due.receiver)
    _log(tx, due, at, "refused", failure)


def ask_again(tx: Transaction, reason: str, now: datetime) -> None:
    """Has every notice that is held for a reason judged anew now."""
    held = and_(unsent(outbox.c), outbox.c.held_until > now, outbox.c.held_reason == reason)
    tx.execute(update(outbox).where(held).values(next_attempt_at=now, held_until=now))


def oldest_ages(tx: Transaction, now: datetime) -> dict[str, float]:
    """By receiver, the seconds for which the oldest notice that is owed and not held now has been owed. One
    whose hold is over counts from its end until it is taken up."""
    since = func.min(func.coalesce(outbox.c.held_until, outbox.c.created_at))
    owed = and_(unsent(outbox.c), or_(outbox.c.held_until.is_(None), outbox.c.held_until <= now))
    rows = tx.execute(select(outbox.c.receiver, since.label("since")).where(owed).group_by(outbox.c.receiver))
    return {row.receiver: max(0.0, (now - row.since).total_seconds()) for row in rows}


def oldest_age(tx: Transaction, now: datetime) -> float:
    """The same of all receivers; 0 where nothing is owed."""
    return max(oldest_ages(tx, now).values(), default=0.0)


def waiting(tx: Transaction) -> int:
    """Notices that are owed, held or not."""
    return int(tx.execute(select(func.count()).select_from(outbox).where(unsent(outbox.c))).scalar_one())


def unsent(columns: Any) -> ColumnElement[bool]:
    """Notices that are owed."""
    return and_(columns.sent_at.is_(None), columns.suppressed_reason.is_(None), columns.failed_at.is_(None))


def same_line(columns: Any, due: Due) -> ColumnElement[bool]:
    """Notices of one alert for one receiver: told in the order of their revisions."""
    return and_(
        columns.alert_id == due.alert_id, columns.channel == due.channel, columns.receiver == due.receiver
    )


def _is_due(now: datetime) -> ColumnElement[bool]:
    earlier, outage = outbox.alias().c, receiver_outages.c
    before = and_(
        earlier.alert_id == outbox.c.alert_id,
        earlier.channel == outbox.c.channel,
        earlier.receiver == outbox.c.receiver,
        earlier.revision < outbox.c.revision,
        unsent(earlier),
        earlier.held_until.is_(None),
    )
    away = and_(outage.receiver == outbox.c.receiver, outage.not_before > now)
    return and_(
        unsent(outbox.c), outbox.c.next_attempt_at <= now, ~exists().where(before), ~exists().where(away)
    )


def _owed(due: Due) -> ColumnElement[bool]:
    return and_(outbox.c.id == due.id, outbox.c.sent_at.is_(None))


def _give_back(tx: Transaction, due: Due, values: Mapping[str, Any]) -> None:
    tx.execute(update(outbox).where(_owed(due)).values(attempts=due.attempt - 1, **values))


def _wait(failures: int, failure: Failure) -> timedelta:
    seconds = min(_FIRST_RETRY_SECONDS * 2.0 ** min(failures - 1, 16), _LONGEST_RETRY_SECONDS)
    return max(timedelta(seconds=seconds), min(failure.retry_after or timedelta(), _LONGEST_WISH))


def _reached(tx: Transaction, receiver: str) -> None:
    tx.execute(delete(receiver_outages).where(receiver_outages.c.receiver == receiver))


def _not_reached(tx: Transaction, receiver: str, failure: Failure, at: datetime) -> None:
    known = select(receiver_outages).where(receiver_outages.c.receiver == receiver).with_for_update()
    outage = tx.execute(known).one_or_none()
    failures = 1 if outage is None else outage.failures + 1
    values = {"failures": failures, "not_before": at + _wait(failures, failure)}
    row = {"receiver": receiver, "since": at, **values}
    added = insert_into(tx, receiver_outages).on_conflict_do_update(index_elements=["receiver"], set_=values)
    tx.execute(added, [row])


def _log(tx: Transaction, due: Due, at: datetime, outcome: str, failure: Failure) -> None:
    row = {
        "outbox_id": due.id,
        "attempt": due.attempt,
        "at": at,
        "outcome": outcome,
        "error": failure.error or None,
        "code": failure.code,
    }
    insert_missing(tx, delivery_attempts, [row])


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
        "next_attempt_at": notice.not_before or notice.created_at,
        "suppressed_reason": notice.suppressed_reason,
        "held_reason": notice.held_reason,
        "held_until": notice.not_before,
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
        was_held=row.held_until is not None,
    )
