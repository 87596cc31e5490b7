"""What time alone brings about: midnights, digests, partners that went quiet, alerts that nobody took up.

Stored, so that none is missed.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

import numpy as np
import structlog

from surveillance import chasing, digests
from surveillance.configuration import Configuration, Region
from surveillance.detection.silence import DEFAULT_RULE, WEEK_DAYS, Quietness, judge
from surveillance.store import audit, partners, pending, ticks
from surveillance.store.database import Store, Transaction

log = structlog.get_logger(__name__)

MIDNIGHT = "midnight"
_CAUGHT_UP_DAYS = 31


def tick(store: Store, configuration: Configuration, now: datetime) -> int:
    """Plans the midnights and digests to come, asks for the evaluations of those that passed and judges how
    quiet the partners are, owes digests, publishes the head of the audit chain, marks late alerts and calls
    who is next for them.

    Returns how many ticks were due. Idempotent by tick; of alerts, by the target that was missed.
    """
    with store.transaction() as tx:
        planned = ticks.last_planned(tx)
        ticks.plan(tx, _midnights(planned, configuration, now))
        ticks.plan(tx, digests.planned(planned, configuration.receivers.values(), now))
        due = ticks.due(tx, now)
        midnights = [one for one in due if one.name.startswith(MIDNIGHT)]
        for one in midnights:
            _ask_for_evaluations(tx, configuration, one, now)
        if midnights:
            _judge_partners(tx, now.astimezone(UTC).date() - timedelta(days=1))
            _publish_head(tx)
        digests.owe(tx, due, configuration, now)
        for one in due:
            ticks.done(tx, one, now)
    chasing.mark_overdue(store, configuration, now)
    chasing.escalate(store, configuration, now)
    return len(due)


def _midnights(
    planned: dict[str, datetime], configuration: Configuration, now: datetime
) -> Iterator[ticks.Tick]:
    for scope, region in configuration.regions.items():
        name = f"{MIDNIGHT}:{scope}"
        first = now - timedelta(days=_CAUGHT_UP_DAYS) if name in planned else now
        last = max(planned.get(name, first), first)
        for due_at in _midnights_between(region, last, now + timedelta(days=1)):
            yield ticks.Tick(name, due_at)


def _midnights_between(region: Region, after: datetime, until: datetime) -> Iterator[datetime]:
    day = after.astimezone(region.zone).date()
    while True:
        day += timedelta(days=1)
        midnight = datetime.combine(day, time(), region.zone).astimezone(UTC)
        if midnight > until:
            return
        yield midnight


def _ask_for_evaluations(
    tx: Transaction, configuration: Configuration, tick: ticks.Tick, now: datetime
) -> None:
    scope = tick.name.removeprefix(f"{MIDNIGHT}:")
    if scope not in configuration.regions:  # it was taken out of the configuration
        return
    ended = tick.due_at.astimezone(configuration.regions[scope].zone).date() - timedelta(days=1)
    asked = [
        pending.Request(u.id, scope, ended) for u in configuration.use_cases.values() if scope in u.scopes
    ]
    pending.request(tx, asked, now)


def _judge_partners(tx: Transaction, as_of: date) -> None:
    """Compares what each partner sent up to the day `as_of` with what it sent before."""
    rule = DEFAULT_RULE
    first = as_of - timedelta(days=WEEK_DAYS * (rule.weeks + rule.skip_weeks + 1) - 1)
    judged: dict[partners.Source, Quietness] = {}
    for source, per_day in partners.new_records(tx, first, as_of).items():
        quietness = judge(_daily(per_day, as_of))
        if quietness is not None:
            judged[source] = quietness
    partners.judge(tx, judged, as_of)


def _publish_head(tx: Transaction) -> None:
    """Says in the log, which lies outside the database, how the audit chain ends: who cuts entries off later
    is found out by `surveillance audit verify --head`."""
    log.info("audit head", head=str(audit.head(tx)))


def _daily(per_day: Counter[date], as_of: date) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Counts of every day from the first with any to `as_of`."""
    days = (as_of - min(per_day, default=as_of)).days + 1
    return np.array([per_day[as_of - timedelta(days=back)] for back in reversed(range(days))], np.int64)
