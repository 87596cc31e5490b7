"""Cases that expire, by the policy of their use case: a count that may be published stays, nothing else does.

A case matters as long as a detector may look at its day, and as long as an alert that holds it goes on. After
that it is kept for the days that its use case says, and then goes with its whole calendar month: so the count
of the month is made once, of all of it, and no difference between two counts tells of one person.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import structlog

from surveillance.configuration import Configuration, baseline_start
from surveillance.disclosure.calendar import Calendar, Days
from surveillance.disclosure.protection import protect
from surveillance.line_list.record import RecordKey
from surveillance.releasing import areas_shared_with, series_of, shares_areas
from surveillance.revising import relist
from surveillance.store import audit, expiry, pending, records, releases
from surveillance.store.database import Store, Transaction
from surveillance.tallying import counted_cases
from surveillance.use_case.model import UseCase

log = structlog.get_logger(__name__)

BY = "service"
_MONTHS = Calendar("month", 1)
_CHUNK = 1_000


@dataclass(frozen=True)
class Policy:
    """When what expires, as of a day. By use case: the last case day that has expired (whole months), the
    earliest day of an evaluation whose snapshot is kept, and the time before which a finished alert has
    expired. uncounted_before: of records that no use case counts, and of refused messages; None: never."""

    last_days: Mapping[str, date]
    snapshots_from: Mapping[str, date]
    finished_before: Mapping[str, datetime]
    uncounted_before: datetime | None

    @property
    def expires_nothing(self) -> bool:
        return not self.last_days and self.uncounted_before is None


@dataclass(frozen=True)
class Due:
    """What has expired. `held`: records that only an alert keeps. `months`: what is archived of them."""

    policy: Policy
    keys: Mapping[RecordKey, int]
    held: int
    months: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Expired:
    """What an expiry removed or cleared."""

    records: int = 0
    months: int = 0
    snapshots: int = 0
    alerts: int = 0
    refused: int = 0


def policy_of(configuration: Configuration, now: datetime, uncounted_days: int | None) -> Policy:
    """What the configuration says, as of now."""
    last_days, snapshots, finished = {}, {}, {}
    for use_case in configuration.use_cases.values():
        if use_case.retention is not None:
            kept = timedelta(days=use_case.retention.keep_days)
            today = now.astimezone(configuration.zone_of(use_case)).date()
            needed = min(baseline_start(use_case, d, today) for d in configuration.detectors[use_case.id])
            last_days[use_case.id] = (needed - kept).replace(day=1) - timedelta(days=1)
            snapshots[use_case.id] = today - kept
            finished[use_case.id] = now - kept
    before = None if uncounted_days is None else now - timedelta(days=uncounted_days)
    return Policy(last_days, snapshots, finished, before)


def due(store: Store, configuration: Configuration, policy: Policy, now: datetime) -> Due:
    """What has expired by a policy; a month that is still to be published waits for that. Reads only."""
    with store.reading() as tx:
        last_days, months = dict(policy.last_days), []
        for use_case in (configuration.use_cases[name] for name in policy.last_days):
            for scope in use_case.scopes:
                if not shares_areas(configuration, use_case, scope):
                    last, of_scope = _months(tx, configuration, use_case, scope, policy, now)
                    last_days[use_case.id] = min(last, last_days[use_case.id])
                    months += of_scope
        gone = expiry.expired(tx, last_days, policy.uncounted_before)
        kept = expiry.held(tx, gone, policy.finished_before)
        keys = _whole_groups(tx, expiry.keys_of(tx, gone - kept))
    ended = tuple(one for one in months if one["last_day"] <= last_days[one["use_case"]])
    return Due(policy, keys, len(kept), ended)


def expire(
    store: Store, found: Due, configuration: Configuration, now: datetime, audit_key: bytes
) -> Expired:
    """Archives, then removes what is due. Safe to break off: what is left is due again.

    Idempotent: a month is archived once, a record removed once.
    """
    with store.transaction() as tx:
        months = expiry.archive(tx, found.months)
        for one in found.months if months else ():
            _enter(tx, audit_key, now, "archived", f"archive/{one['use_case']}/{one['scope']}", _facts(one))
    with store.transaction(alone=True) as tx:
        done = _forget(tx, found, configuration, now, months)
        if any(vars(done).values()):
            _enter(tx, audit_key, now, "expired", "records/*", vars(done))
    keys = sorted(found.keys)
    for first in range(0, len(keys), _CHUNK):
        with store.transaction(alone=True) as tx:
            expiry.remove(tx, {key: found.keys[key] for key in keys[first : first + _CHUNK]})
    if any(vars(done).values()):
        store.forget(whole=True)
        log.info("expired", **vars(done))
    return done


def _forget(tx: Transaction, found: Due, configuration: Configuration, now: datetime, months: int) -> Expired:
    """Takes what is due out of all that stays."""
    policy, gone, refused = found.policy, found.keys.keys(), 0
    if gone:
        pending.void_claims(tx)  # whoever looks just now may have read the records
        relist(tx, expiry.forget_in_contents(tx, gone), configuration, now)
        expiry.rename_in_alerts(tx, gone)
    snapshots = expiry.empty_snapshots(tx, gone, policy.snapshots_from, now.date())
    alerts = expiry.clear_finished(tx, policy.finished_before)
    if policy.last_days:
        expiry.drop_tallies(tx)
    if policy.uncounted_before is not None:
        refused = expiry.drop_refused(tx, policy.uncounted_before)
    return Expired(len(gone), months, snapshots, alerts, refused)


def _months(
    tx: Transaction,
    configuration: Configuration,
    use_case: UseCase,
    scope: str,
    policy: Policy,
    now: datetime,
) -> tuple[date, list[dict[str, Any]]]:
    """The last day that may expire in a scope, and the months that were never published, with counts."""
    last, region = policy.last_days[use_case.id], configuration.regions[scope]
    cases = counted_cases(tx, use_case, region, use_case.places[0].name, last, now)
    counts = Counter(_MONTHS.number(one.case.day) for one in cases)
    taken = releases.taken_days(tx, use_case.id, areas_shared_with(configuration, scope))
    published_until = max((end for _, end in taken), default=date.min)
    is_published = series_of(configuration, use_case, scope) is not None
    months: list[dict[str, Any]] = []
    for number in sorted(counts):
        days = _MONTHS.days(number)
        if is_published and days.last > published_until:
            return days.first - timedelta(days=1), months
        if not any(first <= days.last and days.first <= end for first, end in taken):
            months.append(_month(use_case, scope, days, counts[number], now))
    return last, months


def _month(use_case: UseCase, scope: str, days: Days, cases: int, now: datetime) -> dict[str, Any]:
    named = {"use_case": use_case.id, "scope": scope, "first_day": days.first, "last_day": days.last}
    return {**named, "cases": protect(cases), "made_at": now}


def _whole_groups(tx: Transaction, keys: Mapping[RecordKey, int]) -> dict[RecordKey, int]:
    """With the records that only merges connect them with, and without those that merges connect with one
    that stays: they are listed together."""
    groups = records.groups_of(tx, keys)
    others = {key for group in groups for key in group} - keys.keys()
    stay = expiry.ever_counted(tx, others)
    numbers = {**keys, **records.numbers_of(tx, others)}
    going = (key for group in groups if stay.isdisjoint(group) for key in group)
    return {key: numbers[key] for key in going if key in numbers}


def _facts(month: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "first_day": month["first_day"].isoformat(),
        "last_day": month["last_day"].isoformat(),
        "cases": month["cases"],
    }


def _enter(
    tx: Transaction, key: bytes, now: datetime, act: str, subject: str, facts: Mapping[str, Any]
) -> None:
    audit.append(tx, key, audit.Entry(BY, act, subject, now, facts))
