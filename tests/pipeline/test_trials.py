"""Test records are checked and answered, and leave no trace in anything that is counted."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_order_and_replay import KEYS, end_state, forget, histories

from small_house import House, NewHouse, evidence, incident, message
from surveillance.events.envelope import as_test
from surveillance.events.message import Message
from surveillance.events.refusal import RefusalCode
from surveillance.events.trial import Trial
from surveillance.intake import ERASED
from surveillance.line_list.record import RecordKey
from surveillance.store import dead_letters, erasures, line_list, partners, test_records

TRIED = 5000  # offsets of test records, beyond those of others


def tried(offset: int, payload: dict[str, Any], backfill: bool = False) -> Message:
    return message(TRIED + offset, as_test(payload, "incident", "alpha", offset), backfill=backfill)


def answers(house: House) -> list[Trial]:
    with house.store.reading() as tx:
        return test_records.listed(tx, "alpha")


@st.composite
def with_trials(draw: st.DrawFn) -> tuple[list[Message], list[list[Message]]]:
    """Messages, and the same ones in batches with test records of the same and of other records between."""
    sent = draw(histories())
    kinds = st.sampled_from(
        [
            incident("r1"),
            incident("r1", version=9, action="withdrawn", status="withdrawn"),
            incident("r2", action="merged", merged_into="r3", version=8),
            incident("only-tried", person=1),
            incident("r4", category="a sentence is no category"),
        ]
    )
    batches: list[list[Message]] = [[]]
    for i, one in enumerate(sent):
        for _ in range(draw(st.integers(0, 2))):
            number = 10 * i + len(batches[-1])
            batches[-1].append(tried(number, draw(kinds), backfill=draw(st.booleans())))
        batches[-1].append(one)
        if draw(st.booleans()):
            batches.append([])
    return sent, [batch for batch in batches if batch]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(with_trials())
def test_with_and_without_test_records_everything_that_counts_is_the_same(
    new_house: NewHouse, both: tuple[list[Message], list[list[Message]]]
) -> None:
    sent, batches = both
    without, with_them = new_house(), new_house()
    for one in sent:
        without.ingest(one)
    for batch in batches:
        with_them.ingest(*batch)
    assert counted(with_them) == counted(without)
    for house in (with_them, without):
        house.evaluate_everything()
    assert evidence(with_them.alerts()) == evidence(without.alerts())
    assert [a.id for a in with_them.alerts()] == [a.id for a in without.alerts()]
    forget(without, with_them)


def counted(house: House) -> dict[str, Any]:
    """Line list, duplicates, dead letters, what is known of partners; not which offsets were handled."""
    state = end_state(house)
    del state["handled"]
    return state


def test_a_right_test_record_is_answered_by_its_record_id(house: House) -> None:
    before = counted(house)
    house.ingest(tried(1, incident("r1")))
    (answer,) = answers(house)
    assert (answer.record_id, answer.faults, answer.offset) == ("r1", (), TRIED + 1)
    assert counted(house) == before


def test_a_wrong_one_is_answered_with_every_reason_and_is_no_dead_letter(house: House) -> None:
    wrong = incident("r1", category="a sentence is no category", residence_area={"code": "n77"})
    house.ingest(tried(1, wrong), tried(2, incident("r1", area="n77")))
    of_area, of_category = answers(house)
    assert [(fault.code, fault.field) for fault in of_category.faults] == [
        (RefusalCode.INVALID_VALUE, "category")
    ]
    assert {fault.code for fault in of_area.faults} == {RefusalCode.UNKNOWN_AREA}
    assert (of_area.record_id, of_category.record_id) == (None, None)
    with house.store.reading() as tx:
        assert dead_letters.listed(tx) == []


def test_one_that_claims_another_organisation_is_refused_as_any_other(house: House) -> None:
    house.ingest(tried(1, incident("r1", reporter_org="CLINIC-BETA")))
    assert [fault.code for fault in answers(house)[0].faults] == [RefusalCode.WRONG_ORGANISATION]


def test_a_partner_that_only_tries_is_still_silent(new_house: NewHouse) -> None:
    house = new_house()
    with house.store.reading() as tx:
        before = partners.heard_of(tx)
    house.ingest(*(tried(i, incident(f"r{i}")) for i in range(20)))
    with house.store.reading() as tx:
        assert partners.heard_of(tx) == before
        assert line_list.versions_of(tx, KEYS) == {}


def test_handled_twice_it_is_answered_once(house: House) -> None:
    for _ in range(2):
        house.ingest(tried(1, incident("r1")))
    assert len(answers(house)) == 1


def test_nothing_is_kept_of_a_test_that_names_an_erased_record(house: House) -> None:
    key = house.settings.dead_letter_key
    assert key is not None
    with house.store.transaction() as tx:
        erased = RecordKey("alpha", "incident", "r1")
        erasures.entomb(tx, key.get_secret_value().encode(), erased, "lead-1", house.now, "asked for")
    house.ingest(tried(1, incident("r1")), tried(2, incident("r2")))
    assert [(one.record_id, one.faults) for one in answers(house)] == [("r2", ()), (None, (ERASED,))]


@pytest.mark.parametrize("mark", ["yes", 1, None])
def test_a_mark_that_is_neither_true_nor_false_makes_no_test(house: House, mark: Any) -> None:
    """What is unclear is refused where people look, never put aside in silence."""
    house.ingest(message(TRIED, {**as_test(incident("r1"), "incident", "alpha", 1), "test": mark}))
    assert answers(house) == []
    with house.store.reading() as tx:
        assert [stored.letter.code for stored in dead_letters.listed(tx)] == [RefusalCode.ENVELOPE]


def test_an_envelope_that_says_it_is_no_test_is_a_record(house: House) -> None:
    house.ingest(message(TRIED, {**as_test(incident("r1"), "incident", "alpha", 1), "test": False}))
    assert answers(house) == []
    with house.store.reading() as tx:
        assert len(line_list.versions_of(tx, KEYS)[RecordKey("alpha", "incident", "r1")]) == 1
