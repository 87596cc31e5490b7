"""Messages of partners by month, and what became of them."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from sqlalchemy import select

from surveillance.store.database import Transaction
from surveillance.store.statements import insert_into
from surveillance.store.tables_answers import partner_months


class Month(NamedTuple):
    """Messages of a partner, of one kind, received in a month (UTC; its first day)."""

    partner: str
    kind: str
    month: date
    accepted: int = 0
    repeated: int = 0
    refused: int = 0
    tested: int = 0

    @property
    def received(self) -> int:
        """All of them."""
        return self.accepted + self.repeated + self.refused + self.tested


_COUNTS = ("accepted", "repeated", "refused", "tested")


def count(tx: Transaction, months: Iterable[Month]) -> None:
    """Adds a batch's counts. Not idempotent: give it newly handled messages only.

    Every batch of a partner waits for its row, so call it late.
    """
    rows = [month._asdict() for month in sorted(months)]
    if not rows:
        return
    statement = insert_into(tx, partner_months)
    added = {name: partner_months.c[name] + statement.excluded[name] for name in _COUNTS}
    tx.execute(statement.on_conflict_do_update(index_elements=["partner", "kind", "month"], set_=added), rows)


def months_of(tx: Transaction, partner: str | None = None, since: date = date.min) -> list[Month]:
    """The months of a partner, or of all, since a month, sorted."""
    query = select(partner_months).where(partner_months.c.month >= since)
    if partner is not None:
        query = query.where(partner_months.c.partner == partner)
    return sorted(Month(*row) for row in tx.execute(query))
