"""Notices are sent in the order of an alert's revisions, under one key, until the receiver has them."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from store_factories import T0, change, minutes

from surveillance.store import alerts, outbox
from surveillance.store.database import Store
from surveillance.store.outbox import Due, Failure, Notice
from surveillance.store.tables_delivery import delivery_attempts


def _notice(alert_id: str = "a1", revision: int = 1, receiver: str = "leads", **changes: object) -> Notice:
    values = {"channel": "webhook", "payload": {"id": alert_id}, "created_at": T0}
    return Notice(receiver=receiver, alert_id=alert_id, revision=revision, **values | changes)


@pytest.fixture
def told(store: Store) -> Store:
    """A store with alerts a1 and a2, three revisions each."""
    with store.transaction() as tx:
        alerts.save(tx, [change(a, r) for a in ("a1", "a2") for r in (1, 2, 3)])
    return store


def _add(store: Store, *notices: Notice) -> None:
    with store.transaction() as tx:
        outbox.add(tx, notices)


def _next(store: Store, at: float = 0) -> Due | None:
    with store.transaction() as tx:
        return outbox.next_due(tx, T0 + minutes(at), timedelta(minutes=1))


def _taken(store: Store, at: float = 0) -> Due:
    due = _next(store, at)
    assert due is not None
    return due


def _sent(store: Store, due: Due) -> None:
    with store.transaction() as tx:
        outbox.sent(tx, due, T0)


def test_a_notice_is_owed_once_by_channel_receiver_alert_and_revision(told: Store) -> None:
    _add(told, _notice(), _notice(receiver="topic"))
    _add(told, _notice(payload={"id": "another"}))
    with told.reading() as tx:
        assert outbox.waiting(tx) == 2
    due = _taken(told)
    assert (due.payload, due.idempotency_key) == ({"id": "a1"}, "webhook/leads/a1/1")


def test_a_receiver_gets_an_alerts_revisions_in_order_and_one_at_a_time(told: Store) -> None:
    _add(told, _notice(revision=3), _notice(revision=1), _notice(revision=2))
    for revision in (1, 2, 3):
        due = _taken(told)
        assert due.revision == revision
        assert _next(told) is None
        _sent(told, due)
    assert _next(told, at=60) is None


def test_a_receiver_that_fails_holds_up_neither_other_receivers_nor_other_alerts(told: Store) -> None:
    _add(told, *(_notice(revision=r) for r in (1, 2)))
    with told.transaction() as tx:
        due = outbox.next_due(tx, T0)
        assert due is not None
        outbox.failed(tx, due, Failure("refused"), T0)
    _add(told, _notice(receiver="topic"), _notice("a2"))
    assert _taken(told).receiver == "topic"
    assert _next(told) is None  # the receiver that failed is left alone for a second, with all that is owed
    assert {_taken(told, at=1).alert_id, _taken(told, at=1).alert_id} == {"a1", "a2"}


def test_a_failed_notice_is_tried_again_later_and_later_under_the_same_key(told: Store) -> None:
    _add(told, _notice())
    now, waits, keys = T0, [], set()
    for _ in range(11):
        with told.transaction() as tx:
            assert outbox.next_due(tx, now - timedelta(milliseconds=1)) is None
            due = outbox.next_due(tx, now)
            assert due is not None
            retry_at = outbox.failed(tx, due, Failure("refused"), now)
        waits.append((retry_at - now).total_seconds())
        keys.add(due.idempotency_key)
        now = retry_at
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]
    assert len(keys) == 1


def test_every_attempt_is_logged(told: Store) -> None:
    _add(told, _notice())
    with told.transaction() as tx:
        first = outbox.next_due(tx, T0)
        assert first is not None
        outbox.failed(tx, first, Failure("refused", 503), T0)
        second = outbox.next_due(tx, T0 + minutes(1))
        assert second is not None
        outbox.sent(tx, second, T0 + minutes(1), 200)
        outbox.sent(tx, second, T0 + minutes(2))
        of = delivery_attempts.c
        rows = tx.execute(sa.select(of.attempt, of.outcome, of.error, of.code).order_by(of.attempt)).all()
    assert [tuple(row) for row in rows] == [(1, "failed", "refused", 503), (2, "sent", None, 200)]


def test_a_notice_whose_sender_died_is_taken_up_again_after_its_lease(told: Store) -> None:
    _add(told, _notice(), _notice(revision=2))
    died = _taken(told)
    assert _next(told, at=0.9) is None
    again = _taken(told, at=1)
    assert (again.id, again.attempt, again.idempotency_key) == (died.id, 2, died.idempotency_key)


def test_a_late_failure_does_not_take_back_that_it_was_sent(told: Store) -> None:
    _add(told, _notice())
    slow = _taken(told)
    _sent(told, _taken(told, at=2))
    with told.transaction() as tx:
        outbox.failed(tx, slow, Failure("timeout"), T0 + minutes(3))
    assert _next(told, at=60) is None


def test_a_suppressed_notice_is_kept_but_never_sent_and_holds_up_nothing(told: Store) -> None:
    _add(told, _notice(suppressed_reason="shadow"), _notice(revision=2))
    assert _taken(told).revision == 2
    with told.reading() as tx:
        assert outbox.waiting(tx) == 1


def test_the_age_of_the_oldest_notice_is_told(told: Store) -> None:
    with told.reading() as tx:
        assert outbox.oldest_age(tx, T0) == 0.0
    _add(told, _notice(), _notice(revision=2, created_at=T0 + minutes(1)))
    with told.reading() as tx:
        assert outbox.oldest_age(tx, T0 + minutes(2)) == 120.0
    _sent(told, _taken(told))
    with told.reading() as tx:
        assert outbox.oldest_age(tx, T0 + minutes(2)) == 60.0


def test_senders_that_race_send_each_notice_once_and_in_order(told: Store) -> None:
    _add(told, *(_notice(a, r) for a in ("a1", "a2") for r in (1, 2, 3)))
    together, sent = threading.Barrier(3), []

    def send() -> None:
        together.wait()
        for _ in range(200):
            with told.reading() as tx:
                left = outbox.waiting(tx)
            if not left:
                return
            if (due := _next(told)) is not None:
                sent.append((due.alert_id, due.revision))
                _sent(told, due)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [r for a, r in sent if a == "a1"] == [1, 2, 3]
    assert [r for a, r in sent if a == "a2"] == [1, 2, 3]
