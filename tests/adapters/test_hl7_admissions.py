"""ADT messages become the full state of an encounter, whatever the order of their arrival."""

import json
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import MRG, NUMBER, OLD_SECRET, OTHER_NUMBER, PID, SECRET, MakeReceiver, Taken, message, visit

from surveillance.adapters.hl7.receiver import Receiver
from surveillance.events.pseudonym import person_key

DG1 = "DG1|1||X60.9^TEST DIAGNOSIS^I10|FREE TEXT"
OTHER_PATIENT = "PID|1||H0002^^^RXX^MR||TEST^OTHER||19700131|F"


def state(taken: Taken, record: str = "V0001") -> dict[str, Any]:
    """The record as the service has it: its highest version."""
    events = [json.loads(value) for value in taken[record]]
    return max(events, key=lambda event: int(event["version"]))


def answered(receiver: Receiver, *contents: bytes) -> list[str]:
    return [receiver.answer(content).decode().split("\r")[1].split("|")[1] for content in contents]


def test_an_admission_is_published_with_keys_age_and_area_and_nothing_else_of_the_person(
    receiver: Receiver, taken: Taken
) -> None:
    assert answered(receiver, message("A01", "1", "20240302090000", DG1)) == ["AA"]
    event = state(taken)
    keys = event.pop("person_keys")
    assert event == {
        "encounter_id": "V0001",
        "version": 131_533_200,  # seconds from 2020 to the message
        "action": "admitted",
        "reporter_org": "ROYAL",
        "provider_site": "RXX01",
        "arrived_at": "2024-03-01T22:00:00+00:00",
        "admitted_at": "2024-03-01T22:00:00+00:00",
        "reported_at": "2024-03-02T09:00:00+00:00",
        "admission_method": "21",
        "age": 54,
        "sex": "female",
        "residence_area": {"code": "E01018326"},
        "diagnoses": [{"system": "icd10", "code": "X60.9"}],
    }
    for secret in (SECRET, OLD_SECRET):
        assert person_key("nhs-number", [NUMBER], secret) in keys
        assert person_key("initial-surname-birth", ["p", "test", "1970-01-31"], secret) in keys


def test_what_a_message_does_not_repeat_stays_and_what_it_takes_back_goes(
    receiver: Receiver, taken: Taken
) -> None:
    short = "PID|1||H0001^^^RXX^MR"
    answered(
        receiver,
        message("A04", "1", "20240302090000", pv1=visit()),
        message("A08", "2", "20240303090000", DG1, pid=short, pv1=visit(began="", method="")),
        message("A03", "3", "20240303100000", pid=short, pv1=visit(began="", ended="20240303095000")),
    )
    event = state(taken)
    assert (event["action"], event["discharged_at"]) == ("discharged", "2024-03-03T09:50:00+00:00")
    assert (event["age"], event["admission_method"], len(event["diagnoses"])) == (54, "21", 1)
    assert len(event["person_keys"]) == 4
    answered(receiver, message("A08", "4", "20240303110000", pid='PID|1||H0001^^^RXX^MR||||""|U'))
    assert "age" not in state(taken)
    assert state(taken)["sex"] == "unknown"


def test_a_cancelled_admission_is_withdrawn_and_an_attendance_before_it_stays(
    receiver: Receiver, taken: Taken
) -> None:
    answered(receiver, message("A01", "1"), message("A11", "2", "20240302100000"))
    assert state(taken)["action"] == "cancelled"
    answered(receiver, message("A08", "3", "20240302110000"))
    assert state(taken)["action"] == "cancelled"  # other news does not bring it back
    answered(receiver, message("A01", "4", "20240302120000"))
    assert state(taken)["action"] == "admitted"
    two = visit("V0002")
    answered(
        receiver,
        message("A04", "5", "20240302090000", pv1=two),
        message("A01", "6", "20240302100000", pv1=visit("V0002", "20240301230000")),
    )
    assert state(taken, "V0002")["arrived_at"] == "2024-03-01T22:00:00+00:00"
    assert state(taken, "V0002")["admitted_at"] == "2024-03-01T23:00:00+00:00"
    answered(receiver, message("A11", "7", "20240302110000", pv1=two))
    assert state(taken, "V0002")["action"] == "amended"
    assert "admitted_at" not in state(taken, "V0002")
    answered(receiver, message("A11", "8", "20240302120000", pv1=two))
    assert state(taken, "V0002")["action"] == "cancelled"


def test_a_merge_of_patients_gives_the_encounters_of_the_one_the_keys_of_the_other(
    receiver: Receiver, taken: Taken
) -> None:
    answered(
        receiver,
        message("A01", "1", pid=OTHER_PATIENT),
        message("A40", "2", "20240302100000", MRG, pv1=None),
    )
    event = state(taken)
    assert person_key("nhs-number", [NUMBER], SECRET) in event["person_keys"]
    assert (event["action"], event["age"], event["residence_area"]) == (
        "amended",
        54,
        {"code": "E01018326"},
    )


def test_a_merge_that_names_the_visits_too_makes_one_of_them(receiver: Receiver, taken: Taken) -> None:
    answered(
        receiver,
        message("A01", "1", pid=OTHER_PATIENT, pv1=visit("V0009")),
        message("A01", "2"),
        message("A40", "3", "20240302100000", f"{MRG}||||V0009"),
    )
    assert (state(taken, "V0009")["action"], state(taken, "V0009")["merged_into"]) == ("merged", "V0001")
    assert state(taken)["action"] == "admitted"


def test_a_merge_of_an_unknown_patient_is_taken_and_waits_for_the_encounter(
    receiver: Receiver, taken: Taken
) -> None:
    answer = receiver.answer(message("A40", "1", "20240302100000", MRG, pv1=None)).decode()
    assert "MSA|AA|1|MRG-1: no encounter" in answer
    assert not taken
    answered(receiver, message("A01", "2", "20240302090000", pid=OTHER_PATIENT))
    assert person_key("nhs-number", [NUMBER], SECRET) in state(taken)["person_keys"]


COURSE = (
    message("A04", "1", "20240301221500", pid=OTHER_PATIENT),
    message("A01", "2", "20240302011500", pv1=visit(began="20240302010000"), pid=OTHER_PATIENT),
    message("A08", "3", "20240302090000", DG1, pid=OTHER_PATIENT),
    message("A40", "4", "20240302100000", MRG, pv1=None),
    message("A03", "5", "20240303100000", pv1=visit(began="", ended="20240303095000")),
    message("A11", "6", "20240303110000"),
)


def last_state(receiver: Receiver, taken: Taken, course: tuple[bytes, ...]) -> dict[str, Any]:
    assert set(answered(receiver, *course)) == {"AA"}
    return {name: value for name, value in state(taken).items() if name != "version"}


@settings(deadline=None)  # a loaded machine is no defect
@given(st.permutations(COURSE), st.lists(st.sampled_from(COURSE), max_size=3))
def test_any_order_and_any_repetition_end_in_the_same_state(
    make_receiver: MakeReceiver, order: list[bytes], again: list[bytes]
) -> None:
    # The first message must say when the visit began: until then none can be published.
    order.sort(key=lambda content: content is COURSE[4])
    wanted = last_state(*make_receiver(), COURSE)
    assert last_state(*make_receiver(), (*order, *again)) == wanted


def test_messages_of_the_same_second_keep_their_order(receiver: Receiver, taken: Taken) -> None:
    answered(receiver, message("A01", "1"), message("A11", "2"), message("A01", "3"))
    versions = [json.loads(value)["version"] for value in taken["V0001"]]
    assert versions == sorted(set(versions))
    assert state(taken)["action"] == "admitted"


def test_a_listener_that_lost_its_memory_goes_on_with_higher_versions(make_receiver: MakeReceiver) -> None:
    first, before = make_receiver()
    second, after = make_receiver()
    answered(first, message("A01", "1"), message("A08", "2", "20240302100000"))
    answered(second, message("A08", "3", "20240302110000"))
    assert state(after)["version"] > state(before)["version"]


def test_a_number_that_does_not_fit_is_no_reason_to_lose_an_admission(
    receiver: Receiver, taken: Taken
) -> None:
    answer = receiver.answer(message(pid=PID.replace("999 000 0018", "999 000 0019"))).decode()
    assert "MSA|AA" in answer
    assert "PID-3: no key nhs-number: the check digit" in answer
    assert {key["scheme"] for key in state(taken)["person_keys"]} == {"initial-surname-birth"}


@pytest.mark.parametrize(
    ("born", "age"),
    [("19700131", 54), ("1970", 54), ("197002", 54), ("197003", None), ("19700302", 53), ("", None)],
)
def test_a_birth_date_in_part_gives_an_age_only_where_it_can_be_no_other(
    receiver: Receiver, taken: Taken, born: str, age: int | None
) -> None:
    # Admitted on 1 March 2024: somebody born in 1970 is 53 or 54.
    expected = None if born == "1970" else age
    answered(receiver, message(pid=PID.replace("19700131", born)))
    assert state(taken).get("age") == expected


@pytest.mark.parametrize(
    ("postcode", "area"),
    [
        ("CH1 1AB", {"code": "E01018326"}),
        ("ZZ99 3VZ", {"missing": "no_fixed_abode"}),
        ("SW1A 1AA", {"missing": "elsewhere"}),
        ("CH1 1ZZ", {"missing": "unknown"}),
        ("NOWHERE", {"missing": "unknown"}),
        ("", {"missing": "unknown"}),
    ],
)
def test_a_postcode_becomes_an_area_or_the_reason_why_not(
    receiver: Receiver, taken: Taken, postcode: str, area: dict[str, str]
) -> None:
    assert answered(receiver, message(pid=PID.replace("CH1 1AB", postcode))) == ["AA"]
    assert state(taken)["residence_area"] == area


def test_a_visit_number_that_could_be_a_number_of_a_person_is_hashed_and_stays_the_same_visit(
    receiver: Receiver, taken: Taken
) -> None:
    answered(
        receiver,
        message("A01", "1", pv1=visit(OTHER_NUMBER)),
        message("A11", "2", "20240302100000", pv1=visit(OTHER_NUMBER)),
    )
    ((record, events),) = taken.items()
    assert record.startswith("visit-")
    assert (len(events), state(taken, record)["action"]) == (2, "cancelled")
    assert answered(receiver, message("A01", "3", pv1=visit(NUMBER))) == ["AE"]


def test_a_visit_goes_on_under_its_id_when_the_secret_rotates(make_receiver: MakeReceiver) -> None:
    receiver, taken = make_receiver()
    receiver.secrets = [OLD_SECRET]
    answered(receiver, message("A01", "1", pv1=visit("VISIT 7")))
    receiver.secrets = [SECRET, OLD_SECRET]
    answered(receiver, message("A11", "2", "20240302100000", pv1=visit("VISIT 7")))
    assert len(taken) == 1


@pytest.mark.parametrize("kind", ["O", "P", "R", "N"])
def test_what_is_no_attendance_or_admission_is_taken_and_not_published(
    receiver: Receiver, taken: Taken, kind: str
) -> None:
    assert answered(receiver, message(pv1=visit(kind=kind))) == ["AA"]
    assert not taken


def test_orders_of_a_course_are_many() -> None:
    assert len(set(permutations(COURSE))) == 720
