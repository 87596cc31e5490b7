"""Links between records that a person confirmed."""

from datetime import datetime

from sqlalchemy import select

from surveillance.line_list.duplicates import Pair, pair
from surveillance.line_list.record import RecordKey
from surveillance.store.database import Transaction
from surveillance.store.statements import insert_missing
from surveillance.store.tables import links


def confirm_link(tx: Transaction, both: Pair, by: str, at: datetime, reason: str) -> None:
    """Stores that a person links two records. Idempotent by pair: the first confirmation stays."""
    first, second = pair(*both)
    row = {"record_a": str(first), "record_b": str(second), "by": by, "at": at, "reason": reason}
    insert_missing(tx, links, [row])


def confirmed_links(tx: Transaction) -> list[Pair]:
    """Every pair that a person linked, sorted."""
    rows = tx.execute(select(links.c.record_a, links.c.record_b))
    return sorted((RecordKey.parse(a), RecordKey.parse(b)) for a, b in rows)
