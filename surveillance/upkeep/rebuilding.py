"""The derived tables written anew from the records, and a lost database filled again from the topics.

What is a source and what follows from it is said once, in `store/catalogue.py`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import structlog

from surveillance.configuration import Configuration
from surveillance.events.message import Message
from surveillance.kafka.admin import Offsets
from surveillance.kafka.reader import Fetched
from surveillance.line_list.merges import merge_targets
from surveillance.redefining import every_look, fingerprints
from surveillance.revising import relist
from surveillance.store import alerts, audit, derived, erasures, exports, ledger, line_list, listed, pending
from surveillance.store.database import Store, Transaction
from surveillance.store.ledger import LogPlace
from surveillance.upkeep.verifying import Keys

log = structlog.get_logger(__name__)

_CHUNK = 1_000
ReadRange = Callable[[str, int, int, int], Fetched]
"""Reads a topic's partition: from one offset up to another (not included), as many as it likes."""


class Stuck(RuntimeError):
    """The broker gives nothing more of a log before its end."""


def rebuild(store: Store, configuration: Configuration, now: datetime) -> int:
    """Writes all that follows from the records anew, and asks for every look; returns how many there are.

    One transaction, in which nobody else writes: before its end everybody reads what was there before, and
    broken off it has changed nothing.
    """
    with store.transaction(alone=True) as tx:
        pending.void_claims(tx)  # whoever looks just now has read the rows that go
        proposed = derived.take_proposals(tx)
        derived.empty(tx)
        _relink(tx)
        rebuilt = _relist(tx, configuration, now)
        derived.date_proposals(tx, proposed)
        _finish(tx, configuration, now)
    return rebuilt


def refill(
    store: Store,
    logs: Mapping[LogPlace, Offsets],
    read: ReadRange,
    ingest: Callable[[Sequence[Message]], None],
    clock: Callable[[], datetime],
) -> int:
    """Handles every message that the logs hold, each log in its order; returns how many. Safe to repeat:
    what the ledger holds is not handled again."""
    handled = 0
    for place, offsets in sorted(logs.items()):
        with store.transaction() as tx:
            ledger.start_at(tx, place, offsets.begin, clock())
        at = offsets.begin
        while at < offsets.end:
            fetched = read(place.topic, place.partition, at, offsets.end)
            if fetched.next_offset <= at:
                raise Stuck(f"{place.topic}/{place.partition}: nothing comes from offset {at} on; try again")
            ingest(fetched.messages)
            with store.transaction() as tx:
                ledger.mark_absent(tx, place, fetched.absent, clock())
            handled, at = handled + len(fetched.messages), fetched.next_offset
        log.info("log read", topic=place.topic, partition=place.partition, end=offsets.end)
    return handled


def read_export(store: Store, source: Path, keys: Keys, published: audit.Head | None = None) -> int:
    """Puts what no topic gives back into an empty database, before any message is handled: so that what was
    erased stays erased, and pairs that people decided stay decided. Returns how many rows that were.

    Raises ExportFault; Broken where its audit chain is not whole, or lacks the head that was published; and
    KeyChanged.
    """
    with store.transaction(alone=True) as tx:
        rows = exports.read(tx, source)
        audit.verify(tx, keys.audit, published)
        erasures.check_key(tx, keys.erasure)
    return rows


def finish(store: Store, configuration: Configuration, now: datetime) -> None:
    """Lists the alerts' members anew and asks for every look, once the records are all there."""
    with store.transaction(alone=True) as tx:
        _finish(tx, configuration, now)


def _finish(tx: Transaction, configuration: Configuration, now: datetime) -> None:
    alerts.relist_members(tx)
    listed.save_definitions(tx, fingerprints(configuration))
    pending.request(tx, every_look(configuration, now), now)


def _relink(tx: Transaction) -> None:
    """Which records were ever merged into which: before any is listed, for they are listed together."""
    for keys in listed.keys_spread(tx, 1, 0):
        versions = line_list.versions_of(tx, keys)
        line_list.save_merges(tx, {key: merge_targets(some) for key, some in versions.items()})


def _relist(tx: Transaction, configuration: Configuration, now: datetime) -> int:
    rebuilt = 0
    for keys in listed.keys_spread(tx, 1, 0):
        relist(tx, keys, configuration, now)
        rebuilt += len(keys)
    return rebuilt
