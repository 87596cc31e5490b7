"""Answers to test records. No query of cases, counts, silence or timeliness reads this table."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import delete, select

from surveillance.events.refusal import Fault, RefusalCode
from surveillance.events.trial import Trial
from surveillance.store.codec import to_json
from surveillance.store.database import Transaction
from surveillance.store.ledger import LogPlace, epochs
from surveillance.store.statements import insert_missing
from surveillance.store.tables_tests import test_records


def add(
    tx: Transaction, trials: Sequence[Trial], place_of: Callable[[str, int], LogPlace], now: datetime
) -> None:
    """Stores answers. Idempotent by log (with its epoch) and offset: the first one stays."""
    if not trials:
        return
    placed = [(place_of(trial.topic, trial.partition), trial) for trial in trials]
    epoch = epochs(tx, {place for place, _ in placed})
    rows = [
        {
            **place._asdict(),
            "epoch": epoch.get(place, 0),
            "offset": trial.offset,
            "partner": trial.partner,
            "kind": trial.kind,
            "record_id": trial.record_id,
            "faults": to_json([asdict(fault) for fault in trial.faults]),
            "received_at": trial.received_at,
            "stored_at": now,
        }
        for place, trial in placed
    ]
    insert_missing(tx, test_records, rows)


def listed(tx: Transaction, partner: str, limit: int = 100) -> list[Trial]:
    """The answers that a partner got last, the newest first."""
    query = select(test_records).where(test_records.c.partner == partner)
    return [_trial(row) for row in tx.execute(query.order_by(test_records.c.id.desc()).limit(limit))]


def prune(tx: Transaction, before: datetime, most: int) -> int:
    """Removes answers stored before a moment, and of each partner all but its `most` newest; how many.

    The ledger knows their messages as handled: none of them is answered anew.
    """
    c = test_records.c
    removed = tx.execute(delete(test_records).where(c.stored_at < before)).rowcount
    for partner in tx.scalars(select(c.partner).distinct()).all():
        newest = select(c.id).where(c.partner == partner).order_by(c.id.desc())
        last = tx.scalar(newest.offset(most).limit(1))
        if last is not None:
            removed += tx.execute(delete(test_records).where(c.partner == partner, c.id <= last)).rowcount
    return removed


def _trial(row: object) -> Trial:
    stored = row._asdict()  # type: ignore[attr-defined]
    faults = (Fault(RefusalCode(f["code"]), f["field"], f["rule"], f["fix"]) for f in stored["faults"])
    kept = ("topic", "partition", "offset", "partner", "kind", "received_at", "record_id")
    return Trial(**{name: stored[name] for name in kept}, faults=tuple(faults))
