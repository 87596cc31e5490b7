"""Refused messages: where each lies and why. The payload stays in the partner's topic."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select

from surveillance.events.dead_letter import DeadLetter
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.store.codec import to_json
from surveillance.store.database import Transaction
from surveillance.store.ledger import LogPlace, epochs
from surveillance.store.statements import insert_missing
from surveillance.store.tables import dead_letters


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter as stored."""

    id: int
    place: LogPlace
    epoch: int
    letter: DeadLetter
    stored_at: datetime


def add(
    tx: Transaction,
    letters: Sequence[DeadLetter],
    place_of: Callable[[str, int], LogPlace],
    now: datetime,
) -> None:
    """Stores dead letters. Idempotent by log (with its epoch) and offset: the first one stays."""
    placed = [(place_of(letter.topic, letter.partition), letter) for letter in letters]
    epoch = epochs(tx, {place for place, _ in placed})
    rows = [_row(letter, place, epoch.get(place, 0), now) for place, letter in placed]
    insert_missing(tx, dead_letters, rows)


def listed(tx: Transaction, partner: str | None = None, limit: int = 100) -> list[StoredLetter]:
    """The dead letters stored last, of one partner or all, the newest first."""
    query = select(dead_letters).order_by(dead_letters.c.id.desc()).limit(limit)
    if partner is not None:
        query = query.where(dead_letters.c.partner == partner)
    return [_stored(row._asdict()) for row in tx.execute(query)]


def count(tx: Transaction, partner: str | None = None) -> dict[RefusalCode, int]:
    """How many dead letters there are by reason, of one partner or all."""
    query = select(dead_letters.c.code, func.count()).group_by(dead_letters.c.code)
    if partner is not None:
        query = query.where(dead_letters.c.partner == partner)
    return {RefusalCode(code): number for code, number in tx.execute(query)}


def _row(letter: DeadLetter, place: LogPlace, epoch: int, now: datetime) -> dict[str, Any]:
    return {
        **place._asdict(),
        "epoch": epoch,
        "offset": letter.offset,
        "partner": letter.partner,
        "kind": letter.kind,
        "code": letter.code.value,
        "faults": to_json([asdict(fault) for fault in letter.faults]),
        "payload_hmac": letter.payload_hmac,
        "received_at": letter.received_at,
        "stored_at": now,
    }


def _stored(row: dict[str, Any]) -> StoredLetter:
    faults = (Fault(RefusalCode(f["code"]), f["field"], f["rule"], f["fix"]) for f in row["faults"])
    letter = DeadLetter(
        topic=row["topic"],
        partition=row["partition"],
        offset=row["offset"],
        partner=row["partner"],
        kind=row["kind"],
        received_at=row["received_at"],
        code=RefusalCode(row["code"]),
        faults=tuple(faults),
        payload_hmac=row["payload_hmac"],
    )
    place = LogPlace(row["cluster_id"], row["topic"], row["topic_id"], row["partition"])
    return StoredLetter(row["id"], place, row["epoch"], letter, row["stored_at"])
