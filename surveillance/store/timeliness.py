"""How late partners' records run: from the day of a case to its first receipt."""

from collections import defaultdict
from datetime import UTC, date, datetime, time

from sqlalchemy import func, select

from surveillance.store.database import Transaction
from surveillance.store.tables import line_list, record_versions, records

_DAY_SECONDS = 86_400


def report_delays(tx: Transaction, since: date) -> dict[tuple[str, str], list[float]]:
    """Days from the start of the case day (UTC) to the first receipt of each current case since a day.

    By partner and kind of record, each list sorted.
    """
    listed = (
        select(line_list.c.record, line_list.c.day)
        .where(line_list.c.known_until.is_(None), line_list.c.reason.is_(None), line_list.c.day >= since)
        .distinct()
        .subquery()
    )
    rows = tx.execute(
        select(records.c.partner, records.c.kind, listed.c.day, func.min(record_versions.c.received_at))
        .join(listed, listed.c.record == records.c.record)
        .join(record_versions, record_versions.c.record == records.c.record)
        .group_by(records.c.record, records.c.partner, records.c.kind, listed.c.day)
    )
    delays: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for partner, kind, day, received_at in rows:
        began = datetime.combine(day, time(), UTC)
        delays[partner, kind].append((received_at - began).total_seconds() / _DAY_SECONDS)
    return {key: sorted(found) for key, found in delays.items()}
