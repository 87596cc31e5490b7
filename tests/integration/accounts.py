"""What must be true of a service once it has handled everything, whatever failed in between."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from fleet import SCOPE, Fleet
from sqlalchemy import select

from surveillance import pipeline
from surveillance.alerting.alert import Alert, Change, State
from surveillance.configuration import Configuration
from surveillance.events.message import Message
from surveillance.events.topics import ALERTS_TOPIC
from surveillance.intake import Intake
from surveillance.kafka.admin import Offsets, describe
from surveillance.kafka.reader import read_range
from surveillance.simulation.load import Truth
from surveillance.simulation.published import Published
from surveillance.store import (
    alerts,
    dead_letters,
    evaluations,
    line_list,
    outbox,
    partners,
    pending,
    tables,
)
from surveillance.store.codec import cluster_from_json, to_json
from surveillance.store.database import Store

_BATCH = 1000
READERS = 8  # of partitions at once: connecting is most of what reading one takes


def check_every_event_is_stored_once(store: Store, sent: Sequence[Published], truth: Truth) -> None:
    """Records by highest version, the number of versions and dead letters by reason are the truth's."""
    with store.reading() as tx:
        versions = line_list.versions_of(tx, truth.highest.keys())
        letters = dead_letters.listed(tx, limit=len(sent))
        refused = dead_letters.count(tx)
        seen = partners.heard_of(tx)
        records = line_list.count_records(tx)
    assert {key: found[-1].version for key, found in versions.items()} == dict(truth.highest)
    assert records == len(truth.highest)
    notes = Counter(message.note.partition(":")[0] for message in sent)
    assert sum(map(len, versions.values())) == len(sent) - notes["refused"] - notes["repeat"]
    assert {str(code): number for code, number in refused.items()} == dict(truth.refused)
    assert len({(one.place, one.letter.offset) for one in letters}) == len(letters) == notes["refused"]
    assert all(one.epoch == 0 for one in letters)
    # Counted in the transaction that handled each message for the first time.
    assert sum(one.messages for one in seen) == len(sent)
    assert sum(one.refused for one in seen) == notes["refused"]


def check_line_lists_are_identical(one: Store, other: Store) -> None:
    """Every version with its receipt, every row of the line list, every proposal, each partner's counts."""
    for name, rows in _contents(one).items():
        assert rows == _contents(other)[name], name


def _contents(store: Store) -> dict[str, list[str]]:
    record = tables.records.c
    who = (record.partner, record.kind, record.record_id)
    listed = [column for column in tables.line_list.c if column.name not in ("id", "record")]
    versions = [column for column in tables.record_versions.c if column.name != "record"]
    duplicates = [column for column in tables.duplicates.c if not column.name.endswith("_at")]
    queries = {
        "versions": select(*who, *versions).join(tables.records),
        "line list": select(*who, *listed).join(tables.records),
        "duplicates": select(*duplicates),
        "partners": select(tables.partners_seen),
    }
    with store.reading() as tx:
        return {
            name: sorted(json.dumps([*row], default=str, sort_keys=True) for row in tx.execute(query))
            for name, query in queries.items()
        }


def check_active_clusters_are_identical(one: Store, other: Store) -> int:
    """All evidence of all alerts that are alive: members, areas, days and every number. Returns how much."""
    assert _evidence(one) == _evidence(other)
    return len(_evidence(one))


def _evidence(store: Store) -> list[str]:
    with store.reading() as tx:
        alive = [alert for alert in alerts.listed(tx) if alert.alive]
    return sorted(
        json.dumps([alert.use_case, alert.scope, to_json(cluster)], sort_keys=True)
        for alert in alive
        for cluster in alert.clusters
    )


def check_alerts_are_one_per_cluster(store: Store) -> None:
    """No record is a member of two unfinished alerts of a use case."""
    with store.reading() as tx:
        unfinished = [a for a in alerts.listed(tx) if a.state is not State.MERGED]
    held = Counter((a.use_case, m.rpartition("@")[0]) for a in unfinished for m in a.members)
    assert [member for member, times in held.items() if times > 1] == []


def check_every_change_rests_on_its_snapshot(store: Store) -> int:
    """Every revision of every alert names a stored evaluation that looked at its members. Says how many."""
    checked = 0
    with store.reading() as tx:
        for alert in alerts.listed(tx):
            changes = alerts.history(tx, alert.id)
            assert [c.change.alert.revision for c in changes] == list(range(1, alert.revision + 1))
            for stored in changes:
                assert stored.evaluation_id is not None
                evaluation = evaluations.show(tx, stored.evaluation_id)
                assert evaluation is not None
                assert evaluation.snapshot is not None
                assert (evaluation.use_case, evaluation.scope) == (alert.use_case, alert.scope)
                if stored.change.change is not Change.MERGED:  # its members are its successor's from there on
                    _check_snapshot(stored.change.alert, evaluation.snapshot)
                checked += 1
    return checked


def _check_snapshot(alert: Alert, snapshot: object) -> None:
    assert isinstance(snapshot, dict)
    looked_at = {m for cases in snapshot["cases"].values() for records in cases for m in records}
    assert set(alert.members) <= looked_at
    if alert.alive:
        found = [cluster_from_json(cluster) for cluster in snapshot["clusters"]]
        assert all(cluster in found for cluster in alert.clusters)


def check_evaluations_say_when_they_ended(store: Store) -> None:
    """None ended before its stages could be over."""
    done = tables.evaluations.c
    with store.reading() as tx:
        rows = tx.execute(select(done.started_at, done.finished_at, done.seconds)).all()
    assert rows
    assert all(
        (row.finished_at - row.started_at).total_seconds() >= 0.9 * sum(row.seconds.values()) for row in rows
    )


def check_notices_are_in_order(fleet: Fleet) -> None:
    """The alerts topic has every revision that people must hear of, each alert's in order."""
    told: dict[str, list[int]] = {}
    for message in messages_of(fleet, [fleet.prefix + ALERTS_TOPIC]):
        notice = json.loads(message.value or b"{}")
        told.setdefault(notice["id"], []).append(notice["revision"])
    with fleet.store.reading() as tx:
        owed = tx.execute(
            select(tables.outbox.c.alert_id, tables.outbox.c.revision).where(
                tables.outbox.c.suppressed_reason.is_(None)
            )
        ).all()
    expected: dict[str, set[int]] = {}
    for alert, revision in owed:
        expected.setdefault(alert, set()).add(revision)
    assert {alert: set(revisions) for alert, revisions in told.items()} == expected
    assert all(revisions == sorted(revisions) for revisions in told.values())


def nothing_to_deliver(store: Store) -> bool:
    with store.reading() as tx:
        return outbox.waiting(tx) == 0


def ask_for_final_evaluations(store: Store, configuration: Configuration, as_of: date) -> None:
    """One evaluation of every use case of the scope."""
    asked = [
        pending.Request(use_case.id, SCOPE, as_of)
        for use_case in configuration.use_cases.values()
        if SCOPE in use_case.scopes
    ]
    with store.transaction() as tx:
        pending.request(tx, asked, datetime.now(UTC))


def run_quietly(fleet: Fleet, path: Path, as_of: date, dead_letter_key: bytes = b"another key") -> Store:
    """The same messages, each once, in one process without a fault, into a database of their own."""
    store = Store.open(f"sqlite:///{path}")
    store.upgrade()
    topics = fleet.configuration.topics(fleet.prefix)
    messages = sorted(messages_of(fleet, topics), key=_received)
    logs = fleet.logs()
    intake = Intake(
        place=logs.place,
        dead_letter_key=dead_letter_key,
        now=datetime.now(UTC),
        prefix=fleet.prefix,
        evaluates=False,
    )
    for first in range(0, len(messages), _BATCH):
        pipeline.ingest(messages[first : first + _BATCH], fleet.configuration, store, intake)
    ask_for_final_evaluations(store, fleet.configuration, as_of)
    while _evaluate_next(store, fleet.configuration):
        pass
    return store


def _received(message: Message) -> tuple[datetime, str, int, int]:
    return message.received_at, message.topic, message.partition, message.offset


def _evaluate_next(store: Store, configuration: Configuration) -> bool:
    now = datetime.now(UTC)
    with store.transaction() as tx:
        claim = pending.claim(tx, "quiet", now, timedelta(hours=1))
    if claim is not None:
        pipeline.evaluate(claim, configuration, store, now)
    return claim is not None


def messages_of(fleet: Fleet, topics: Sequence[str]) -> Iterator[Message]:
    """Everything that topics hold, by topic, partition and offset."""
    state = describe(fleet.brokers, topics)
    places = [
        (fleet.brokers, name, partition, offsets)
        for name, topic in state.topics.items()
        for partition, offsets in topic.partitions.items()
    ]
    with ThreadPoolExecutor(READERS) as pool:
        for messages in pool.map(_messages_of_partition, places):
            yield from messages


def _messages_of_partition(place: tuple[str, str, int, Offsets]) -> list[Message]:
    brokers, topic, partition, offsets = place
    messages: list[Message] = []
    at = offsets.begin
    while at < offsets.end:
        fetched = read_range(brokers, topic, partition, at, offsets.end, most=20_000)
        messages += fetched.messages
        at = fetched.next_offset
    return messages
