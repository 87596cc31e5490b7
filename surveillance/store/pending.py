"""Evaluations that are owed. A worker claims one, finishes it under its claim, and no two meet in a scope."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, and_, delete, exists, func, or_, select, text, update

from surveillance.store.database import Transaction
from surveillance.store.statements import insert_into, smaller
from surveillance.store.tables import pending_evaluations

LONGEST_RETRY = timedelta(minutes=5)
"""After a failure; one that lies further ahead was set by a clock that was ahead, and is due."""
_LOCK = 7_310_151_202  # advisory lock under which PostgreSQL gives out claims, one at a time
_row = pending_evaluations.c


class ClaimLost(RuntimeError):
    """The claim lapsed and another worker took over: what this one found must not be stored."""


@dataclass(frozen=True, slots=True)
class Request:
    """An evaluation is owed. `received_at`: of the oldest event behind it, None where the clock asks.

    `known_at`: look at the cases as they were known then; None: at all that is known when it runs.
    """

    use_case: str
    scope: str
    as_of: date
    received_at: datetime | None = None
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Claim:
    """One evaluation that a worker does now. `token` proves that it is still this worker's."""

    use_case: str
    scope: str
    as_of: date
    known_at: datetime | None
    received_at: datetime | None
    requested_at: datetime
    claimed_at: datetime
    generation: int
    attempt: int
    token: str


@dataclass
class ClaimWatch:
    """Remembers for how long claims have been seen, by a clock that nobody sets. Where the clock of a worker
    was ahead, the end that it wrote into its claim is no time at which anybody should wait to take over."""

    lease: timedelta
    _seen_at_s: dict[str, float] = field(default_factory=dict)

    def overstayed(self, claims: Mapping[str, int], now_s: float) -> frozenset[str]:
        """The claims, by token and attempt, that have been there for longer than they may last."""
        self._seen_at_s = {token: self._seen_at_s.get(token, now_s) for token in claims}
        lease_s = self.lease.total_seconds()
        return frozenset(t for t, attempt in claims.items() if now_s - self._seen_at_s[t] > lease_s * attempt)


def request(tx: Transaction, requests: Iterable[Request], now: datetime) -> None:
    """Asks for evaluations. Idempotent by use case, scope and day: one row, whose generation grows.

    A request that meets a running evaluation makes it run once more after its end.
    """
    rows = [_new(r, now) for r in sorted(requests, key=lambda r: (r.use_case, r.scope, r.as_of))]
    if not rows:
        return
    statement = insert_into(tx, pending_evaluations)
    new = statement.excluded
    changed = {
        "generation": _row.generation + 1,
        "known_at": new.known_at,
        "oldest_received_at": smaller(_row.oldest_received_at, new.oldest_received_at),
    }
    tx.execute(
        statement.on_conflict_do_update(index_elements=["use_case", "scope", "as_of"], set_=changed), rows
    )


def claims(tx: Transaction) -> dict[str, int]:
    """The token of each claim, and which attempt it is."""
    rows = tx.execute(select(_row.claim, _row.attempts).where(_row.claim.is_not(None)))
    return {row.claim: row.attempts for row in rows}


def claim(
    tx: Transaction, worker: str, now: datetime, lease: timedelta, overstayed: Collection[str] = ()
) -> Claim | None:
    """Takes the evaluation that waits longest, the earliest day of its scope first; None: nothing to do.

    Only where no other claim of the same use case and scope is alive. A claim lapses after `lease`, a
    repeated one after as many times that; those of `overstayed` have lapsed whatever their end says.
    Commit at once: on PostgreSQL claims are given out one at a time.
    """
    if tx.dialect.name == "postgresql":
        tx.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    row = tx.execute(
        select(pending_evaluations)
        .where(_may_be_claimed(now, overstayed))
        .order_by(_row.requested_at, _row.use_case, _row.scope)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).one_or_none()
    if row is None:
        return None
    # A claim that lapsed on another day of the scope is void from here on.
    lapsed = and_(_row.use_case == row.use_case, _row.scope == row.scope, _row.claim.is_not(None))
    tx.execute(update(pending_evaluations).where(lapsed).values(claim=None, claimed_until=None))
    taken = Claim(
        use_case=row.use_case,
        scope=row.scope,
        as_of=row.as_of,
        known_at=row.known_at,
        received_at=min(filter(None, (row.claimed_received_at, row.oldest_received_at)), default=None),
        requested_at=row.requested_at,
        claimed_at=now,
        generation=row.generation,
        attempt=row.attempts + 1,
        token=f"{worker}:{uuid4().hex}",
    )
    _set(
        tx,
        _same_day(taken),
        claim=taken.token,
        claimed_until=now + lease * taken.attempt,  # one that takes longer than the lease ends at last
        claimed_received_at=taken.received_at,
        oldest_received_at=None,
        attempts=taken.attempt,
    )
    return taken


def finish(tx: Transaction, claim: Claim, now: datetime) -> None:
    """Ends an evaluation, in the transaction that stores what it found. Raises ClaimLost.

    The row goes, unless it was requested again meanwhile: then it waits for its next claim.
    """
    unchanged = and_(_held(claim), _row.generation == claim.generation)
    if tx.execute(delete(pending_evaluations).where(unchanged)).rowcount:
        return
    _set(
        tx,
        _held(claim),
        claim=None,
        claimed_until=None,
        claimed_received_at=None,
        requested_at=now,
        not_before=None,
        attempts=0,
        last_error=None,
    )


def is_asked_again(tx: Transaction, claim: Claim) -> bool:
    """Whether the evaluation was requested again since it was claimed: then it is owed once more for certain.

    Generations only grow, and `finish` takes the row away at none but the claimed one. False says nothing: a
    request may come, or be committed, at any time.
    """
    now = tx.execute(select(_row.generation).where(_held(claim))).scalar_one_or_none()
    return now is not None and now != claim.generation


def release(tx: Transaction, claim: Claim, error: str, retry_at: datetime) -> None:
    """Gives an evaluation back after a failure; nobody claims it before `retry_at`. Raises ClaimLost."""
    _set(
        tx,
        _held(claim),
        claim=None,
        claimed_until=None,
        claimed_received_at=None,
        oldest_received_at=claim.received_at,  # at least as old as what was requested meanwhile
        not_before=retry_at,
        last_error=error,
    )


def void_claims(tx: Transaction) -> None:
    """Makes void whatever is being evaluated now: it is claimed again, and looked at anew."""
    held = _row.claim.is_not(None)
    tx.execute(update(pending_evaluations).where(held).values(claim=None, claimed_until=None))


def waiting(tx: Transaction) -> int:
    """Evaluations that are owed, those that run now included."""
    return tx.execute(select(func.count()).select_from(pending_evaluations)).scalar_one()


def oldest_age(tx: Transaction, now: datetime) -> float:
    """Seconds since the evaluation that has been owed longest was asked for; 0 where none is."""
    oldest = tx.execute(select(func.min(_row.requested_at))).scalar_one()
    return 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())


def _new(asked: Request, now: datetime) -> dict[str, Any]:
    return {
        "use_case": asked.use_case,
        "scope": asked.scope,
        "as_of": asked.as_of,
        "generation": 1,
        "requested_at": now,
        "known_at": asked.known_at,
        "oldest_received_at": asked.received_at,
        "attempts": 0,
    }


def _may_be_claimed(now: datetime, overstayed: Collection[str]) -> ColumnElement[bool]:
    """The earliest day of a use case and scope where nobody is at work.

    A day that waits for its next attempt holds up no later day: yesterday's fault must not stop today.
    """
    other = pending_evaluations.alias().c
    in_scope = and_(other.use_case == _row.use_case, other.scope == _row.scope)
    earlier = and_(other.as_of < _row.as_of, _is_due(other, now))
    at_work = and_(other.claimed_until > now, other.claim.not_in(sorted(overstayed)))
    return and_(_is_due(_row, now), ~exists().where(in_scope, or_(earlier, at_work)))


def _is_due(row: Any, now: datetime) -> ColumnElement[bool]:
    """Whether it does not wait for another attempt."""
    return or_(row.not_before.is_(None), row.not_before <= now, row.not_before > now + LONGEST_RETRY)


def _same_day(claim: Claim) -> ColumnElement[bool]:
    return and_(_row.use_case == claim.use_case, _row.scope == claim.scope, _row.as_of == claim.as_of)


def _held(claim: Claim) -> ColumnElement[bool]:
    return and_(_same_day(claim), _row.claim == claim.token)


def _set(tx: Transaction, where: ColumnElement[bool], **values: Any) -> None:
    if tx.execute(update(pending_evaluations).where(where).values(**values)).rowcount != 1:
        raise ClaimLost("another worker holds this evaluation now")
