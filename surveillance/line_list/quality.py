"""How late a record came and which of the optional fields it has: what a partner is measured by.

A function of the record's versions, as its rows of the line list are: order and repetition do not matter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from surveillance.line_list.record import RecordVersion

FIELDS: Mapping[str, tuple[str, ...]] = {
    "incident": (
        "reporter_type",
        "person_keys",
        "age",
        "sex",
        "ethnicity",
        "residence_area",
        "incident_area",
        "location_type",
        "point",
        "location_of_concern",
        "method_group",
        "settings",
        "links",
        "service_contact",
        "self_harm_history",
    ),
    "admission": (
        "admitted_at",
        "discharged_at",
        "admission_method",
        "person_key",
        "age",
        "sex",
        "residence_area",
        "complaint",
        "diagnoses",
        "injury_intent",
        "mechanism",
        "care_home_id",
        "discharge_status",
        "person_keys",
    ),
}
"""By kind, the fields that a record may lack. The place in the row is stored: only ever add at the end."""

_BEGAN = {"incident": "occurred_from", "admission": "arrived_at"}
_HOUR_SECONDS = 3_600
LONGEST_HOURS = 100 * 366 * 24  # a later one is a mistake in a date, and of no use to anybody


@dataclass(frozen=True, slots=True)
class Quality:
    """Of one record: the month (UTC) of its first receipt, the hours from occurrence to that receipt, and a
    bit for each of FIELDS that its newest version has."""

    month: date
    delay_hours: int
    fields: int


def quality_of(versions: Sequence[RecordVersion]) -> Quality:
    """The quality of a record, of all its versions in the order in which they win."""
    newest = versions[-1]
    received_at = min(version.received_at for version in versions)
    hours = (received_at - _began(newest)).total_seconds() // _HOUR_SECONDS
    return Quality(
        month=received_at.astimezone(UTC).date().replace(day=1),
        delay_hours=int(min(max(hours, 0), LONGEST_HOURS)),
        fields=_bits(newest.key.kind, newest.content),
    )


def names_of(kind: str, bits: int) -> Iterable[str]:
    """The fields whose bits are set."""
    return (name for place, name in enumerate(FIELDS[kind]) if bits >> place & 1)


def _began(version: RecordVersion) -> datetime:
    """When it occurred, as the partner knows it now."""
    began = version.content.get(_BEGAN[version.key.kind])
    return version.received_at if began is None else datetime.fromisoformat(began)


def _bits(kind: str, content: Mapping[str, Any]) -> int:
    return sum([1 << place for place, name in enumerate(FIELDS[kind]) if _is_known(content.get(name))])


def _is_known(value: Any) -> bool:
    """Whether a value says something: an area with a reason why there is none does not."""
    if value is None or value == "unknown":
        return False
    if isinstance(value, dict):
        return "missing" not in value or value.get("code") is not None
    return not isinstance(value, list | tuple) or bool(value)
