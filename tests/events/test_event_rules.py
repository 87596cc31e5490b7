"""Every rule of the contract: one broken event, the field and the code of its fault."""

from datetime import timedelta
from typing import get_args

import pytest

from factories import ABSENT, ORGANISATION, RECEIVED_AT, admission, as_bytes, incident
from surveillance.events.admission import AdmissionEvent
from surveillance.events.decode import decode
from surveillance.events.incident import IncidentEvent
from surveillance.events.refusal import Refused
from surveillance.events.topics import Source

INCIDENTS = Source("incident", "north-police")
ADMISSIONS = Source("admission", "royal")


def refusals(payload, source):
    with pytest.raises(Refused) as refused:
        decode(as_bytes(payload), source, ORGANISATION, RECEIVED_AT)
    return [(fault.field, fault.code.value) for fault in refused.value.faults]


def accept(payload, source=INCIDENTS):
    return decode(as_bytes(payload), source, ORGANISATION, RECEIVED_AT)


KEY = {"scheme": "s", "key_id": "k", "value": "ab" * 32}
SETTING = {"type": "school", "identifier": "school-1"}
LINK = {"record": "inc-2", "type": "friend", "confidence": "possible", "source": "police"}
REQUIRED = (
    "record_id version action status category reporter_org "
    "occurred_from occurred_to occurred_precision reported_at"
)
CHOICES = (
    "action status reporter_type occurred_precision sex ethnicity location_type "
    "method_group service_contact self_harm_history"
)
ADMISSION_REQUIRED = (
    "encounter_id version action reporter_org provider_site arrived_at reported_at residence_area"
)

INCIDENT_FAULTS = [
    *(({field: ABSENT}, field, "missing_field") for field in REQUIRED.split()),
    # identifiers and names
    ({"record_id": ""}, "record_id", "invalid_value"),
    ({"record_id": "a b"}, "record_id", "invalid_value"),
    ({"record_id": "a/b"}, "record_id", "invalid_value"),
    ({"record_id": "a@2"}, "record_id", "invalid_value"),
    ({"record_id": "a\u0000"}, "record_id", "invalid_value"),
    ({"record_id": "a\n"}, "record_id", "invalid_value"),
    ({"record_id": "a" * 65}, "record_id", "invalid_value"),
    ({"record_id": 7}, "record_id", "invalid_value"),
    ({"record_id": None}, "record_id", "invalid_value"),
    ({"category": "Found by a neighbour"}, "category", "invalid_value"),
    ({"location_of_concern": "the old bridge"}, "location_of_concern", "invalid_value"),
    # numbers
    ({"version": 0}, "version", "invalid_value"),
    ({"version": 1.0}, "version", "invalid_value"),
    ({"version": "1"}, "version", "invalid_value"),
    ({"version": True}, "version", "invalid_value"),
    ({"version": 2**31}, "version", "invalid_value"),
    ({"age": -1}, "age", "invalid_value"),
    ({"age": 121}, "age", "invalid_value"),
    ({"age": "34"}, "age", "invalid_value"),
    ({"age": 10**400}, "age", "invalid_value"),
    # closed lists
    *(({field: "no-such-choice"}, field, "invalid_value") for field in CHOICES.split()),
    # times
    ({"reported_at": "2024-03-03T09:30:00"}, "reported_at", "invalid_value"),
    ({"reported_at": "2024-03-03"}, "reported_at", "invalid_value"),
    ({"reported_at": "2024-02-30T09:30:00Z"}, "reported_at", "invalid_value"),
    ({"reported_at": "1709458200"}, "reported_at", "invalid_value"),
    ({"reported_at": 1709458200}, "reported_at", "invalid_value"),
    ({"reported_at": "2024-03-03T09:30:00+99:00"}, "reported_at", "invalid_value"),
    ({"occurred_from": "1899-12-31T23:59:59Z"}, "occurred_from", "invalid_value"),
    ({"occurred_from": "0001-01-01T00:00:00+14:00"}, "occurred_from", "invalid_value"),
    ({"reported_at": "9999-12-31T23:59:59-14:00"}, "reported_at", "future_time"),
    ({"occurred_from": "2024-03-02T06:00:01Z"}, "occurred_to", "time_order"),
    ({"occurred_to": "2024-03-03T09:30:01Z"}, "reported_at", "time_order"),
    ({"occurred_to": "2024-03-03T07:29:00-02:01"}, "reported_at", None),
    ({"reported_at": "2024-03-04T12:05:01Z"}, "reported_at", "future_time"),
    # areas and points
    ({"residence_area": {}}, "residence_area", "invalid_value"),
    ({"residence_area": {"code": "E01018326", "missing": "unknown"}}, "residence_area", "invalid_value"),
    ({"residence_area": "E01018326"}, "residence_area", "invalid_value"),
    ({"residence_area": {"code": "1 High Street"}}, "residence_area.code", "invalid_value"),
    ({"residence_area": {"code": "E" * 33}}, "residence_area.code", "invalid_value"),
    ({"incident_area": {"postcode": "CH1"}}, "incident_area.postcode", "invalid_value"),
    ({"incident_area": {"postcode": "CH1 1AB, England"}}, "incident_area.postcode", "invalid_value"),
    ({"incident_area": {"missing": "secret"}}, "incident_area.missing", "invalid_value"),
    (
        {"residence_area": ABSENT, "incident_area": ABSENT, "point": ABSENT},
        "residence_area",
        "missing_field",
    ),
    ({"point": {"longitude": 181, "latitude": 0}}, "point.longitude", "invalid_value"),
    ({"point": {"longitude": 0, "latitude": -90.1}}, "point.latitude", "invalid_value"),
    ({"point": {"longitude": 0}}, "point.latitude", "missing_field"),
    ({"point": {"longitude": 0, "latitude": 0, "uncertainty_m": -1}}, "point.uncertainty_m", "invalid_value"),
    # persons, settings, links
    ({"person_keys": [KEY] * 9}, "person_keys", "invalid_value"),
    ({"person_keys": KEY}, "person_keys", "invalid_value"),
    ({"person_keys": [KEY | {"value": "ab"}]}, "person_keys.0.value", "invalid_value"),
    ({"person_keys": [KEY | {"value": "9434765919".ljust(64, "0")}]}, "person_keys.0.value", "identifier"),
    ({"person_keys": [KEY | {"scheme": "A Name"}]}, "person_keys.0.scheme", "invalid_value"),
    ({"settings": [SETTING | {"type": "pub"}]}, "settings.0.type", "invalid_value"),
    ({"settings": [SETTING, SETTING | {"identifier": "St Mary"}]}, "settings.1.identifier", "invalid_value"),
    ({"settings": [SETTING] * 17}, "settings", "invalid_value"),
    ({"links": [LINK | {"record": "north/alert/1"}]}, "links.0.record", "invalid_value"),
    ({"links": [LINK | {"confidence": "sure"}]}, "links.0.confidence", "invalid_value"),
    ({"links": [LINK] * 33}, "links", "invalid_value"),
    # actions, status and merges
    ({"action": "withdrawn"}, "status", "invalid_value"),
    ({"status": "withdrawn"}, "status", "invalid_value"),
    ({"action": "concluded"}, "status", "invalid_value"),
    ({"action": "merged"}, "merged_into", "invalid_value"),
    ({"merged_into": "inc-2"}, "merged_into", "invalid_value"),
    ({"action": "merged", "merged_into": "inc-0001"}, "merged_into", "invalid_value"),
    # what may not be sent at all
    ({"reporter_org": "OTHER"}, "reporter_org", "wrong_organisation"),
    ({"date_of_birth": "2000-01-01"}, "message", "unknown_field"),
    ({"settings": [SETTING | {"address": "x"}]}, "settings.0", "unknown_field"),
    ({"record_id": "9434765919"}, "record_id", "identifier"),
    ({"record_id": "inc-943-476-5919"}, "record_id", "identifier"),
    ({"record_id": 9434765919}, "record_id", "identifier"),
    ({"settings": [SETTING | {"identifier": "x9434765919"}]}, "settings.identifier", "identifier"),
    ({"nhs": "943 476 5919"}, "message", "identifier"),
    ({"9434765919": 1}, "message", "identifier"),
]

ADMISSION_FAULTS = [
    *(({field: ABSENT}, field, "missing_field") for field in ADMISSION_REQUIRED.split()),
    ({"encounter_id": "a b"}, "encounter_id", "invalid_value"),
    ({"provider_site": "Royal Infirmary"}, "provider_site", "invalid_value"),
    ({"admission_method": "emergency"}, "admission_method", "invalid_value"),
    ({"complaint": "Hurt her hip"}, "complaint", "invalid_value"),
    ({"care_home_id": "Rose House"}, "care_home_id", "invalid_value"),
    ({"diagnoses": [{"system": "icd10"}]}, "diagnoses.0.code", "missing_field"),
    ({"diagnoses": [{"system": "icd9", "code": "X60"}]}, "diagnoses.0.system", "invalid_value"),
    ({"diagnoses": [{"system": "icd10", "code": "broken hip"}]}, "diagnoses.0.code", "invalid_value"),
    ({"diagnoses": [{"system": "icd10", "code": "9434765919"}]}, "diagnoses.code", "identifier"),
    ({"diagnoses": [{"system": "icd10", "code": "X60"}] * 51}, "diagnoses", "invalid_value"),
    *(
        ({field: "no-such-choice"}, field, "invalid_value")
        for field in ("action", "sex", "injury_intent", "mechanism", "discharge_status")
    ),
    ({"admitted_at": "2024-03-01T21:59:59Z"}, "admitted_at", "time_order"),
    ({"discharged_at": "2024-03-02T00:59:59Z"}, "discharged_at", "time_order"),
    ({"discharged_at": "2024-03-02T09:00:01Z"}, "reported_at", "time_order"),
    ({"reported_at": "2024-03-02T00:59:59Z"}, "reported_at", "time_order"),
    ({"reported_at": "2024-03-04T12:05:01Z"}, "reported_at", "future_time"),
    ({"admitted_at": ABSENT}, "admitted_at", "invalid_value"),
    ({"action": "discharged"}, "discharged_at", "invalid_value"),
    ({"action": "merged"}, "merged_into", "invalid_value"),
    ({"merged_into": "enc-2"}, "merged_into", "invalid_value"),
    ({"action": "merged", "merged_into": "enc-0001"}, "merged_into", "invalid_value"),
    ({"residence_area": {"code": "A", "postcode": "CH1 1AB"}}, "residence_area", "invalid_value"),
    ({"residence_area": None}, "residence_area", "invalid_value"),
    ({"reporter_org": "OTHER"}, "reporter_org", "wrong_organisation"),
    ({"name": "x"}, "message", "unknown_field"),
    ({"person_names": [KEY]}, "message", "unknown_field"),
    ({"person_keys": [KEY] * 9}, "person_keys", "invalid_value"),
    ({"person_key": KEY | {"value": "1" * 64}}, "person_key.value", "identifier"),
]


@pytest.mark.parametrize(("changes", "field", "code"), INCIDENT_FAULTS)
def test_a_broken_incident_names_the_field_and_the_rule(changes, field, code):
    if code is None:
        accept(incident(**changes))
    else:
        assert (field, code) in refusals(incident(**changes), INCIDENTS)


@pytest.mark.parametrize(("changes", "field", "code"), ADMISSION_FAULTS)
def test_a_broken_admission_names_the_field_and_the_rule(changes, field, code):
    assert (field, code) in refusals(admission(**changes), ADMISSIONS)


def test_an_identifier_is_the_reason_that_is_counted():
    assert refusals(incident(record_id="943 476 5919", age=-1), INCIDENTS)[0] == ("record_id", "identifier")


def test_all_faults_are_told_at_once_also_those_between_fields():
    broken = incident(
        age=200, action="concluded", occurred_from="2024-03-02T07:00:00Z", reporter_org="OTHER", x=1
    )
    assert set(refusals(broken, INCIDENTS)) == {
        ("age", "invalid_value"),
        ("message", "unknown_field"),
        ("status", "invalid_value"),
        ("occurred_to", "time_order"),
        ("reporter_org", "wrong_organisation"),
    }


def test_a_rule_that_reads_a_faulty_field_is_not_told_as_well():
    broken = incident(occurred_to="yesterday")
    assert refusals(broken, INCIDENTS) == [("occurred_to", "invalid_value")]


def test_a_fault_says_what_to_send():
    with pytest.raises(Refused) as refused:
        accept(incident(sex="m", shoe_size=42))
    fixes = {fault.field: fault.fix for fault in refused.value.faults}
    assert fixes["sex"] == "Send the sex, one of: female, male, other, unknown"
    assert "occurred_precision" in fixes["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"age": None, "sex": "unknown"},
        {"age": 0},
        {"age": 120},
        {"reported_at": "2024-03-04T12:05:00Z"},
        {"occurred_from": "1900-01-01T00:00:00Z"},
        {"occurred_to": "2024-03-01T22:00:00Z"},
        {"occurred_from": "2024-03-01T23:30:00+01:30"},
        {"residence_area": {"missing": "no_fixed_abode"}},
        {"residence_area": ABSENT, "incident_area": ABSENT},
        {"incident_area": {"postcode": "ch11ab"}},
        {"incident_area": {"postcode": "SW1A 2AA"}},
        {"action": "withdrawn", "status": "withdrawn", "version": 3},
        {"action": "merged", "merged_into": "inc-2", "version": 2},
        {"action": "concluded", "status": "suicide", "version": 2},
        {"links": [LINK | {"record": "north-coroner/incident/c-1"}]},
        {"record_id": "9434765918"},
        {"record_id": "194347659190"},
        {"record_id": "5f9d1e0a-0000-4000-9434-765919434765"},
        {"category": "invented_kind_of_thing"},
        {"person_keys": [KEY | {"value": "A" + "9434765919" + "c" * 53}]},
        {"point": {"longitude": -2.9434765919, "latitude": 53}},
    ],
)
def test_an_incident_within_the_rules_is_an_event(changes):
    accept(incident(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"action": "attended", "admitted_at": ABSENT},
        {"action": "discharged", "discharged_at": "2024-03-02T08:00:00Z", "discharge_status": "home"},
        {"action": "cancelled"},
        {"action": "merged", "merged_into": "enc-2"},
        {"person_key": None, "care_home_id": None, "diagnoses": []},
        {"diagnoses": [{"system": "snomed", "code": "1119302008"}]},
    ],
)
def test_an_admission_within_the_rules_is_an_event(changes):
    accept(admission(**changes), ADMISSIONS)


def test_what_is_not_sent_is_unknown():
    optional = {name: ABSENT for name in incident() if name not in (*REQUIRED.split(), "residence_area")}
    event = accept(incident(**optional))
    assert isinstance(event, IncidentEvent)
    assert (event.age, event.sex, event.self_harm_history, event.settings) == (None, "unknown", "unknown", ())


def test_every_list_of_what_may_be_unknown_has_unknown():
    for model in (IncidentEvent, AdmissionEvent):
        for field in model.model_fields.values():
            choices = get_args(field.annotation)
            if field.default == "unknown":
                assert "unknown" in choices


def test_one_instant_has_one_form_whatever_its_offset():
    one, other = accept(incident()), accept(incident(reported_at="2024-03-03T10:30:00+01:00"))
    assert one == other
    assert other.model_dump(mode="json")["reported_at"] == "2024-03-03T09:30:00Z"


def test_both_kinds_of_event_have_their_id_under_one_name():
    assert accept(incident()).key_id == "inc-0001"
    assert accept(admission(), ADMISSIONS).key_id == "enc-0001"


def test_the_future_is_measured_from_the_receipt():
    late = RECEIVED_AT + timedelta(days=1)
    decode(as_bytes(incident(reported_at="2024-03-05T12:00:00Z")), INCIDENTS, ORGANISATION, late)


@pytest.mark.parametrize("model", [IncidentEvent, AdmissionEvent])
def test_the_example_of_the_contract_is_an_event(model):
    event = model.model_validate_json(as_bytes(model.EXAMPLE))
    assert model.model_validate_json(event.model_dump_json()) == event
