"""Valid payloads that tests change one thing of. Everything here is invented."""

import json
from datetime import UTC, datetime
from typing import Any

ORGANISATION = "TESTORG"
RECEIVED_AT = datetime(2024, 3, 4, 12, 0, tzinfo=UTC)
ABSENT = object()  # a change that removes a field

_INCIDENT: dict[str, Any] = {
    "record_id": "inc-0001",
    "version": 1,
    "action": "reported",
    "status": "suspected",
    "category": "suspected_suicide",
    "reporter_type": "police",
    "reporter_org": ORGANISATION,
    "occurred_from": "2024-03-01T22:00:00Z",
    "occurred_to": "2024-03-02T06:00:00Z",
    "occurred_precision": "interval",
    "reported_at": "2024-03-03T09:30:00Z",
    "person_keys": [{"scheme": "surname_birth", "key_id": "2024-01", "value": "ab" * 32}],
    "age": 34,
    "sex": "male",
    "ethnicity": "unknown",
    "residence_area": {"code": "E01018326"},
    "incident_area": {"postcode": "CH1 1AB"},
    "location_type": "open_space",
    "point": {"longitude": -2.89, "latitude": 53.19, "uncertainty_m": 50},
    "location_of_concern": "loc-12",
    "method_group": "unknown",
    "settings": [{"type": "college", "identifier": "college-7"}],
    "links": [{"record": "inc-0000", "type": "friend", "confidence": "probable", "source": "police"}],
    "service_contact": "unknown",
    "self_harm_history": "no",
}

_ADMISSION: dict[str, Any] = {
    "encounter_id": "enc-0001",
    "version": 1,
    "action": "admitted",
    "reporter_org": ORGANISATION,
    "provider_site": "RXX01",
    "arrived_at": "2024-03-01T22:00:00Z",
    "admitted_at": "2024-03-02T01:00:00Z",
    "reported_at": "2024-03-02T09:00:00Z",
    "admission_method": "21",
    "person_key": {"scheme": "nhs_number_hmac", "key_id": "2024-01", "value": "cd" * 32},
    "age": 71,
    "sex": "female",
    "residence_area": {"code": "E01018326"},
    "complaint": "injury_of_hip",
    "diagnoses": [{"system": "icd10", "code": "S72.0", "version": "2016"}],
    "injury_intent": "accident",
    "mechanism": "fall",
    "care_home_id": "home-3",
    "discharge_status": "in_hospital",
}


def incident(**changes: Any) -> dict[str, Any]:
    """A valid incident with every field given; `field=ABSENT` removes one."""
    return _changed(_INCIDENT, changes)


def admission(**changes: Any) -> dict[str, Any]:
    """A valid admission with most fields given; `field=ABSENT` removes one."""
    return _changed(_ADMISSION, changes)


def as_bytes(payload: Any) -> bytes:
    """A payload as it travels."""
    return json.dumps(payload).encode()


def _changed(payload: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    copy: dict[str, Any] = json.loads(json.dumps(payload))
    return {name: value for name, value in (copy | changes).items() if value is not ABSENT}
