"""An alert, a use case and receivers to tell of it, invented, with defaults that a test changes."""

from datetime import UTC, date, datetime
from typing import Any

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.use_case.model import UseCase
from surveillance.use_case.receiver import Receiver

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)  # a Wednesday; 13:00 in London
NIGHT = datetime(2024, 5, 1, 23, tzinfo=UTC)  # midnight in London
WEEKDAYS = {"opens": "09:00", "closes": "17:00"}


def receiver(name: str = "team", **changes: Any) -> Receiver:
    values = {"id": name, "channel": "webhook", "time_zone": "Europe/London"}
    return Receiver.model_validate(values | changes)


def use_case(*receivers: str, **changes: Any) -> UseCase:
    values = {
        "id": "invented",
        "title": "Invented",
        "records": "incident",
        "cases": {},
        "places": [{"name": "residence", "field": "residence_area"}],
        "case_day": "occurred_from",
        "scopes": ["somewhere"],
        "detectors": [{"name": "links"}],
        "bands": [
            {"name": name, "any_of": [{"detector": "links"}]} for name in ("severe", "raised", "watch")
        ],
        "receivers": receivers or ("team",),
        "wording": {"one": "fall", "many": "falls"},
    }
    return UseCase.model_validate(values | changes)


def alert(**changes: Any) -> Alert:
    values: dict[str, Any] = {
        "id": "a1",
        "revision": 3,
        "use_case": "invented",
        "scope": "somewhere",
        "state": State.OPEN,
        "severity": "raised",
        "members": ("police/incident/a@1",),
        "areas": ("E1",),
        "start": date(2024, 4, 1),
        "end": date(2024, 4, 9),
        "clusters": (),
        "alive": True,
        "as_of": date(2024, 5, 1),
        "opened_at": NOON,
        "changed_at": NOON,
    }
    return Alert(**values | changes)


def change(
    at: datetime = NOON, kind: Change = Change.STRENGTHENED, told: bool = True, **of_alert: Any
) -> AlertChange:
    return AlertChange(kind, alert(**of_alert), at, "service", "", told)
