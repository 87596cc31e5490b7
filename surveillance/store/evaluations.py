"""Finished evaluations, each with what it looked at: every alert can be explained and recomputed."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Row, func, insert, select

from surveillance.store.codec import pack, unpack
from surveillance.store.database import Transaction
from surveillance.store.pending import Claim
from surveillance.store.tables import evaluations

EXPIRED = "expired"  # the only key of a snapshot whose cases are kept no longer


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A stored evaluation. `snapshot` is JSON, None where nothing changed by it or where it has expired;
    `seconds` by stage."""

    id: int
    use_case: str
    scope: str
    as_of: date
    known_at: datetime
    started_at: datetime
    finished_at: datetime
    seconds: Mapping[str, float]
    clusters: int
    snapshot: Mapping[str, Any] | None


def save(
    tx: Transaction,
    claim: Claim,
    known_at: datetime,
    finished_at: datetime,
    clusters: int,
    snapshot: Mapping[str, Any] | None,
    seconds: Mapping[str, float],
) -> int:
    """Stores an evaluation and gives it a number. Once per claim, for `pending.finish` ends the claim.

    `snapshot` holds what `codec.to_json` takes: clusters, dates and times as they are.
    """
    values = {
        "use_case": claim.use_case,
        "scope": claim.scope,
        "as_of": claim.as_of,
        "known_at": known_at,
        "started_at": claim.claimed_at,
        "finished_at": finished_at,
        "seconds": dict(seconds),
        "clusters": clusters,
        "snapshot": None if snapshot is None else pack(snapshot),
    }
    stored = tx.execute(insert(evaluations).values(**values).returning(evaluations.c.id))
    return int(stored.scalar_one())


def show(tx: Transaction, number: int) -> Evaluation | None:
    """One evaluation, or None."""
    row = tx.execute(select(evaluations).where(evaluations.c.id == number)).one_or_none()
    return None if row is None else _evaluation(row)


def latest(tx: Transaction, use_case: str, scope: str) -> Evaluation | None:
    """The evaluation of a use case and scope that was stored last, or None."""
    row = tx.execute(
        select(evaluations)
        .where(evaluations.c.use_case == use_case, evaluations.c.scope == scope)
        .order_by(evaluations.c.id.desc())
        .limit(1)
    ).one_or_none()
    return None if row is None else _evaluation(row)


def last_day(tx: Transaction, use_case: str, scope: str) -> date | None:
    """The latest day of a use case and scope that was evaluated, None where none was."""
    days = select(func.max(evaluations.c.as_of)).where(
        evaluations.c.use_case == use_case, evaluations.c.scope == scope
    )
    last: date | None = tx.execute(days).scalar_one()
    return last


def totals(tx: Transaction) -> tuple[int, dict[str, float]]:
    """How many evaluations are stored, and the seconds that their stages took together."""
    count, seconds = 0, defaultdict[str, float](float)
    for stages in tx.execute(select(evaluations.c.seconds)).scalars():
        count += 1
        for stage, taken in stages.items():
            seconds[stage] += taken
    return count, dict(seconds)


def _evaluation(row: Row[Any]) -> Evaluation:
    values = row._asdict()
    packed = values.pop("snapshot")
    snapshot = None if packed is None else unpack(packed)
    return Evaluation(**values, snapshot=None if snapshot is None or EXPIRED in snapshot else snapshot)
