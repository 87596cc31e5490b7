"""Notes on alerts: only ever added."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select

from surveillance.store.database import Transaction
from surveillance.store.tables_acts import alert_notes


@dataclass(frozen=True, slots=True)
class Note:
    """What somebody wrote about an alert, and when (aware)."""

    alert_id: str
    at: datetime
    by: str
    text: str


def add(tx: Transaction, note: Note) -> int:
    """Adds a note and gives it its number. Each call adds one: two people may say the same."""
    values = {"alert_id": note.alert_id, "at": note.at, "by": note.by, "text": note.text}
    return int(tx.execute(insert(alert_notes).values(**values).returning(alert_notes.c.id)).scalar_one())


def of_alerts(tx: Transaction, alert_ids: Collection[str]) -> list[Note]:
    """The notes on these alerts, the oldest first."""
    query = select(alert_notes).where(alert_notes.c.alert_id.in_(sorted(alert_ids)))
    rows = tx.execute(query.order_by(alert_notes.c.id))
    return [Note(row.alert_id, row.at, row.by, row.text) for row in rows]
