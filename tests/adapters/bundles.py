"""FHIR bundles of invented patients, whose NHS numbers are of the range that is kept for tests (999)."""

import json
from typing import Any

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
ODS = "https://fhir.nhs.uk/Id/ods-organization-code"
METHOD = "https://fhir.hl7.org.uk/StructureDefinition/Extension-UKCore-AdmissionMethod"


def patient(**changes: Any) -> dict[str, Any]:
    whole = {
        "resourceType": "Patient",
        "id": "p1",
        "meta": {"lastUpdated": "2024-01-01T09:00:00Z"},
        "identifier": [{"system": NHS_NUMBER, "value": "9990000018"}],
        "name": [{"use": "official", "family": "TEST", "given": ["PATIENT"]}],
        "gender": "female",
        "birthDate": "1970-01-31",
        "address": [{"use": "home", "line": ["1 TEST STREET"], "postalCode": "CH1 1AB"}],
    }
    return without(whole | changes)


def encounter(**changes: Any) -> dict[str, Any]:
    whole = {
        "resourceType": "Encounter",
        "id": "e1",
        "meta": {"versionId": "3", "lastUpdated": "2024-03-02T09:00:00Z"},
        "identifier": [{"system": "urn:example:visits", "value": "V0001"}],
        "status": "in-progress",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
        "subject": {"reference": "Patient/p1"},
        "period": {"start": "2024-03-01T22:00:00+00:00"},
        "serviceProvider": {"identifier": {"system": ODS, "value": "RXX01"}},
        "hospitalization": {
            "extension": [{"url": METHOD, "valueCodeableConcept": {"coding": [{"code": "21"}]}}]
        },
    }
    return without(whole | changes)


def condition(**changes: Any) -> dict[str, Any]:
    whole = {
        "resourceType": "Condition",
        "id": "c1",
        "meta": {"lastUpdated": "2024-03-02T08:00:00Z"},
        "subject": {"reference": "Patient/p1"},
        "encounter": {"reference": "Encounter/e1"},
        "code": {
            "coding": [
                {"system": "http://hl7.org/fhir/sid/icd-10-uk", "code": "X60.9", "display": "TEST WORDS"}
            ],
            "text": "FREE TEXT",
        },
    }
    return without(whole | changes)


def bundle(*resources: dict[str, Any], kind: str = "collection", **changes: Any) -> dict[str, Any]:
    entries = [
        {"fullUrl": f"https://example.org/fhir/{r.get('resourceType')}/{r.get('id')}", "resource": r}
        for r in resources
    ]
    if kind == "transaction":
        for entry in entries:
            kind_of, own = entry["resource"].get("resourceType"), entry["resource"].get("id")  # type: ignore[attr-defined]
            entry["request"] = {"method": "PUT", "url": f"{kind_of}/{own}"}  # type: ignore[assignment]
    return {"resourceType": "Bundle", "type": kind, "entry": entries} | changes


def as_bytes(content: Any) -> bytes:
    return json.dumps(content).encode()


def without(content: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in content.items() if value is not None}
