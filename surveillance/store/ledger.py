"""The offset ledger: what was handled, stored in the transaction that stored what came of it.

Committed Kafka offsets are no proof of processing; these rows are. Whatever lies below a log's end and is
not in the ledger is fetched again, so nothing depends on a consumer having seen every message once.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Row, and_, select, update

from surveillance.store.database import Transaction
from surveillance.store.ranges import Offsets, Span, spans_of
from surveillance.store.statements import insert_missing
from surveillance.store.tables import ledger


class LogPlace(NamedTuple):
    """A log: one partition of one incarnation (topic id) of a topic in one cluster."""

    cluster_id: str
    topic: str
    topic_id: str
    partition: int


@dataclass(frozen=True, slots=True)
class Position:
    """How far a log was handled. The counts grow with every epoch; the offsets begin anew."""

    place: LogPlace
    epoch: int
    handled: Offsets
    absent: int
    lost: int
    repaired: int
    updated_at: datetime

    @property
    def mark(self) -> int:
        """Every offset below is handled."""
        return self.handled.mark


def mark(
    tx: Transaction, place: LogPlace, offsets: Collection[int], now: datetime, repaired: bool = False
) -> set[int]:
    """Records offsets as handled; returns those of them that nobody had handled before. Idempotent by offset.

    `repaired`: the repair had to fetch them. Locks the log's row, so nobody else handles them before this
    transaction ends: where one transaction marks several logs, it marks them sorted.
    """
    position = _locked(tx, place, now)
    spans = tuple(spans_of(offsets))
    _add(tx, position, spans, now, "repaired" if repaired else None)
    return {offset for span in spans for gap in position.handled.missing(*span) for offset in gap}


def mark_absent(tx: Transaction, place: LogPlace, offsets: Iterable[range], now: datetime) -> None:
    """Records offsets that the broker itself skips (compaction, markers). Idempotent by offset."""
    _record(tx, place, ((r.start, r.stop) for r in offsets), now, "absent")


def mark_lost(tx: Transaction, place: LogPlace, offsets: Iterable[range], now: datetime) -> None:
    """Records offsets that expired before they were handled: an alarm. Idempotent by offset."""
    _record(tx, place, ((r.start, r.stop) for r in offsets), now, "lost")


def start_at(tx: Transaction, place: LogPlace, offset: int, now: datetime) -> None:
    """A log that the ledger does not know begins at `offset`: nothing below is owed. Idempotent by log."""
    insert_missing(tx, ledger, [_new(place, offset, now)])


def begin_epoch(tx: Transaction, place: LogPlace, end: int, now: datetime) -> bool:
    """Begins anew where the log's end lies below the mark: it is another log under the same topic id.

    Returns whether it did. Idempotent: a second call finds a mark of 0.
    """
    position = _locked(tx, place, now)
    if end >= position.mark:
        return False
    _write(tx, replace(position, epoch=position.epoch + 1, handled=Offsets(), updated_at=now))
    return True


def positions(tx: Transaction, places: Iterable[LogPlace] | None = None) -> dict[LogPlace, Position]:
    """How far logs were handled: all that the ledger knows, or those of `places`."""
    wanted = None if places is None else set(places)
    all_of_them = (_position(row) for row in tx.execute(select(ledger)))
    return {p.place: p for p in all_of_them if wanted is None or p.place in wanted}


def epochs(tx: Transaction, places: Iterable[LogPlace]) -> dict[LogPlace, int]:
    """The epoch of each of these logs that the ledger knows."""
    wanted = set(places)
    clusters = {place.cluster_id for place in wanted}
    columns = (*(ledger.c[name] for name in LogPlace._fields), ledger.c.epoch)
    rows = tx.execute(select(*columns).where(ledger.c.cluster_id.in_(clusters)))
    found = {LogPlace(*row[:4]): row[4] for row in rows}
    return {place: epoch for place, epoch in found.items() if place in wanted}


def gaps(position: Position, end: int) -> tuple[range, ...]:
    """The offsets below a log's end that are unhandled."""
    return position.handled.missing(0, end)


def _record(
    tx: Transaction, place: LogPlace, spans: Iterable[Span], now: datetime, counter: str | None
) -> None:
    _add(tx, _locked(tx, place, now), spans, now, counter)


def _add(
    tx: Transaction, position: Position, spans: Iterable[Span], now: datetime, counter: str | None
) -> None:
    spans = tuple(spans)
    added = position.handled.count_missing(spans)
    if not added:
        return
    changed = replace(position, handled=position.handled.add(spans), updated_at=now)
    if counter is not None:
        changed = replace(changed, **{counter: getattr(position, counter) + added})
    _write(tx, changed)


def _locked(tx: Transaction, place: LogPlace, now: datetime) -> Position:
    """The log's row, which from now on belongs to this transaction; a new one where there is none."""
    row = tx.execute(select(ledger).where(_is(place)).with_for_update()).one_or_none()
    if row is None:
        start_at(tx, place, 0, now)
        row = tx.execute(select(ledger).where(_is(place)).with_for_update()).one()
    return _position(row)


def _write(tx: Transaction, position: Position) -> None:
    tx.execute(
        update(ledger)
        .where(_is(position.place))
        .values(
            epoch=position.epoch,
            mark=position.handled.mark,
            ranges=[list(span) for span in position.handled.spans],
            absent=position.absent,
            lost=position.lost,
            repaired=position.repaired,
            updated_at=position.updated_at,
        )
    )


def _new(place: LogPlace, offset: int, now: datetime) -> dict[str, Any]:
    counts = dict.fromkeys(("epoch", "absent", "lost", "repaired"), 0)
    return {**place._asdict(), **counts, "mark": offset, "ranges": [], "updated_at": now}


def _is(place: LogPlace) -> Any:
    return and_(*(ledger.c[name] == value for name, value in place._asdict().items()))


def _position(row: Row[Any]) -> Position:
    return Position(
        place=LogPlace(row.cluster_id, row.topic, row.topic_id, row.partition),
        epoch=row.epoch,
        handled=Offsets(row.mark, tuple((first, end) for first, end in row.ranges)),
        absent=row.absent,
        lost=row.lost,
        repaired=row.repaired,
        updated_at=row.updated_at,
    )
