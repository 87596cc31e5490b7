"""A FHIR Patient, as far as it leaves the adapter: keys, age, sex and area."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from surveillance.adapters.fhir.outcome import Issue
from surveillance.adapters.fhir.reading import Resource, dicts_at, text_at
from surveillance.adapters.person import Person, age_at, area_of, keys_of
from surveillance.adapters.times import NotATime, read_fhir_span
from surveillance.events.pseudonym import Secret
from surveillance.geography.lookup import Gazetteer

NHS_NUMBER = "https://fhir.nhs.uk/Id/nhs-number"
_SEX = frozenset({"female", "male", "other"})


def read_patient(content: Mapping[str, Any], zone: ZoneInfo) -> Person:
    """What the resource says of a person."""
    numbers = [text_at(one, "value") for one in dicts_at(content, "identifier") if _is_number(one)]
    names = sorted(
        dicts_at(content, "name"), key=lambda name: text_at(name, "use") not in ("official", "usual")
    )
    given = next((g for name in names[:1] for g in name.get("given") or () if isinstance(g, str)), "")
    homes = sorted(
        (one for one in dicts_at(content, "address") if text_at(one, "use") != "old"),
        key=lambda one: (text_at(one, "use") != "home", not text_at(one, "postalCode")),
    )
    try:
        born = read_fhir_span(text_at(content, "birthDate"), zone)
    except NotATime:
        born = None
    return Person(
        number=next(filter(None, numbers), ""),
        given_name=given,
        surname=text_at(names[0], "family") if names else "",
        born_first=born.first.date() if born else None,
        born_last=born.last.date() if born else None,
        postcode=text_at(homes[0], "postalCode") if homes else "",
    )


def _is_number(identifier: Mapping[str, Any]) -> bool:
    return text_at(identifier, "system") == NHS_NUMBER and text_at(identifier, "use") != "old"


def about(
    person: Person,
    patient: Resource,
    arrived: datetime,
    secrets: Sequence[Secret],
    gazetteer: Gazetteer,
    zone: ZoneInfo,
) -> tuple[dict[str, Any], list[Issue]]:
    """The event's fields about a person, and what could not be made of them."""
    keys, why_not = keys_of(person, secrets)
    area, no_area = area_of(person.postcode or "", gazetteer)
    notes = [Issue("value", f"{patient.path}.{_place(words)}", words, "warning") for words in why_not]
    if no_area is not None:
        notes.append(Issue("value", f"{patient.path}.address", no_area, "warning"))
    fields: dict[str, Any] = {"residence_area": dict(area)}
    if keys:
        fields["person_keys"] = keys[:8]
    age = age_at(person, arrived.astimezone(zone).date())
    if age is not None:
        fields["age"] = age
    sex = text_at(patient.content, "gender")
    return fields | {"sex": sex if sex in _SEX else "unknown"}, notes


def _place(words: str) -> str:
    return "identifier" if "nhs-number" in words else "name"
