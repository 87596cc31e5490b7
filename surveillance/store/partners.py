"""When each partner was last heard of."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import select

from surveillance.store.database import Transaction
from surveillance.store.statements import insert_into, larger
from surveillance.store.tables import partners_seen


class Seen(NamedTuple):
    """Messages of a partner, of one kind: how many, how many of these were refused, and the newest."""

    partner: str
    kind: str
    last_received_at: datetime
    messages: int
    refused: int


def saw(tx: Transaction, seen: Iterable[Seen]) -> None:
    """Adds a batch's counts; the newest time stays. Not idempotent: give it newly handled messages only.

    Every batch of a partner waits for this row, so call it last.
    """
    rows = [one._asdict() for one in sorted(seen)]
    if not rows:
        return
    statement = insert_into(tx, partners_seen)
    new = statement.excluded
    changed = {
        "last_received_at": larger(partners_seen.c.last_received_at, new.last_received_at),
        "messages": partners_seen.c.messages + new.messages,
        "refused": partners_seen.c.refused + new.refused,
    }
    tx.execute(statement.on_conflict_do_update(index_elements=["partner", "kind"], set_=changed), rows)


def heard_of(tx: Transaction) -> list[Seen]:
    """Every partner that was ever heard of, by kind, sorted."""
    return sorted(Seen(*row) for row in tx.execute(select(partners_seen)))
