"""An outage holds a batch back; one record that the database refuses becomes one dead letter."""

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, text

from small_house import House, incident, message
from surveillance import pipeline, service
from surveillance.events.refusal import RefusalCode
from surveillance.kafka.admin import BrokerUnreachable
from surveillance.line_list.record import RecordKey
from surveillance.offsets import TopicMissing
from surveillance.service import Outage
from surveillance.store import alerts, dead_letters, ledger, line_list, pending
from surveillance.store.alerts import StaleAlert
from surveillance.store.database import Store
from surveillance.store.tables import pending_evaluations

MESSAGES = [message(i, incident(f"r{i}")) for i in range(6)]


@pytest.fixture
def poisoned(house: House) -> House:
    """A house whose database cannot hold any version of record r2."""
    with house.store.transaction() as tx:
        tx.execute(
            text(
                "CREATE TRIGGER poison BEFORE INSERT ON record_versions "
                "WHEN (SELECT record_id FROM records WHERE record = NEW.record) = 'r2' "
                "BEGIN SELECT RAISE(ABORT, 'cannot be held'); END"
            )
        )
    return house


def stored(house: House) -> set[str]:
    with house.store.reading() as tx:
        keys = [RecordKey("alpha", "incident", f"r{i}") for i in range(6)]
        return {key.record_id for key in line_list.versions_of(tx, keys)}


def letters(house: House) -> list[tuple[int, RefusalCode]]:
    with house.store.reading() as tx:
        return [(s.letter.offset, s.letter.code) for s in dead_letters.listed(tx)]


def unhandled(house: House) -> int:
    with house.store.reading() as tx:
        return sum(len(r) for p in ledger.positions(tx, "cluster").values() for r in ledger.gaps(p, 6))


def test_a_record_that_the_database_refuses_is_one_dead_letter_and_the_others_are_stored(
    poisoned: House,
) -> None:
    poisoned.ingest(*MESSAGES)
    assert stored(poisoned) == {"r0", "r1", "r3", "r4", "r5"}
    assert letters(poisoned) == [(2, RefusalCode.UNSTORABLE)]
    assert unhandled(poisoned) == 0


def test_however_often_it_is_delivered_again_it_stays_one_dead_letter(poisoned: House) -> None:
    for _ in range(3):
        again = list(MESSAGES)
        random.Random(1).shuffle(again)
        poisoned.ingest(*again)
    assert letters(poisoned) == [(2, RefusalCode.UNSTORABLE)]


def test_a_dead_letter_names_the_record_and_holds_nothing_else_of_what_was_sent(poisoned: House) -> None:
    poisoned.ingest(*MESSAGES)
    with poisoned.store.reading() as tx:
        (letter,) = dead_letters.listed(tx)
    assert (letter.letter.record_id, letter.letter.version) == ("r2", 1)
    assert "n1" not in repr(letter)
    assert "cannot be held" not in repr(letter)
    assert len(letter.letter.payload_hmac) == 64


def test_a_refused_message_beside_it_keeps_its_own_reason(poisoned: House) -> None:
    poisoned.ingest(*MESSAGES, message(6, b"\xff"))
    assert sorted(letters(poisoned)) == [(2, RefusalCode.UNSTORABLE), (6, RefusalCode.NOT_UTF8)]


def test_a_message_that_a_defect_of_ours_stops_is_left_to_the_repair(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is no dead letter, for nothing is wrong with it, and it holds up no other message."""
    works = pipeline.revise_line_list

    def trips(tx: Any, incoming: Any, *rest: Any) -> Any:
        if any(version.key.record_id == "r4" for version in incoming):
            raise ZeroDivisionError
        return works(tx, incoming, *rest)

    monkeypatch.setattr(pipeline, "revise_line_list", trips)
    house.ingest(*MESSAGES)
    assert stored(house) == {"r0", "r1", "r2", "r3", "r5"}
    assert letters(house) == []
    with house.store.reading() as tx:
        (position,) = ledger.positions(tx).values()
    assert ledger.gaps(position, 6) == (range(4, 5),)
    monkeypatch.setattr(pipeline, "revise_line_list", works)
    house.ingest(MESSAGES[4])
    assert stored(house) == {"r0", "r1", "r2", "r3", "r4", "r5"}


def break_database(house: House) -> Callable[[], None]:
    """Takes a table away, as a database that is half restored would; returns what brings it back."""
    with house.store.transaction() as tx:
        tx.execute(text("ALTER TABLE line_list RENAME TO away"))

    def mend() -> None:
        with house.store.transaction() as tx:
            tx.execute(text("ALTER TABLE away RENAME TO line_list"))

    return mend


def test_an_outage_stores_nothing_makes_no_dead_letter_and_is_over_when_it_is_over(house: House) -> None:
    mend = break_database(house)
    for _ in range(5):
        with pytest.raises(Outage):
            house.ingest(*MESSAGES)
    assert (stored(house), letters(house)) == (set(), [])
    mend()
    house.ingest(*MESSAGES)
    assert len(stored(house)) == 6
    assert (letters(house), unhandled(house)) == ([], 0)


def test_an_outage_in_the_middle_of_the_search_for_a_bad_record_is_an_outage(poisoned: House) -> None:
    """A database that goes away while records are tried one by one does not turn them into dead letters."""
    seen = 0

    def go_away(*_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen > 2:
            raise ConnectionError("gone")

    event.listen(poisoned.store.engine, "begin", go_away)
    with pytest.raises(Outage):
        poisoned.ingest(*MESSAGES)
    event.remove(poisoned.store.engine, "begin", go_away)
    assert letters(poisoned) == []
    poisoned.ingest(*MESSAGES)
    assert letters(poisoned) == [(2, RefusalCode.UNSTORABLE)]


@pytest.mark.parametrize("error", [BrokerUnreachable("no broker"), TopicMissing("no topic")])
def test_a_broker_that_cannot_say_which_log_it_is_is_an_outage(house: House, error: Exception) -> None:
    one = house.service

    def place(*_: Any) -> Any:
        raise error

    one.logs.place = place  # type: ignore[method-assign]
    with pytest.raises(Outage):
        one.ingest(MESSAGES)
    assert letters(house) == []


def _claimed_again(house: House) -> Any:
    with house.store.reading() as tx:
        return tx.execute(pending_evaluations.select()).one_or_none()


@pytest.fixture
def asked(house: House) -> House:
    """A house with a cluster that waits to be evaluated."""
    house.report(*(incident(f"r{i}", days_ago=i % 3) for i in range(3)))
    return house


def test_an_evaluation_that_fails_waits_and_is_tried_again(
    asked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(pipeline, "find_clusters", lambda *_: 1 / 0)
        assert asked.service.evaluate_next()
        assert not asked.service.evaluate_next()  # not at once
        assert _claimed_again(asked).last_error == "ZeroDivisionError"
    asked.now += timedelta(seconds=30)
    assert asked.evaluate() == 1
    assert len(asked.alerts()) == 1


def test_an_evaluation_that_a_person_overtook_is_done_anew_at_once(
    asked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves, attempts = alerts.save, 0

    def overtaken(*arguments: Any) -> None:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise StaleAlert("a person was faster")
        saves(*arguments)

    monkeypatch.setattr(pipeline.alerts, "save", overtaken)
    assert asked.evaluate() == 2
    assert len(asked.alerts()) == 1


def test_an_evaluation_whose_claim_lapsed_stores_nothing(
    asked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = pipeline.find_clusters

    def slowly(*arguments: Any) -> Any:
        monkeypatch.setattr(pipeline, "find_clusters", works)
        asked.now += timedelta(minutes=5)
        assert asked.service.evaluate_next()  # another worker takes over and finishes
        return works(*arguments)

    monkeypatch.setattr(pipeline, "find_clusters", slowly)
    assert asked.service.evaluate_next()
    assert _claimed_again(asked) is None
    (alert,) = asked.alerts()
    assert alert.revision == 1


def test_an_outage_during_an_evaluation_leaves_it_waiting(asked: House) -> None:
    mend = break_database(asked)
    with pytest.raises(Outage):
        asked.service.evaluate_next()
    mend()
    asked.now += timedelta(minutes=5)  # the claim of the worker that failed lapses
    assert asked.evaluate() == 1
    assert len(asked.alerts()) == 1


def test_a_service_without_work_says_so(house: House) -> None:
    assert not house.service.evaluate_next()
    assert not house.service.deliver_due()


def test_an_event_during_an_evaluation_is_evaluated_after_it(
    asked: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    works = pipeline.find_clusters

    def while_it_runs(*arguments: Any) -> Any:
        monkeypatch.setattr(pipeline, "find_clusters", works)
        asked.report(incident("meanwhile"))
        return works(*arguments)

    monkeypatch.setattr(pipeline, "find_clusters", while_it_runs)
    assert asked.evaluate() == 2
    (alert,) = asked.alerts()
    assert len(alert.members) == 4


def test_the_database_that_is_behind_a_store_may_be_closed_and_opened_again(house: House) -> None:
    house.ingest(*MESSAGES[:3])
    house.store.close()
    house.store = Store.open(house.store.engine.url.render_as_string(hide_password=False))
    house.ingest(*MESSAGES)
    assert len(stored(house)) == 6
    with house.store.reading() as tx:
        assert pending.waiting(tx) == 1
    assert service.utc_now().tzinfo is not None


@pytest.mark.parametrize("ahead", [timedelta(milliseconds=50), timedelta(seconds=40)])
def test_an_event_counts_at_once_where_the_brokers_clock_is_ahead_of_ours(
    house: House, ahead: timedelta
) -> None:
    """Kafka stamps an event on another machine: clocks differ, and no event may wait for ours."""
    received_at = house.now + ahead
    house.ingest(*(message(i, incident(f"r{i}", days_ago=i % 3), received_at=received_at) for i in range(3)))
    assert house.evaluate() == 1
    (alert,) = house.alerts()
    assert len(alert.members) == 3


def test_an_event_that_the_broker_took_after_midnight_is_evaluated_as_of_its_day(house: House) -> None:
    """Ours is a second before midnight still; as of today nobody could know, so tomorrow is looked at."""
    midnight = house.now.replace(hour=4, minute=0) + timedelta(days=1)  # New York
    house.now = midnight - timedelta(seconds=1)
    received_at = midnight + timedelta(seconds=1)
    house.ingest(*(message(i, incident(f"r{i}", days_ago=i % 3), received_at=received_at) for i in range(3)))
    house.evaluate()
    (alert,) = house.alerts()
    assert alert.as_of == house.as_of + timedelta(days=1)
