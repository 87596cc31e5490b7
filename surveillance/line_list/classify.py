"""What a use case makes of a record at a place: a Case, or an Exclusion with its reason."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from surveillance.line_list.content import holds, values_at
from surveillance.line_list.links import tokens_of
from surveillance.line_list.record import Case, Exclusion, RecordKey, RecordVersion
from surveillance.use_case.model import Condition, Place, UseCase

ELSEWHERE_AREA = "elsewhere"


class Reason(StrEnum):
    """Every reason for which a record does not count: a bounded label."""

    OTHER_KIND = "other_kind"  # the use case is about another kind of event
    WITHDRAWN = "withdrawn"
    MERGED = "merged"
    NOT_A_CASE = "not_a_case"  # a condition of the case definition failed
    NO_AREA = "no_area"
    ELSEWHERE = "elsewhere"  # the area is outside every area that the service knows
    NO_DAY = "no_day"


# A record counts for nothing while one of these fields has this value, whatever the case definition says.
_WITHDRAWN = (("action", "withdrawn"), ("status", "withdrawn"), ("action", "cancelled"))


class Against(NamedTuple):
    """Why a record does not count, and the field that rests on (never its value)."""

    reason: Reason
    field: str


def classify(
    version: RecordVersion, use_case: UseCase, place: Place, zone: ZoneInfo, survivor: RecordKey
) -> Case | Exclusion:
    """Apply a use case's definition to the current version of a record.

    zone: the scope's; a time becomes a day there. survivor: the record that this one survives as
    (`merges.survivors`); its own key where it was not merged. The answer depends on nothing else, so a
    record is classified again when its version or its survivor changes.
    """
    return classify_at(place, version, use_case, zone, ruled_out(version, use_case, survivor))


def ruled_out(version: RecordVersion, use_case: UseCase, survivor: RecordKey) -> Against | None:
    """The first reason against counting the record anywhere; None: its area and day are left to see.

    This is asked of every use case, and most say no.
    """
    if version.key.kind != use_case.records:
        return Against(Reason.OTHER_KIND, "")
    if survivor != version.key:
        return Against(Reason.MERGED, "merged_into")
    for field, value in _WITHDRAWN:
        if version.content.get(field) == value:
            return Against(Reason.WITHDRAWN, field)
    failed = failed_condition(version.content, use_case.cases)
    return None if failed is None else Against(Reason.NOT_A_CASE, failed)


def classify_at(
    place: Place, version: RecordVersion, use_case: UseCase, zone: ZoneInfo, against: Against | None
) -> Case | Exclusion:
    """As `classify` at one place, where it is known what speaks `against` the record at all of them."""
    content = version.content
    area, day = _text_at(content, f"{place.field}.code"), None
    if against is None and area is None:
        elsewhere = ELSEWHERE_AREA in values_at(content, f"{place.field}.missing")
        against = Against(Reason.ELSEWHERE if elsewhere else Reason.NO_AREA, place.field)
    if against is None:
        day = day_at(content, use_case.case_day, zone)
    if area is None or day is None:
        against = against or Against(Reason.NO_DAY, use_case.case_day)
        return Exclusion(version.key, version.version, use_case.id, place.name, *against)
    age = content.get("age")
    return Case(
        key=version.key,
        version=version.version,
        use_case=use_case.id,
        place=place.name,
        area=area,
        day=day,
        received_at=version.received_at,
        person_keys=person_keys(content),
        age=age if isinstance(age, int) and not isinstance(age, bool) else None,
        sex=_text_at(content, "sex"),
        tokens=tokens_of(version),
    )


def first_known(entries: Sequence[Case | Exclusion]) -> list[Case | Exclusion]:
    """What a record was over time, the oldest first, each case received when the first of them was."""
    first = next((entry.received_at for entry in entries if isinstance(entry, Case)), None)
    return [
        replace(e, received_at=first) if isinstance(e, Case) and first and e.received_at != first else e
        for e in entries
    ]


def failed_condition(content: Mapping[str, Any], conditions: Mapping[str, Condition]) -> str | None:
    """The first field whose condition fails, or None where the content meets all of them."""
    for field, condition in conditions.items():
        if not holds(condition, values_at(content, field)):
            return field
    return None


def person_keys(content: Mapping[str, Any]) -> tuple[str, ...]:
    """A record's pseudonymous person keys as `scheme:key_id:value`, sorted; two equal ones are one person."""
    keys = (*values_at(content, "person_keys"), *values_at(content, "person_key"))
    return tuple(sorted({f"{key['scheme']}:{key['key_id']}:{key['value']}" for key in keys}))


def day_at(content: Mapping[str, Any], path: str, zone: ZoneInfo) -> date | None:
    """The first value at `path` as a day in `zone`. A plain date is a day already; None where neither."""
    text = _text_at(content, path)
    try:
        if text is None or len(text) <= len("2000-01-01"):
            return date.fromisoformat(text) if text else None
        time = datetime.fromisoformat(text)
        return time.astimezone(zone).date() if time.tzinfo else time.date()
    except (ValueError, OverflowError):
        return None


def _text_at(content: Mapping[str, Any], path: str) -> str | None:
    return next((value for value in values_at(content, path) if isinstance(value, str)), None)
