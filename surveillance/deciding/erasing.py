"""One record erased for good, within one transaction in which nobody else writes.

Other records stay, also those that a partner merged into it or linked with it: without it they stand for
themselves. Alerts keep their counts of the past; where they named the record stands a name without meaning.
"""

import secrets
from collections.abc import Collection
from dataclasses import dataclass

from surveillance.alerting.alert import Alert, State
from surveillance.alerting.matching import FINISHED
from surveillance.configuration import Configuration
from surveillance.deciding.decision import Decision, Unknown
from surveillance.line_list.record import RecordKey
from surveillance.revising import relist
from surveillance.store import alerts, dead_letters, erasures, line_list, receipts, records
from surveillance.store.database import Transaction

ERASED = "erased"  # the partner of what stands in for an erased record


@dataclass(frozen=True)
class Erased:
    """What an erasure did. `before`: the record had been erased already, and nothing was left to do.

    unfinished: the alerts that go on without it. places: the (use case, scope) to look at anew. versions: of
    the record. alerts: ids of all that named it. snapshots, others: stored evaluations and other records that
    named it.
    """

    before: bool = False
    stand_in: str = ""
    unfinished: tuple[Alert, ...] = ()
    places: frozenset[tuple[str, str]] = frozenset()
    versions: int = 0
    alerts: tuple[str, ...] = ()
    snapshots: int = 0
    others: int = 0


def erase(
    tx: Transaction, record: RecordKey, configuration: Configuration, key: bytes, why: Decision
) -> Erased:
    """Erases a record, sets its tombstone and rewrites what named it.

    Raises Unknown, NotAllowed where no reason is given, and KeyChanged.
    """
    reason = erasures.cleared(why.grounds(), record)
    erasures.check_key(tx, key)
    number = records.numbers_of(tx, {record}).get(record)
    if number is None:
        if erasures.tombstone(tx, key, record) is None:
            raise Unknown("no such record")
        return Erased(before=True)
    erasures.entomb(tx, key, record, why.by, why.at, reason)
    use_cases = None if erasures.is_linked(tx, record) else {u for u, _ in erasures.places_of(tx, {number})}
    versions, others, places = _remove(tx, record, number, configuration, why)
    stand_in = f"{ERASED}/{record.kind}/{secrets.token_hex(6)}"
    touched = erasures.replace_in_alerts(tx, record, stand_in)
    snapshots = erasures.replace_in_snapshots(tx, record, stand_in, use_cases)
    erasures.clear_texts(tx, record)
    dead_letters.forget(tx, record, why.at)
    receipts.forget(tx, record)
    return Erased(
        stand_in=stand_in,
        unfinished=_unfinished(tx, touched, configuration),
        places=frozenset(places),
        versions=versions,
        alerts=tuple(touched),
        snapshots=snapshots,
        others=others,
    )


def places_of(tx: Transaction, record: RecordKey, configuration: Configuration) -> set[tuple[str, str]]:
    """The (use case, scope) whose evaluations ever looked at the record."""
    return _scopes(erasures.places_of(tx, records.numbers_of(tx, {record}).values()), configuration)


def _remove(
    tx: Transaction, record: RecordKey, number: int, configuration: Configuration, why: Decision
) -> tuple[int, int, set[tuple[str, str]]]:
    """Removes the record and lists anew those that named it; how many versions and others there were, and
    where all of them were or are cases."""
    merged = {key for group in line_list.merged_groups(tx, {record}) for key in group}
    others = {**records.numbers_of(tx, merged), **erasures.records_naming(tx, record)}
    others.pop(record, None)
    seen = erasures.places_of(tx, {number, *others.values()})
    versions = erasures.remove_record(tx, record, number)
    erasures.forget_in_contents(tx, others.values(), record)
    relist(tx, others.keys(), configuration, why.at)
    seen |= erasures.places_of(tx, others.values())
    return versions, len(others), _scopes(seen, configuration)


def _scopes(places: Collection[tuple[str, str]], configuration: Configuration) -> set[tuple[str, str]]:
    return {
        (use_case, scope)
        for use_case, area in places
        if use_case in configuration.use_cases
        for scope in configuration.scopes_reading(configuration.use_cases[use_case], area)
    }


def _unfinished(tx: Transaction, ids: Collection[str], configuration: Configuration) -> tuple[Alert, ...]:
    """Those alerts that go on, and that the configuration still knows."""
    found = (alerts.show(tx, alert_id) for alert_id in ids)
    return tuple(
        alert
        for alert in found
        if alert is not None
        and alert.state not in FINISHED
        and alert.state is not State.MERGED
        and configuration.evaluates(alert.use_case, alert.scope)
    )
