"""Which revision of an alert a person last looked at: what is new is new to somebody."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from surveillance.store.database import Transaction
from surveillance.store.statements import chunks, insert_into, larger
from surveillance.store.tables_seen import alerts_seen


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest revision that a person was shown, and when one was shown last."""

    revision: int
    at: datetime


def saw(tx: Transaction, person: str, alert_id: str, seen: Seen) -> None:
    """Stores that a person was shown a revision. Idempotent; an older revision takes nothing back."""
    statement = insert_into(tx, alerts_seen).values(
        person=person, alert_id=alert_id, revision=seen.revision, at=seen.at
    )
    newest = larger(alerts_seen.c.revision, statement.excluded.revision)
    tx.execute(
        statement.on_conflict_do_update(
            index_elements=["person", "alert_id"], set_={"revision": newest, "at": statement.excluded.at}
        )
    )


def seen_by(tx: Transaction, person: str, alert_ids: Collection[str]) -> dict[str, Seen]:
    """By alert, what a person has seen of those that it ever looked at."""
    found: dict[str, Seen] = {}
    for some in chunks(sorted(alert_ids)):
        rows = tx.execute(
            select(alerts_seen.c.alert_id, alerts_seen.c.revision, alerts_seen.c.at).where(
                alerts_seen.c.person == person, alerts_seen.c.alert_id.in_(some)
            )
        )
        found |= {alert_id: Seen(revision, at) for alert_id, revision, at in rows}
    return found
