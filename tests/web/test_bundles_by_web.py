"""FHIR bundles over HTTPS: of keys only, accepted whole, answered as FHIR answers."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from handing_in_web import Program, lying_on, new_gateway
from visiting import AUDIT_KEY, Answer, make_service

from small_house import load_house
from surveillance.adapters.fhir.pseudonymous import AGE, AREA, KEYS
from surveillance.configuration import Configuration, load_configuration
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.store import audit
from surveillance.store.database import Store

PATH = "/api/partners/alpha/fhir"
FHIR = "application/fhir+json"
KEY = "0123456789abcdef" * 4
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"


def patient(**changes: Any) -> dict[str, Any]:
    whole = {
        "resourceType": "Patient",
        "id": "p1",
        "identifier": [{"system": f"{KEYS}nhs-number:2026", "value": KEY}],
        "gender": "female",
    }
    return whole | changes


def encounter(**changes: Any) -> dict[str, Any]:
    whole = {
        "resourceType": "Encounter",
        "id": "V0001",
        "meta": {"lastUpdated": "2024-03-02T09:00:00Z"},
        "status": "in-progress",
        "class": {"code": "EMER"},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2024-03-01T22:00:00+00:00"},
        "serviceProvider": {"identifier": {"system": ODS, "value": "RXX01"}},
        "extension": [{"url": AGE, "valueInteger": 34}, {"url": AREA, "valueCode": "n1"}],
    }
    return whole | changes


def bundle(*resources: dict[str, Any], **changes: Any) -> bytes:
    entries = [{"resource": resource} for resource in resources]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries} | changes).encode()


def errors(answer: Answer) -> list[str]:
    """Where it was refused."""
    assert answer.header("content-type") == FHIR
    return [i["expression"][0] for i in answer.json["issue"] if i["severity"] == "error"]


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """A house in which alpha publishes admissions too."""
    directory = tmp_path_factory.mktemp("hospital")
    load_house(directory)
    path = directory / "partners" / "alpha.yaml"
    path.write_text(
        yaml.safe_dump(yaml.safe_load(path.read_text()) | {"topics": ["incidents", "admissions"]})
    )
    return load_configuration(directory)


def program(
    hospital: Configuration, template: Path, directory: Path, brokers: str, prefix: str = ""
) -> Iterator[Program]:
    path = directory / "web.db"
    path.write_bytes(template.read_bytes())
    store = Store.open(f"sqlite:///{path}")
    service = make_service(hospital, store, gateway=new_gateway(hospital, directory, brokers, prefix))
    yield Program(service, "alpha-program", "partner:*:*:alpha")
    store.close()


@pytest.fixture
def away(hospital: Configuration, sqlite_template: Path, tmp_path: Path) -> Iterator[Program]:
    """A program of alpha at a service whose broker is away."""
    yield from program(hospital, sqlite_template, tmp_path, "127.0.0.1:1")


def test_a_bundle_is_published_once_the_broker_has_acknowledged_it(
    hospital: Configuration,
    sqlite_template: Path,
    tmp_path: Path,
    embedded_broker: EmbeddedBroker,
    new_topic: Callable[[str], str],
) -> None:
    prefix = new_topic("")
    topic = f"{prefix}admissions.v1.alpha"
    create_topics(embedded_broker.address, [TopicSpec(topic, 1)])
    for sender in program(hospital, sqlite_template, tmp_path, embedded_broker.address, prefix):
        answer = sender.post(PATH, bundle(encounter(), patient()), FHIR)
        assert (answer.status, answer.json["resourceType"]) == (200, "OperationOutcome")
        state = sender.get(answer.header("location") or "")
        assert (state.json["state"], state.json["records"]) == ("published", 1)
        (event,) = lying_on(embedded_broker, topic)
        assert event["person_keys"] == [{"scheme": "nhs-number", "key_id": "2026", "value": KEY}]
        assert (event["age"], event["residence_area"], event["sex"]) == (34, {"code": "n1"}, "female")
        assert event["action"] == "attended"


def test_while_the_broker_is_away_a_bundle_is_kept_and_who_sent_it_is_in_the_audit_chain(
    away: Program,
) -> None:
    answer = away.post(PATH, bundle(encounter(), patient()), FHIR)
    assert (answer.status, [i["diagnostics"] for i in answer.json["issue"]]) == (
        202,
        ["1 admissions", "pending"],
    )
    away.service.app.state.gateway.enter(away.service.app.state.enter)
    with away.service.store.reading() as tx:
        audit.verify(tx, AUDIT_KEY)
        (entry,) = [entry for _, entry in audit.listed(tx, act="submitted")]
    assert (entry.facts["kind"], entry.facts["records"]) == ("admission", 1)


ENCOUNTER, PATIENT = "Bundle.entry[0].resource", "Bundle.entry[1].resource"
NAME = {"name": [{"family": "TEST", "given": ["PATIENT"]}]}
WHO: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a name": ({}, NAME, f"{PATIENT}.name"),
    "a birth date": ({}, {"birthDate": "1970-01-31"}, f"{PATIENT}.birthDate"),
    "a street": ({}, {"address": [{"line": ["1 TEST STREET"]}]}, f"{PATIENT}.address[0].line"),
    "an NHS number": (
        {},
        {"identifier": [{"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9434765919"}]},
        f"{PATIENT}.identifier[0].value",
    ),
    "a hospital's number": (
        {},
        {"identifier": [{"system": "urn:example:mrn", "value": "H0001"}]},
        f"{PATIENT}.identifier[0]",
    ),
    "a contained patient": ({"contained": [patient(**NAME)]}, {}, f"{ENCOUNTER}.contained"),
    "a narrative": (
        {"text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">TEST</div>'}},
        {},
        f"{ENCOUNTER}.text",
    ),
    "a display": (
        {"subject": {"reference": "Patient/p1", "display": "TEST PATIENT"}},
        {},
        f"{ENCOUNTER}.subject.display",
    ),
    "an NHS number as an id": ({"id": "9434765919"}, {}, f"{ENCOUNTER}.id"),
}


@pytest.mark.parametrize("what", WHO)
def test_what_says_who_a_person_is_is_refused_by_its_path_and_lies_nowhere(
    away: Program, tmp_path: Path, what: str, capfd: pytest.CaptureFixture[str]
) -> None:
    visit, person, path = WHO[what]
    answer = away.post(PATH, bundle(encounter(**visit), patient(**person)), FHIR)
    assert answer.status == 422
    assert path in errors(answer)
    told = answer.text + capfd.readouterr().err
    assert not any(word in told for word in ("TEST", "9434765919", "1970-01-31", "H0001"))
    assert [p for p in (tmp_path / "spool").rglob("*") if p.is_file()] == []


def test_a_marked_bundle_is_a_test_record(away: Program) -> None:
    marked = bundle(encounter(), patient(), meta={"tag": [{"code": "HTEST"}]})
    assert away.post(PATH, marked, FHIR).status == 202
    gateway = away.service.app.state.gateway
    (kept,) = gateway.spool.waiting()
    held = gateway.spool.hold(kept)
    (message,) = held.messages()
    held.file.close()
    assert json.loads(message.value)["test"] is True


def test_every_fault_is_told_and_nothing_is_accepted(away: Program) -> None:
    second = encounter(id="V0002", period=None)
    wrong = encounter(
        id="V0003", extension=[{"url": AGE, "valueInteger": 400}, {"url": AREA, "valueCode": "x9"}]
    )
    answer = away.post(PATH, bundle(encounter(), second, wrong, patient()), FHIR)
    assert answer.status == 422
    assert errors(answer) == ["Bundle.entry[1].resource.period.start", "Bundle.entry[2].resource"]
    assert away.service.app.state.gateway.spool.waiting() == []


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", FHIR, 422),
        (b"[]", FHIR, 422),
        (b"{", FHIR, 422),
        (b"\xff\xfe", FHIR, 422),
        (b"[" * 100_000, FHIR, 422),
        (b'{"resourceType": "Patient"}', FHIR, 422),
        (b"<Bundle/>", "application/fhir+xml", 415),
        (b" " * 3_000_000, FHIR, 413),
    ],
)
def test_what_is_no_bundle_is_refused(away: Program, body: bytes, media_type: str, status: int) -> None:
    assert away.post(PATH, body, media_type).status == status


def test_an_encounter_that_is_no_attendance_is_told_and_nothing_is_handed_in(away: Program) -> None:
    answer = away.post(PATH, bundle(encounter(status="planned"), patient()), FHIR)
    assert (answer.status, answer.header("location")) == (200, None)


def test_a_partner_hands_in_bundles_for_itself_only(away: Program) -> None:
    body = bundle(encounter(), patient())
    assert away.post("/api/partners/beta/fhir", body, FHIR).status == 404
    assert away.browser.ask("POST", PATH, {"content-type": FHIR}, body).status == 403
