"""Bundles that leave a hospital: what may stand in them, and who the person is without anybody's name.

An adapter at the hospital makes keys of a patient's number and name. Who sends a bundle to the service has
made them before: here is what is taken, as a table, and everything else is refused by its path.

    Patient.identifier    system urn:surveillance:person-key:SCHEME:KEY-ID, value 64 hexadecimal digits
    Encounter.extension   urn:surveillance:age, valueInteger: whole years on arrival
    Encounter.extension   urn:surveillance:residence-area, valueCode: an area's code, or why there is none
    Patient.address       a postcode alone, instead of the area's code; it is not kept
"""

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from surveillance.adapters.fhir.outcome import Issue
from surveillance.adapters.fhir.reading import Bundle, Resource, dicts_at, text_at
from surveillance.adapters.person import area_of
from surveillance.events.fields import NoArea, Sex
from surveillance.events.identifiers import holds_identifier
from surveillance.geography.lookup import Gazetteer

KEYS = "urn:surveillance:person-key:"
AGE = "urn:surveillance:age"
AREA = "urn:surveillance:residence-area"

_TEXT: Mapping[str, Any] = {}  # a value, and nothing below it


def _shape(names: str, **below: Mapping[str, Any]) -> dict[str, Any]:
    return {**dict.fromkeys(names.split(), _TEXT), **below}


_REFERENCE = _shape("reference type")
_CODING = _shape("system version code userSelected")
_CONCEPT = _shape("", coding=_CODING)
_IDENTIFIER = _shape("use system value")
_META = _shape("versionId lastUpdated source profile", security=_CODING, tag=_CODING)
_PERIOD = _shape("start end")
_EXTENSION = _shape("url valueInteger valueCode", valueCodeableConcept=_CONCEPT)
_NAMED = _shape("reference type", identifier=_IDENTIFIER)
_BUNDLE = _shape("resourceType id type timestamp entry total", meta=_META)
_ENTRY = _shape("fullUrl resource", request=_shape("method url"))
_TAKEN: Mapping[str, Mapping[str, Any]] = {
    "Encounter": _shape(
        "resourceType id status",
        meta=_META,
        identifier=_IDENTIFIER,
        subject=_REFERENCE,
        period=_PERIOD,
        serviceProvider=_NAMED,
        extension=_EXTENSION,
        diagnosis=_shape("", condition=_REFERENCE),
        hospitalization=_shape("", extension=_EXTENSION, dischargeDisposition=_CONCEPT),
        **{"class": _CODING},
    ),
    "Condition": _shape(
        "resourceType id",
        meta=_META,
        subject=_REFERENCE,
        encounter=_REFERENCE,
        code=_CONCEPT,
        category=_CONCEPT,
        clinicalStatus=_CONCEPT,
        verificationStatus=_CONCEPT,
    ),
    "Patient": _shape(
        "resourceType id gender",
        meta=_META,
        identifier=_IDENTIFIER,
        address=_shape("use postalCode"),
    ),
    "Organization": _shape("resourceType id", meta=_META, identifier=_IDENTIFIER),
}
_MAY_SAY_WHO = "is not taken: it can say who somebody is, or hold free text. Leave it out"
_INSTEAD: Mapping[str, str] = {
    "birthDate": f"is not taken: send the age in whole years as the extension {AGE} of the Encounter",
    "name": f"is not taken: send person keys as identifiers, with the system {KEYS}SCHEME:KEY-ID",
}


def not_taken(bundle: Bundle) -> Iterator[Issue]:
    """Everything of a bundle that may not be sent, by its path; no value and no unknown name is told."""
    top = {name: value for name, value in bundle.content.items() if name != "entry"}
    yield from _beyond(top, _BUNDLE, "Bundle", told=False)
    for i, entry in enumerate(bundle.content.get("entry") or ()):
        path, content = f"Bundle.entry[{i}]", entry.get("resource")
        around = {name: value for name, value in entry.items() if name != "resource"}
        yield from _beyond(around, _ENTRY, path, told=False)
        kind = text_at(content, "resourceType")
        if kind in _TAKEN:
            yield from _beyond(content, _TAKEN[kind], f"{path}.resource", told=True)
        else:
            words = f"only {', '.join(_TAKEN)} are taken; leave the others out"
            yield Issue("not-supported", f"{path}.resource", words)
    for patient in bundle.all("Patient"):
        yield from _identifiers(patient)


def about_keyed(
    encounter: Resource, patient: Resource, gazetteer: Gazetteer
) -> tuple[dict[str, Any], list[Issue]]:
    """The event's fields about a person of whom only keys are known, and what could not be made of them."""
    said = {text_at(one, "url"): one for one in dicts_at(encounter.content, "extension")}
    area, notes = _area(said.get(AREA, {}), patient, gazetteer)
    fields: dict[str, Any] = {"residence_area": dict(area)}
    if keys := [_key(one) for one in dicts_at(patient.content, "identifier")]:
        fields["person_keys"] = keys[:8]
    if (age := said.get(AGE, {}).get("valueInteger")) is not None:
        fields["age"] = age
    sex = text_at(patient.content, "gender")
    return fields | {"sex": sex if sex in get_args(Sex) else "unknown"}, notes


def _area(
    said: Mapping[str, Any], patient: Resource, gazetteer: Gazetteer
) -> tuple[Mapping[str, str], list[Issue]]:
    code = text_at(said, "valueCode")
    if code:
        return {"missing" if code in get_args(NoArea) else "code": code}, []
    postcodes = [text_at(one, "postalCode") for one in dicts_at(patient.content, "address")]
    area, no_area = area_of(next(filter(None, postcodes), ""), gazetteer)
    path = f"{patient.path}.address"
    return area, [] if no_area is None else [Issue("value", path, no_area, "warning")]


def _beyond(value: Any, shape: Mapping[str, Any], path: str, *, told: bool) -> Iterator[Issue]:
    """What stands below a value beyond a shape. `told`: its names are R4's, and may be repeated."""
    if isinstance(value, Mapping):
        for name, below in value.items():
            named = f"{path}.{name}" if told or name in shape else path
            if name in shape:
                yield from _beyond(below, shape[name], named, told=told)
            else:
                yield Issue("not-supported", named, _INSTEAD.get(name, _MAY_SAY_WHO))
    elif isinstance(value, list):
        for i, below in enumerate(value):
            yield from _beyond(below, shape, f"{path}[{i}]", told=told)
    elif isinstance(value, str | int) and holds_identifier(str(value)):
        words = (
            "holds ten digits with the check digit of an NHS number; send a key or an id of your own instead"
        )
        yield Issue("value", path, words)


def _identifiers(patient: Resource) -> Iterator[Issue]:
    for i, identifier in enumerate(dicts_at(patient.content, "identifier")):
        system = text_at(identifier, "system")
        if not system.startswith(KEYS) or system.count(":") != KEYS.count(":") + 1:
            words = f"only person keys are taken, with the system {KEYS}SCHEME:KEY-ID; leave the others out"
            yield Issue("not-supported", f"{patient.path}.identifier[{i}]", words)


def _key(identifier: Mapping[str, Any]) -> dict[str, str]:
    scheme, _, key_id = text_at(identifier, "system").removeprefix(KEYS).partition(":")
    return {"scheme": scheme, "key_id": key_id, "value": text_at(identifier, "value")}
