"""Refused messages: where each lies, why, and whether what it said arrived after all.

The payload stays in the partner's topic.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, and_, func, select, update

from surveillance.events.dead_letter import DeadLetter
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.line_list.record import RecordKey
from surveillance.store.codec import to_json
from surveillance.store.database import Transaction
from surveillance.store.ledger import LogPlace, epochs
from surveillance.store.statements import among, by_source, chunks, insert_missing
from surveillance.store.tables import dead_letters

Resolution = Literal["correction", "replay", "erasure"]
"""What made a refusal need nothing more: the record was sent again, the message was read again, or the record
was erased."""


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A dead letter as stored."""

    id: int
    place: LogPlace
    epoch: int
    letter: DeadLetter
    stored_at: datetime
    resolved_at: datetime | None = None
    resolved_by: Resolution | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters are asked for. `open`: True: not resolved; False: resolved; None: either.

    `since`: received then or later. `before`: of a smaller id. `ids`: none but these.
    """

    partner: str | None = None
    code: RefusalCode | None = None
    since: datetime | None = None
    open: bool | None = None
    before: int | None = None
    ids: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Refusals of a partner for one reason: all of them, those not resolved, and the newest."""

    code: RefusalCode
    refused: int
    open: int
    last_received_at: datetime


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
    return found(tx, Wanted(partner), limit)


def found(tx: Transaction, wanted: Wanted, limit: int | None = None) -> list[StoredLetter]:
    """The dead letters that are asked for, the newest first."""
    query = select(dead_letters).where(*_conditions(wanted)).order_by(dead_letters.c.id.desc()).limit(limit)
    return [_stored(row._asdict()) for row in tx.execute(query)]


def taken(tx: Transaction, letter: int) -> StoredLetter | None:
    """One dead letter that is not resolved, held until the transaction ends; None where it is, or none is."""
    query = select(dead_letters).where(dead_letters.c.id == letter, dead_letters.c.resolved_at.is_(None))
    row = tx.execute(query.with_for_update()).one_or_none()
    return None if row is None else _stored(row._asdict())


def tallies(tx: Transaction, partner: str) -> list[Tally]:
    """A partner's refusals by reason, the most frequent first."""
    c = dead_letters.c
    query = (
        select(c.code, func.count(), func.count() - func.count(c.resolved_at), func.max(c.received_at))
        .where(c.partner == partner)
        .group_by(c.code)
    )
    made = (Tally(RefusalCode(code), *rest) for code, *rest in tx.execute(query))
    return sorted(made, key=lambda tally: (-tally.refused, tally.code))


def open_by_partner(tx: Transaction) -> dict[tuple[str, RefusalCode], int]:
    """How many refusals wait for a correction, by partner and reason."""
    c = dead_letters.c
    query = select(c.partner, c.code, func.count()).where(c.resolved_at.is_(None)).group_by(c.partner, c.code)
    return {(partner, RefusalCode(code)): number for partner, code, number in tx.execute(query)}


def open_about(tx: Transaction, records: Collection[RecordKey]) -> list[StoredLetter]:
    """The dead letters about these records that are not resolved."""
    c = dead_letters.c
    letters: list[StoredLetter] = []
    for partner, kind, ids in by_source(records):
        about = and_(c.partner == partner, c.kind == kind, c.resolved_at.is_(None))
        if tx.execute(select(c.id).where(about, c.record_id.is_not(None)).limit(1)).first() is None:
            continue  # as nearly always: nothing of this source waits
        rows = tx.execute(select(dead_letters).where(about, among(tx, c.record_id, ids)))
        letters += [_stored(row._asdict()) for row in rows]
    return letters


def resolve(tx: Transaction, letters: Collection[int], by: Resolution, at: datetime) -> None:
    """Marks dead letters as resolved. Idempotent by letter: the first time stays."""
    c = dead_letters.c
    for some in chunks(sorted(letters)):
        waiting = and_(c.id.in_(some), c.resolved_at.is_(None))
        tx.execute(update(dead_letters).where(waiting).values(resolved_at=at, resolved_by=by))


def forget(tx: Transaction, record: RecordKey, at: datetime) -> None:
    """Takes an erased record out of what was refused of it. Nothing is owed for it any more."""
    c = dead_letters.c
    named = and_(c.partner == record.partner, c.kind == record.kind, c.record_id == record.record_id)
    ids = list(tx.execute(select(c.id).where(named)).scalars())
    resolve(tx, ids, "erasure", at)
    cleared = {"record_id": None, "version": None, "payload_hmac": ""}
    tx.execute(update(dead_letters).where(named).values(**cleared))


def count(tx: Transaction, partner: str | None = None) -> dict[RefusalCode, int]:
    """How many dead letters there are by reason, of one partner or all."""
    query = select(dead_letters.c.code, func.count()).group_by(dead_letters.c.code)
    if partner is not None:
        query = query.where(dead_letters.c.partner == partner)
    return {RefusalCode(code): number for code, number in tx.execute(query)}


def _conditions(wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    c = dead_letters.c
    if wanted.partner is not None:
        yield c.partner == wanted.partner
    if wanted.code is not None:
        yield c.code == wanted.code.value
    if wanted.since is not None:
        yield c.received_at >= wanted.since
    if wanted.open is not None:
        yield c.resolved_at.is_(None) if wanted.open else c.resolved_at.is_not(None)
    if wanted.before is not None:
        yield c.id < wanted.before
    if wanted.ids is not None:
        yield c.id.in_(wanted.ids)


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
        "record_id": letter.record_id,
        "version": letter.version,
        # Of an erased record nothing is owed, from the beginning.
        "resolved_at": now if letter.code is RefusalCode.ERASED else None,
        "resolved_by": "erasure" if letter.code is RefusalCode.ERASED else None,
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
        record_id=row["record_id"],
        version=row["version"],
    )
    place = LogPlace(row["cluster_id"], row["topic"], row["topic_id"], row["partition"])
    return StoredLetter(
        row["id"], place, row["epoch"], letter, row["stored_at"], row["resolved_at"], row["resolved_by"]
    )
