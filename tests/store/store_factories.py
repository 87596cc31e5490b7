"""What the store keeps, invented, with defaults that a test changes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.detection.cluster import Cluster
from surveillance.line_list.record import Case, RecordKey, RecordVersion
from surveillance.store.ledger import LogPlace

T0 = datetime(2024, 3, 1, 9, 30, 0, 123456, tzinfo=UTC)
DAY = date(2024, 3, 1)
PLACE = LogPlace("cluster", "incidents.v1.north", "incarnation-1", 0)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def key(record_id: str = "r1", partner: str = "north", kind: str = "incident") -> RecordKey:
    return RecordKey(partner, kind, record_id)


def version(of: RecordKey | None = None, number: int = 1, **changes: Any) -> RecordVersion:
    values: dict[str, Any] = {
        "key": of or key(),
        "version": number,
        "content_hash": f"hash-{number}",
        "received_at": T0 + minutes(number),
        "content": {
            "status": "suspected",
            "settings": [{"type": "school", "identifier": "ß-7"}],
            "age": None,
        },
    }
    return RecordVersion(**values | changes)


def case(of: RecordKey | None = None, number: int = 1, **changes: Any) -> Case:
    values: dict[str, Any] = {
        "key": of or key(),
        "version": number,
        "use_case": "example",
        "place": "residence",
        "area": "E01000001",
        "day": DAY,
        "received_at": T0,
        "person_keys": ("p:1:aa",),
        "age": 34,
        "sex": "female",
        "tokens": ("school:ß-7",),
    }
    return Case(**values | changes)


def cluster(**changes: Any) -> Cluster:
    values: dict[str, Any] = {
        "detector": "permutation_scan",
        "detector_version": "1",
        "place": "residence",
        "members": ("north/incident/r1", "north/incident/r2"),
        "areas": ("E01000001", "E01000002"),
        "centre": "E01000001",
        "radius_km": 1.25,
        "start": DAY,
        "end": DAY + timedelta(days=3),
        "observed": 2,
        "expected": 0.1,
        "relative_risk": float("inf"),
        "statistic": 3.5,
        "p_value": 0.001,
        "recurrence_interval_days": 1000.0,
        "parameters": {"max_radius_km": 5, "windows": [7, 30]},
        "expected_basis": "the year before",
        "linked_by": ("school:ß-7",),
    }
    return Cluster(**values | changes)


def alert(alert_id: str = "a1", revision: int = 1, **changes: Any) -> Alert:
    values: dict[str, Any] = {
        "id": alert_id,
        "revision": revision,
        "use_case": "example",
        "scope": "county",
        "state": State.OPEN,
        "severity": "high",
        "members": ("north/incident/r1@1", "north/incident/r2@1"),
        "areas": ("E01000001",),
        "start": DAY,
        "end": DAY + timedelta(days=3),
        "clusters": (cluster(),),
        "alive": True,
        "as_of": DAY + timedelta(days=3),
        "opened_at": T0,
        "changed_at": T0 + minutes(revision),
        "acknowledge_due": T0 + timedelta(hours=4),
        "removed_by_hand": ("north/incident/r9",),
    }
    return Alert(**values | changes)


def change(alert_id: str = "a1", revision: int = 1, **changes: Any) -> AlertChange:
    after = alert(alert_id, revision, **changes)
    kind = Change.OPENED if revision == 1 else Change.STRENGTHENED
    return AlertChange(kind, after, after.changed_at, "service", "a case joined", told=True)
