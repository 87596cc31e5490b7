"""FHIR bundles become the full state of encounters, or an OperationOutcome with every fault by its path."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from bundles import ODS, as_bytes, bundle, condition, encounter, patient
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import NOW, NUMBER, OLD_SECRET, PARTNER, SECRET

from surveillance.adapters.fhir.conversion import Converted, fhir_to_events
from surveillance.adapters.fhir.encounter import Setting
from surveillance.adapters.fhir.pseudonymous import AGE, AREA, KEYS
from surveillance.events.decode import decode_message
from surveillance.events.identifiers import holds_identifier
from surveillance.events.pseudonym import person_key
from surveillance.events.topics import Source
from surveillance.geography.lookup import Gazetteer

Convert = Callable[..., Converted]


@pytest.fixture(scope="session")
def convert(gazetteer: Gazetteer) -> Convert:
    setting = Setting([SECRET, OLD_SECRET], gazetteer, ZoneInfo("Europe/London"))
    settings = setting, replace(setting, pseudonymous=True)
    return lambda content, keyed=False: fhir_to_events(content, PARTNER, settings[keyed], NOW)


def event(converted: Converted, number: int = 0) -> dict[str, Any]:
    assert converted.accepted, converted.outcome
    found: dict[str, Any] = json.loads(converted.events[number][1])
    return found


def told(converted: Converted) -> list[tuple[str, str]]:
    return [(issue["severity"], *issue.get("expression", [""])) for issue in converted.outcome["issue"]]


@pytest.mark.parametrize("kind", ["transaction", "message", "collection"])
def test_an_encounter_becomes_an_event_with_keys_age_area_and_codes(convert: Convert, kind: str) -> None:
    converted = convert(as_bytes(bundle(encounter(), patient(), condition(), kind=kind)))
    assert converted.outcome["issue"] == [
        {"severity": "information", "code": "informational", "diagnostics": "1 admissions"}
    ]
    found = event(converted)
    keys = found.pop("person_keys")
    assert found == {
        "encounter_id": "V0001",
        "version": 131_533_200,
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


@pytest.mark.parametrize(
    ("status", "kind", "action"),
    [
        ("in-progress", "EMER", "attended"),
        ("triaged", "EMER", "attended"),
        ("in-progress", "IMP", "admitted"),
        ("finished", "IMP", "discharged"),
        ("cancelled", "IMP", "cancelled"),
        ("entered-in-error", "EMER", "cancelled"),
        ("unknown", "EMER", "attended"),
    ],
)
def test_a_status_is_an_action(convert: Convert, status: str, kind: str, action: str) -> None:
    period = {"start": "2024-03-01T22:00:00Z", "end": "2024-03-02T08:00:00Z"}
    one = encounter(status=status, period=period) | {"class": {"code": kind}}
    found = event(convert(bundle(one, patient())))
    assert found["action"] == action
    assert ("admitted_at" in found) == (kind == "IMP")
    assert ("discharged_at" in found) == (status == "finished")


def test_a_newer_change_of_anything_is_a_higher_version_and_the_same_bundle_is_the_same_event(
    convert: Convert,
) -> None:
    first = convert(bundle(encounter(), patient(), condition()))
    assert convert(bundle(encounter(), patient(), condition())).events == first.events
    coded = condition(meta={"lastUpdated": "2024-03-03T08:00:00Z"})
    assert event(convert(bundle(encounter(), patient(), coded)))["version"] > event(first)["version"]
    again = bundle(encounter(), patient(), condition(), timestamp="2024-03-03T08:00:00Z")
    assert event(convert(again))["version"] > event(first)["version"]


@pytest.mark.parametrize("status", ["refuted", "entered-in-error"])
def test_a_condition_that_is_none_is_no_diagnosis(convert: Convert, status: str) -> None:
    withdrawn = condition(verificationStatus={"coding": [{"code": status}]})
    assert "diagnoses" not in event(convert(bundle(encounter(), patient(), withdrawn)))


def test_a_snomed_code_and_a_condition_that_the_encounter_points_to(convert: Convert) -> None:
    coded = {"coding": [{"system": "http://snomed.info/sct", "code": "22298006"}]}
    pointed = encounter(diagnosis=[{"condition": {"reference": "Condition/c1"}}])
    found = event(convert(bundle(pointed, patient(), condition(encounter=None, code=coded))))
    assert found["diagnoses"] == [{"system": "snomed", "code": "22298006"}]


def test_several_encounters_are_all_published_or_none(convert: Convert) -> None:
    second = encounter(id="e2", identifier=[{"value": "V0002"}])
    converted = convert(bundle(encounter(), second, patient()))
    assert [record for record, _ in converted.events] == ["V0001", "V0002"]
    bad = encounter(id="e2", identifier=[{"value": "V0002"}], period=None)
    assert convert(bundle(encounter(), bad, patient())).events == ()
    twin = encounter(id="e2")
    assert ("error", "Bundle.entry") in told(convert(bundle(encounter(), twin, patient())))


ENCOUNTER = "Bundle.entry[0].resource"


@pytest.mark.parametrize(
    ("resources", "path"),
    [
        ([encounter(period={"start": "2024-02-31T10:00:00Z"})], f"{ENCOUNTER}.period.start"),
        ([encounter(period={"start": "2024-03-01T10:00:00"})], f"{ENCOUNTER}.period.start"),
        ([encounter(period={"start": "2024-03"})], f"{ENCOUNTER}.period.start"),
        ([encounter(period={"end": "2024-03-01T10:00:00Z"})], f"{ENCOUNTER}.period.start"),
        ([encounter(meta=None), patient(meta=None)], f"{ENCOUNTER}.meta.lastUpdated"),
        ([encounter(subject=None)], f"{ENCOUNTER}.subject"),
        ([encounter(subject={"reference": "Patient/p9"})], f"{ENCOUNTER}.subject"),
        ([encounter(identifier=None, id="x" * 80)], f"{ENCOUNTER}.identifier"),
        ([encounter(identifier=[{"value": "9990000026"}], id=None)], f"{ENCOUNTER}.identifier"),
        ([encounter(serviceProvider=None)], f"{ENCOUNTER}.serviceProvider"),
        ([encounter(status=None)], f"{ENCOUNTER}.status"),
        ([encounter(colour="red")], ENCOUNTER),
        ([encounter(period={"start": "2025-03-01T10:00:00Z"})], ENCOUNTER),
        ([patient()], "Bundle.entry"),
        ([condition(), patient()], "Bundle.entry[0].resource.encounter"),
    ],
)
def test_a_fault_is_told_by_its_path_and_nothing_is_published(
    convert: Convert, resources: list[dict[str, Any]], path: str
) -> None:
    with_patient = resources if resources[-1]["resourceType"] == "Patient" else [*resources, patient()]
    converted = convert(as_bytes(bundle(*with_patient)))
    assert ("error", path) in told(converted)
    assert (converted.events, converted.accepted) == ((), False)


def test_every_fault_is_told_at_once(convert: Convert) -> None:
    one = encounter(serviceProvider=None, period=None, meta=None)
    paths = {path for _, path in told(convert(bundle(one, patient(meta=None))))}
    assert {f"{ENCOUNTER}.{name}" for name in ("serviceProvider", "meta.lastUpdated")} <= paths


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (b"", ""),
        (b"[]", ""),
        (b"[" * 100_000, ""),
        (b"\xff", ""),
        (as_bytes({"resourceType": "Patient"}), "Bundle.resourceType"),
        (as_bytes(bundle(encounter(), kind="searchset")), "Bundle.type"),
        (as_bytes({"resourceType": "Bundle", "type": "message"}), "Bundle.entry"),
    ],
)
def test_what_is_no_bundle_is_told_so(convert: Convert, content: bytes, path: str) -> None:
    assert ("error", path) in told(convert(content))


def test_a_deletion_asks_for_entered_in_error(convert: Convert) -> None:
    gone = bundle(encounter(), patient())
    gone["entry"][0] = {"request": {"method": "DELETE", "url": "Encounter/e1"}}
    assert ("error", "Bundle.entry[0].request.method") in told(convert(gone))


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "planned"},
        {"class": {"code": "AMB"}},
    ],
)
def test_what_is_no_attendance_is_told_and_not_published(convert: Convert, changes: dict[str, Any]) -> None:
    converted = convert(bundle(encounter(**changes), patient()))
    assert (told(converted), converted.events) == ([("information", ENCOUNTER)], ())


MARK = [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]


@pytest.mark.parametrize("where", ["security", "tag"])
@pytest.mark.parametrize("marked", ["encounter", "patient", "bundle"])
def test_what_is_marked_as_a_test_becomes_a_test_record(convert: Convert, where: str, marked: str) -> None:
    meta = {"lastUpdated": "2024-03-02T09:00:00Z"}
    marks = {name: {"meta": meta | {where: MARK}} if name == marked else {} for name in MADE}
    sent = bundle(encounter(**marks["encounter"]), patient(**marks["patient"]), **marks["bundle"])
    converted = convert(sent)
    assert told(converted) == [("information", ENCOUNTER)]
    source = Source("admission", PARTNER.id)
    read = decode_message(converted.events[0][1], source, PARTNER.organisation, NOW)
    assert read.test
    assert read.event.key_id == "V0001"
    bad = bundle(encounter(period=None, **marks["encounter"]), patient(**marks["patient"]), **marks["bundle"])
    assert not convert(bad).accepted, "a test is checked as anything else"


MADE = ("encounter", "patient", "bundle")


def test_a_condition_that_is_marked_as_a_test_is_no_diagnosis_of_a_real_encounter(convert: Convert) -> None:
    tried = condition(meta={"lastUpdated": "2024-03-02T08:00:00Z", "security": MARK})
    converted = convert(bundle(encounter(), patient(), tried))
    assert "diagnoses" not in event(converted)
    assert told(converted) == [("information", "Bundle.entry[2].resource")]


def test_an_unreadable_number_or_postcode_is_told_and_loses_no_admission(
    convert: Convert,
) -> None:
    odd = patient(identifier=[{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000019"}])
    odd["address"] = [{"postalCode": "NOWHERE"}]
    converted = convert(bundle(encounter(), odd))
    assert {severity for severity, _ in told(converted)} == {"warning"}
    assert event(converted)["residence_area"] == {"missing": "unknown"}


def test_references_lead_through_full_urls_organisations_and_contained_patients(convert: Convert) -> None:
    organisation = {
        "resourceType": "Organization",
        "id": "o1",
        "identifier": [{"system": ODS, "value": "rxx02"}],
    }
    inside = patient(id="p")
    one = encounter(
        contained=[inside],
        subject={"reference": "#p"},
        serviceProvider={"reference": "https://example.org/fhir/Organization/o1"},
    )
    found = event(convert(bundle(one, organisation)))
    assert (found["provider_site"], found["age"]) == ("RXX02", 54)
    found = event(convert(bundle(encounter(subject={"identifier": patient()["identifier"][0]}))))
    assert {key["scheme"] for key in found["person_keys"]} == {"nhs-number"}


SECRETS_OF_A_PERSON = (NUMBER, "TEST STREET", "PATIENT", "CH1 1AB", "1970-01-31", "FREE TEXT", "TEST WORDS")


def test_nothing_of_the_person_leaves(convert: Convert) -> None:
    converted = convert(bundle(encounter(text=None), patient(), condition()))
    for secret in SECRETS_OF_A_PERSON:
        assert secret not in converted.events[0][1].decode()


def paths_of(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [path, *(below for name, part in inner for below in paths_of(part, (*path, name)))]


WHOLE = bundle(encounter(), patient(), condition())
KEYED = bundle(
    encounter(extension=[{"url": AGE, "valueInteger": 54}, {"url": AREA, "valueCode": "E01018326"}]),
    {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": f"{KEYS}x:1", "value": "0123456789abcdef" * 4}],
    },
    condition(code={"coding": [{"system": "http://snomed.info/sct", "code": "22298006"}]}),
)


def test_a_bundle_of_keys_becomes_the_event_that_a_bundle_of_a_person_becomes(convert: Convert) -> None:
    keyed = event(convert(KEYED, keyed=True))
    assert (keyed["age"], keyed["residence_area"]) == (54, {"code": "E01018326"})
    assert keyed["person_keys"] == [{"scheme": "x", "key_id": "1", "value": "0123456789abcdef" * 4}]
    assert keyed["admission_method"] == "21"
    assert not convert(WHOLE, keyed=True).accepted


ODD = st.one_of(
    st.sampled_from([NUMBER, "999 000 0018", f"x {NUMBER} y", 9990000018, "", None, [], {}, [[]], True, -1]),
    st.text(max_size=8),
    st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


@settings(deadline=None)  # a loaded machine is no defect
@given(
    st.sampled_from([WHOLE, KEYED]),
    st.booleans(),
    st.lists(st.tuples(st.sampled_from([*paths_of(WHOLE)[1:], *paths_of(KEYED)[1:]]), ODD), max_size=3),
)
def test_whatever_is_sent_is_answered_and_no_number_of_a_person_is_published_or_told(
    convert: Convert, whole: Any, keyed: bool, edits: list[tuple[tuple[Any, ...], Any]]
) -> None:
    content = copy.deepcopy(whole)
    for (*way, last), value in edits:
        place: Any = content
        for name in way:
            place = place[name] if isinstance(place, dict | list) and _has(place, name) else None
        if isinstance(place, dict | list) and _has(place, last):
            place[last] = value
    converted = convert(content, keyed)
    assert converted.outcome["issue"]
    assert not keyed or whole is KEYED or not converted.events, "names and numbers have not left"
    assert NUMBER not in json.dumps(converted.outcome).replace(" ", "")
    for record, value in converted.events:
        assert not holds_identifier(record)
        assert NUMBER not in value.decode().replace(" ", "")


def _has(place: Any, name: Any) -> bool:
    return name in place if isinstance(place, dict) else isinstance(name, int) and name < len(place)
