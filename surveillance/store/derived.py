"""The derived tables emptied, so that they can be written anew."""

from datetime import datetime

from sqlalchemy import delete, select, update

from surveillance.line_list.duplicates import Pair
from surveillance.line_list.record import RecordKey
from surveillance.store.catalogue import Nature, tables_of
from surveillance.store.database import Transaction
from surveillance.store.tables import duplicates


def empty(tx: Transaction) -> None:
    """Removes every row that follows from the records, but the pairs that are only proposed."""
    for table in reversed(list(tables_of(Nature.DERIVED))):
        tx.execute(delete(table))


def take_proposals(tx: Transaction) -> dict[Pair, datetime]:
    """Removes the pairs that nobody decided; returns since when each was proposed, which no record tells."""
    c = duplicates.c
    rows = tx.execute(select(c.record_a, c.record_b, c.proposed_at).where(c.state == "proposed")).all()
    tx.execute(delete(duplicates).where(c.state == "proposed"))
    return {(RecordKey.parse(a), RecordKey.parse(b)): at for a, b, at in rows}


def date_proposals(tx: Transaction, since: dict[Pair, datetime]) -> None:
    """Gives the pairs that are proposed again the time when they first were."""
    c = duplicates.c
    for (a, b), at in since.items():
        same = (c.record_a == str(a), c.record_b == str(b), c.state == "proposed")
        tx.execute(update(duplicates).where(*same).values(proposed_at=at))
