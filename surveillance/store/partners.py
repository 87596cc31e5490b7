"""When each partner was last heard of, what it sent each day, and how quiet that was."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from sqlalchemy import func, select

from surveillance.detection.silence import Quietness
from surveillance.store.database import Transaction
from surveillance.store.statements import insert_into, larger
from surveillance.store.tables import partners_judged, partners_seen, record_versions, records

Source = tuple[str, str]  # partner and kind of record


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


def new_records(tx: Transaction, first: date, last: date) -> dict[Source, Counter[date]]:
    """Per partner and kind, how many records were first received on each day (UTC), both days included."""
    received = func.min(record_versions.c.received_at).label("received_at")
    of_record = select(record_versions.c.record, received).group_by(record_versions.c.record).subquery()
    rows = tx.execute(
        select(records.c.partner, records.c.kind, of_record.c.received_at)
        .join(of_record, of_record.c.record == records.c.record)
        .where(of_record.c.received_at >= datetime.combine(first, time(), UTC))
    )
    counted: defaultdict[Source, Counter[date]] = defaultdict(Counter)
    for partner, kind, received_at in rows:
        day = received_at.astimezone(UTC).date()
        if day <= last:
            counted[partner, kind][day] += 1
    return dict(counted)


def judge(tx: Transaction, judged: Mapping[Source, Quietness], as_of: date) -> None:
    """Replaces what was judged of these partners before. Idempotent by partner and kind."""
    for (partner, kind), one in sorted(judged.items()):
        values = {
            "as_of": as_of,
            "window_days": one.window_days,
            "observed": one.observed,
            "expected": one.expected,
            "chance": one.chance,
            "quiet": one.quiet,
        }
        statement = insert_into(tx, partners_judged).values(partner=partner, kind=kind, **values)
        tx.execute(statement.on_conflict_do_update(index_elements=["partner", "kind"], set_=values))


def judged(tx: Transaction) -> dict[Source, tuple[date, Quietness]]:
    """What was judged last, and as of which day."""
    c = partners_judged.c
    rows = tx.execute(
        select(c.partner, c.kind, c.as_of, c.window_days, c.observed, c.expected, c.chance, c.quiet)
    )
    return {(partner, kind): (as_of, Quietness(*rest)) for partner, kind, as_of, *rest in rows}
