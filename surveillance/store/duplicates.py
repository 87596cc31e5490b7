"""Pairs of records that may be one person's same event: proposed by the service, decided by people."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import and_, delete, func, or_, select

from surveillance.line_list.duplicates import Pair, pair
from surveillance.line_list.record import RecordKey
from surveillance.store.database import Transaction
from surveillance.store.statements import among, chunks, insert_into, insert_missing
from surveillance.store.tables import duplicates

State = Literal["proposed", "confirmed", "rejected"]


def propose_duplicates(tx: Transaction, pairs: Iterable[Pair], at: datetime) -> None:
    """Proposes pairs. Idempotent by pair: what was proposed or decided before stays as it is."""
    ordered = sorted({pair(*both) for both in pairs})
    insert_missing(
        tx, duplicates, [{**_key(both), "state": "proposed", "proposed_at": at} for both in ordered]
    )


def withdraw_duplicates(tx: Transaction, of: Collection[RecordKey], stand: Collection[Pair]) -> None:
    """Removes the proposals about these records that no longer stand; what a person decided stays.

    Idempotent by pair. Without it, what is proposed would depend on the order in which versions came.
    """
    a, b = duplicates.c.record_a, duplicates.c.record_b
    for some in chunks(sorted(map(str, of)), 5_000):
        about = and_(duplicates.c.state == "proposed", or_(among(tx, a, some), among(tx, b, some)))
        for first, second in tx.execute(select(a, b).where(about)).all():
            if (RecordKey.parse(first), RecordKey.parse(second)) not in stand:
                tx.execute(delete(duplicates).where(about, a == first, b == second))


def decide_duplicate(
    tx: Transaction, both: Pair, state: State, by: str, at: datetime, reason: str = ""
) -> None:
    """Stores what a person decided. Idempotent by pair: the last decision holds."""
    statement = insert_into(tx, duplicates).values(
        **_key(pair(*both)), state=state, proposed_at=at, decided_by=by, decided_at=at, reason=reason
    )
    decided = {name: statement.excluded[name] for name in ("state", "decided_by", "decided_at", "reason")}
    tx.execute(statement.on_conflict_do_update(index_elements=["record_a", "record_b"], set_=decided))


def duplicate_state(tx: Transaction, both: Pair) -> State | None:
    """What a pair is now; None where nobody ever proposed it."""
    first, second = map(str, pair(*both))
    same = and_(duplicates.c.record_a == first, duplicates.c.record_b == second)
    found: State | None = tx.execute(select(duplicates.c.state).where(same)).scalar_one_or_none()
    return found


def pairs_among(tx: Transaction, records: Collection[RecordKey]) -> dict[Pair, State]:
    """The pairs both of whose records are among these, with what each is now, sorted."""
    wanted = sorted(map(str, records))
    both = and_(duplicates.c.record_a.in_(wanted), duplicates.c.record_b.in_(wanted))
    rows = tx.execute(select(duplicates.c.record_a, duplicates.c.record_b, duplicates.c.state).where(both))
    return dict(sorted(((RecordKey.parse(a), RecordKey.parse(b)), state) for a, b, state in rows))


def duplicates_in(tx: Transaction, state: State) -> list[Pair]:
    """The pairs in this state, sorted."""
    rows = tx.execute(select(duplicates.c.record_a, duplicates.c.record_b).where(duplicates.c.state == state))
    return sorted((RecordKey.parse(a), RecordKey.parse(b)) for a, b in rows)


def proposed_within(
    tx: Transaction, partner: str, limit: int
) -> tuple[list[tuple[RecordKey, RecordKey, datetime]], int]:
    """The newest pairs that are proposed between records of one partner, and how many there are."""
    c, first, end = duplicates.c, f"{partner}/", f"{partner}0"  # what follows `/` is `0`
    own = and_(
        c.state == "proposed", c.record_a >= first, c.record_a < end, c.record_b >= first, c.record_b < end
    )
    query = select(c.record_a, c.record_b, c.proposed_at).where(own)
    rows = tx.execute(query.order_by(c.proposed_at.desc(), c.record_a, c.record_b).limit(limit))
    pairs = [(RecordKey.parse(a), RecordKey.parse(b), at) for a, b, at in rows]
    return pairs, tx.execute(select(func.count()).select_from(duplicates).where(own)).scalar_one()


def duplicate_decisions(tx: Transaction) -> tuple[set[Pair], set[Pair]]:
    """The confirmed and the rejected pairs."""
    return set(duplicates_in(tx, "confirmed")), set(duplicates_in(tx, "rejected"))


def _key(both: Pair) -> dict[str, Any]:
    return {"record_a": str(both[0]), "record_b": str(both[1])}
