"""What a partner is answered: refusals that a correction mends, counts by month, measures, receipts."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from small_house import NOW, House, NewHouse, incident, message
from surveillance.answering import measure_stored
from surveillance.deciding import Decision
from surveillance.deciding.erasing import erase
from surveillance.events.envelope import as_test
from surveillance.events.message import Message
from surveillance.events.receipt import Receipt
from surveillance.events.refusal import RefusalCode
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.producer import DeliveryFailed
from surveillance.kafka.reader import read_range
from surveillance.line_list.record import RecordKey
from surveillance.service import Outage
from surveillance.store import dead_letters, partner_months, quality, receipts
from surveillance.store.dead_letters import StoredLetter
from surveillance.store.partner_months import Month
from surveillance.store.tables_answers import record_quality

KEY = b"a key for tests only"


@pytest.fixture
def answering(new_house: NewHouse) -> House:
    """A house whose partner alpha wants receipts."""
    house = new_house()
    alpha = house.configuration.partners["alpha"].model_copy(update={"receipts": True})
    partners = {**house.configuration.partners, "alpha": alpha}
    house.configuration = replace(house.configuration, partners=partners)
    return house


def letters(house: House) -> list[StoredLetter]:
    with house.store.reading() as tx:
        return dead_letters.listed(tx)


def owed(house: House) -> list[dict[str, Any]]:
    with house.store.transaction() as tx:
        return [dict(one) for batch in receipts.take(tx, house.now) for one in batch.receipts]


def wrong(offset: int, record: str, version: int = 1) -> Message:
    return message(offset, incident(record, version=version, sex="m"))


def test_a_refused_record_that_is_corrected_is_resolved(house: House) -> None:
    house.ingest(wrong(1, "r1"), wrong(2, "r2"))
    assert [one.resolved_at for one in letters(house)] == [None, None]
    house.ingest(message(3, incident("r1")))
    second, first = letters(house)
    assert (first.letter.record_id, first.resolved_by, first.resolved_at) == ("r1", "correction", house.now)
    assert (second.letter.record_id, second.resolved_at) == ("r2", None)


def test_an_older_version_that_comes_later_mends_nothing(house: House) -> None:
    house.ingest(wrong(1, "r1", version=2))
    house.ingest(message(2, incident("r1", version=1)))
    assert letters(house)[0].resolved_at is None
    house.ingest(message(3, incident("r1", version=3)))
    assert letters(house)[0].resolved_by == "correction"


def test_what_was_accepted_before_the_refusal_is_no_correction(house: House) -> None:
    house.ingest(message(1, incident("r1")))
    house.ingest(wrong(2, "r1"))
    assert letters(house)[0].resolved_at is None


def test_in_whatever_order_they_are_handled_the_same_refusals_are_resolved(new_house: NewHouse) -> None:
    sent = [wrong(1, "r1"), message(2, incident("r1")), wrong(3, "r1", version=2)]
    ends = set()
    for order in permutations(sent):
        house = new_house()
        for one in order:
            house.ingest(one)
        ends.add(frozenset((one.letter.offset, one.resolved_by) for one in letters(house)))
    assert ends == {frozenset({(1, "correction"), (3, None)})}


def test_messages_are_counted_by_month_and_by_what_became_of_them_once(house: House) -> None:
    batch = [message(1, incident("r1")), message(2, incident("r1")), wrong(3, "r2")]
    later = message(4, incident("r3"), received_at=NOW + timedelta(days=2))
    for _ in range(2):
        house.ingest(*batch, later)
    with house.store.reading() as tx:
        months = partner_months.months_of(tx, "alpha")
    assert months == [
        Month("alpha", "incident", date(2250, 6, 1), accepted=1, repeated=1, refused=1),
        Month("alpha", "incident", date(2250, 7, 1), accepted=1),
    ]
    assert [month.received for month in months] == [3, 1]


def test_records_are_measured_by_month(house: House) -> None:
    house.ingest(
        message(1, incident("r1", days_ago=2, age=30)), message(2, incident("r2", days_ago=1, sex="female"))
    )
    house.ingest(message(3, incident("r1", version=2, days_ago=2, age=30, sex="male")))
    june = date(2250, 6, 1)
    with house.store.reading() as tx:
        assert quality.delays(tx, "alpha", "incident", june) == {june: {54: 1, 30: 1}}
        totals, having = quality.filled(tx, "alpha", "incident", june)
        assert quality.shares(tx, ("alpha", "incident"), june)["sex"] == 1.0
    assert totals == {june: 2}
    assert (having[june]["age"], having[june]["sex"], having[june]["residence_area"]) == (1, 2, 2)
    assert having[june]["links"] == 0


def test_records_that_were_stored_before_they_were_measured_are_measured_later(house: House) -> None:
    house.ingest(*(message(i, incident(f"r{i}")) for i in range(5)))
    with house.store.transaction() as tx:
        before = tx.execute(record_quality.select()).all()
        tx.execute(record_quality.delete())
    assert measure_stored(house.store) == 5
    assert measure_stored(house.store) == 0
    with house.store.reading() as tx:
        assert tx.execute(record_quality.select()).all() == before


def test_every_message_is_answered_once_with_what_became_of_it(answering: House) -> None:
    batch = [message(1, incident("r1")), message(2, incident("r1")), wrong(3, "r2"), message(4, b"\xff")]
    for _ in range(2):
        answering.ingest(*batch)
    answered = owed(answering)
    assert [(r["offset"], r["record_id"], r["outcome"], r["effect"]) for r in answered] == [
        (1, "r1", "accepted", "stored"),
        (2, "r1", "accepted", "repeated"),
        (3, "r2", "refused", None),
        (4, None, "refused", None),
    ]
    assert answered[2]["reasons"][0]["field"] == "sex"
    validator = Draft202012Validator(Receipt.model_json_schema())
    for one in answered:
        validator.validate(one)
        Receipt.model_validate_json(json.dumps(one))
    assert owed(answering) == [], "what was taken up is left to whoever took it, for a while"
    answering.now += receipts.LEASE
    assert owed(answering) == answered, "and is owed again, with the same ids, where that one died"


def test_a_test_record_is_answered_and_counted_as_such(answering: House) -> None:
    right, wrong_one = as_test(incident("t1"), "incident", "alpha", 1), as_test({}, "incident", "alpha", 2)
    answering.ingest(message(1, right), message(2, wrong_one))
    told = [(r["record_id"], r["outcome"], bool(r["reasons"])) for r in owed(answering)]
    assert told == [("t1", "test", False), (None, "test", True)]
    with answering.store.reading() as tx:
        assert [month.tested for month in partner_months.months_of(tx, "alpha")] == [2]


def test_a_partner_that_did_not_ask_for_receipts_is_sent_none(answering: House) -> None:
    answering.ingest(message(1, incident("b1", partner="beta"), partner="beta"))
    assert owed(answering) == []


def test_an_erased_record_is_named_by_nothing_that_was_answered(answering: House) -> None:
    """Neither by the refusal, nor by a receipt, nor by one that comes later."""
    answering.ingest(message(1, incident("rec-77")), wrong(2, "rec-77", version=2))
    with answering.store.transaction(alone=True) as tx:
        why = Decision("lead", answering.now, "the family asked")
        erase(tx, RecordKey("alpha", "incident", "rec-77"), answering.configuration, KEY, why)
    answering.ingest(wrong(3, "rec-77", version=3), message(4, incident("rec-77", version=4)))
    found = letters(answering)
    assert "rec-77" not in repr(found)
    assert [one.letter.code for one in found][:2] == [RefusalCode.ERASED, RefusalCode.ERASED]
    assert all(one.resolved_by == "erasure" for one in found), "nothing is owed for it"
    answered = owed(answering)
    assert len(answered) == 4
    assert "rec-77" not in repr(answered)
    with answering.store.reading() as tx:
        assert tx.execute(record_quality.select()).all() == []


def test_receipts_are_sent_to_the_partners_topic_and_owed_no_more(
    answering: House, broker_address: str, new_topic: Callable[[str], str]
) -> None:
    topic = new_topic("receipts.v1.alpha")
    prefix = topic.removesuffix("receipts.v1.alpha")
    create_topics(broker_address, [TopicSpec(topic, 1)])
    answering.ingest(message(1, incident("r1")), wrong(2, "r2"))
    settings = answering.settings.model_copy(update={"brokers": broker_address, "topic_prefix": prefix})
    answering.settings = settings
    service = answering.service
    assert service.send_receipts()
    assert not service.send_receipts()
    service._receipts_topics.close()
    fetched = read_range(broker_address, topic, 0, 0, 2)
    sent = [json.loads(one.value or b"") for one in fetched.messages]
    assert [(one["receipt_id"], one["outcome"]) for one in sent] == [
        ("incidents.v1.alpha/0/1", "accepted"),
        ("incidents.v1.alpha/0/2", "refused"),
    ]


def test_receipts_that_the_broker_does_not_take_are_owed_still(
    answering: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    answering.ingest(message(1, incident("r1")))
    service = answering.service

    def fail(_: object) -> None:
        raise DeliveryFailed("no broker")

    monkeypatch.setattr(service._receipts_topics, "send", fail)
    with pytest.raises(Outage):
        service.send_receipts()
    answering.now += timedelta(seconds=10)
    assert [one["offset"] for one in owed(answering)] == [1]
