"""What was in the outbox before the schema knew digests, holds and attempts is in it afterwards."""

import json

import pytest
import sqlalchemy as sa
from alembic import command
from store_factories import T0, change

from surveillance.store import deliveries, outbox
from surveillance.store.codec import to_json
from surveillance.store.database import Store, Transaction
from surveillance.store.migrating import make_configuration


def _migrate(store: Store, revision: str, up: bool) -> None:
    configuration = make_configuration()
    with store.transaction() as tx:
        configuration.attributes["connection"] = tx
        (command.upgrade if up else command.downgrade)(configuration, revision)


def _add_alert(tx: Transaction, alert_id: str, revisions: int, at: object) -> None:
    """As the schema was then: what is written now has columns that were not there."""
    of_alert = (
        "INSERT INTO alerts (id, revision, use_case, scope, state, severity, alive, start_day, end_day,"
        " opened_at, changed_at, alert) VALUES (:id, :revision, 'u', 's', 'open', 'severe', true,"
        " '2024-01-01', '2024-01-02', :at, :at, '{}')"
    )
    of_change = (
        "INSERT INTO alert_history (alert_id, revision, change, at, by, reason, told, alert)"
        " VALUES (:id, :revision, 'opened', :at, 'service', '', true, :alert)"
    )
    tx.execute(sa.text(of_alert), {"id": alert_id, "revision": revisions, "at": at})
    for revision in range(1, revisions + 1):
        alert = to_json(change(alert_id, revision).alert)
        row = {"id": alert_id, "revision": revision, "at": at, "alert": json.dumps(alert)}
        tx.execute(sa.text(of_change), row)
    tx.execute(sa.text("UPDATE alerts SET alert = :alert"), {"alert": json.dumps(alert)})


@pytest.fixture
def before(empty_url: str) -> Store:
    """A database of the schema before, with one notice sent at the second attempt and one owed."""
    store = Store.open(empty_url)
    _migrate(store, "0004", up=True)
    at = T0 if store.dialect == "postgresql" else T0.isoformat(" ").removesuffix("+00:00")
    with store.transaction() as tx:
        _add_alert(tx, "a1", revisions=2, at=at)
        for number, sent in ((1, at), (2, None)):
            tx.execute(
                sa.text(
                    "INSERT INTO outbox (id, channel, receiver, alert_id, revision, idempotency_key, payload,"
                    " created_at, sent_at, attempts, next_attempt_at) VALUES (:id, 'alerts-topic',"
                    " 'alerts-topic', 'a1', :id, :key, :payload, :at, :sent, 2, :at)"
                ),
                {
                    "id": number,
                    "key": f"alerts-topic/alerts-topic/a1/{number}",
                    "payload": json.dumps({"id": "a1", "change": "opened"}),
                    "at": at,
                    "sent": sent,
                },
            )
        for attempt, error in ((1, "DeliveryFailed"), (2, None)):
            tx.execute(
                sa.text(
                    "INSERT INTO deliveries (outbox_id, attempt, at, error) VALUES (1, :attempt, :at, :error)"
                ),
                {"attempt": attempt, "error": error, "at": at},
            )
    return store


def test_notices_and_attempts_outlast_the_migration_and_what_is_owed_is_sent(before: Store) -> None:
    before.upgrade()
    before.check_schema()
    with before.transaction() as tx:
        attempts = deliveries.attempts_of_alert(tx, "a1")
        assert [(a.attempt, a.outcome, a.error, a.at) for a in attempts] == [
            (1, "failed", "DeliveryFailed", T0),
            (2, "sent", None, T0),
        ]
        due = outbox.next_due(tx, T0)
    assert due is not None
    assert (due.idempotency_key, due.attempt) == ("alerts-topic/alerts-topic/a1/2", 3)


def test_the_way_back_keeps_what_the_earlier_schema_can_hold(before: Store) -> None:
    before.upgrade()
    _migrate(before, "0004", up=False)
    with before.reading() as tx:
        kept = tx.execute(sa.text("SELECT attempt, error FROM deliveries ORDER BY attempt")).all()
        assert [tuple(row) for row in kept] == [(1, "DeliveryFailed"), (2, None)]
        assert tx.execute(sa.text("SELECT count(*) FROM outbox")).scalar_one() == 2
    before.upgrade()
    before.check_schema()
