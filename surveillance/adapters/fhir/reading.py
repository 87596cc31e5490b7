"""From the bytes of a FHIR R4 bundle to its resources, each checked by fhir.resources (R4B, whose Encounter,
Condition, Patient and Organization are those of R4).

Only what is read is checked: an Observation that a sender adds is nobody's business here. Values are taken
from the JSON itself, where a date is as exact as it was written.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B.condition import Condition
from fhir.resources.R4B.encounter import Encounter
from fhir.resources.R4B.organization import Organization
from fhir.resources.R4B.patient import Patient
from pydantic import BaseModel, ValidationError

from surveillance.adapters.fhir.outcome import Issue, Kind

TYPES = ("transaction", "message", "collection")
MOST_BYTES = 16_777_216
MOST_ENTRIES = 10_000
_MODELS: Mapping[str, type[BaseModel]] = {
    "Encounter": Encounter,
    "Condition": Condition,
    "Patient": Patient,
    "Organization": Organization,
}
_WORDS: Mapping[str, tuple[Kind, str]] = {
    "extra_forbidden": ("structure", "holds an element that R4 does not know"),
    "missing": ("required", "is required"),
}
_OTHERWISE: tuple[Kind, str] = ("value", "does not have the form that R4 gives it")


@dataclass(frozen=True)
class Resource:
    """A resource and where it stands."""

    kind: str
    path: str
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Bundle:
    """The resources that are read, in order, and all of them by what references call them."""

    content: Mapping[str, Any]
    resources: tuple[Resource, ...]
    by_reference: Mapping[str, Resource]

    def all(self, kind: str) -> Iterator[Resource]:
        return (resource for resource in self.resources if resource.kind == kind)

    def find(self, reference: Any, within: Resource) -> Resource | None:
        """What a Reference of a resource points to, in the bundle or contained; None for anything else."""
        name = text_at(reference, "reference")
        for contained in dicts_at(within.content, "contained"):
            kind = text_at(contained, "resourceType")
            if name == f"#{text_at(contained, 'id')}" and kind in _MODELS:
                return Resource(kind, f"{within.path}.contained", contained)
        return self.by_reference.get(name) or self.by_reference.get("/".join(name.split("/")[-2:]))


def parse(content: bytes) -> Mapping[str, Any] | Issue:
    """The JSON object that the bytes are, or what is wrong with them."""
    if len(content) > MOST_BYTES:
        return Issue("structure", "", f"a bundle has at most {MOST_BYTES} bytes")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return Issue("structure", "", "the text is no JSON in UTF-8")
    return found if isinstance(found, dict) else Issue("structure", "", "a bundle is one JSON object")


def read_bundle(content: Mapping[str, Any]) -> tuple[Bundle, list[Issue]]:
    """The bundle, and everything that is wrong with what is read of it."""
    issues = list(_of_bundle(content))
    entries = content.get("entry")
    resources: list[Resource] = []
    by_reference: dict[str, Resource] = {}
    for i, entry in enumerate(entries if isinstance(entries, list) else []):
        resource, wrong = _resource(entry, f"Bundle.entry[{i}]")
        issues += wrong
        if resource is not None:
            resources.append(resource)
            names = (text_at(entry, "fullUrl"), f"{resource.kind}/{resource.content.get('id')}")
            by_reference |= {name: resource for name in names if name}
    return Bundle(content, tuple(resources), by_reference), issues


def _of_bundle(content: Mapping[str, Any]) -> Iterator[Issue]:
    if content.get("resourceType") != "Bundle":
        yield Issue("structure", "Bundle.resourceType", "only a Bundle is taken")
    elif content.get("type") not in TYPES:
        yield Issue("not-supported", "Bundle.type", f"only these are taken: {', '.join(TYPES)}")
    entries = content.get("entry")
    if not isinstance(entries, list) or not entries:
        yield Issue("required", "Bundle.entry", "the bundle is empty")
    elif len(entries) > MOST_ENTRIES:
        yield Issue("structure", "Bundle.entry", f"a bundle has at most {MOST_ENTRIES} entries")


def _resource(entry: Any, path: str) -> tuple[Resource | None, list[Issue]]:
    if not isinstance(entry, dict):
        return None, [Issue("structure", path, "an entry is an object")]
    if text_at(entry.get("request"), "method") == "DELETE":
        words = "nothing is deleted: send the resource with the status entered-in-error"
        return None, [Issue("not-supported", f"{path}.request.method", words)]
    content = entry.get("resource")
    kind = text_at(content, "resourceType")
    if not isinstance(content, dict) or kind not in _MODELS:
        return None, []
    resource = Resource(kind, f"{path}.resource", content)
    return resource, list(_faults(resource))


def _faults(resource: Resource) -> Iterator[Issue]:
    try:
        _MODELS[resource.kind].model_validate(resource.content)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False, include_context=False):
            # The last part of an element that R4 does not know is a name that the sender chose.
            known = detail["loc"][:-1] if detail["type"] == "extra_forbidden" else detail["loc"]
            kind, words = _WORDS.get(detail["type"], _OTHERWISE)
            yield Issue(kind, _fhir_path(resource.path, known), words)
    except (RecursionError, TypeError, ValueError):  # a library's own checks of strangers' values
        yield Issue("structure", resource.path, "cannot be read as R4")


def _fhir_path(path: str, location: tuple[int | str, ...]) -> str:
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part.removesuffix('_fhir')}"
    return path


def text_at(value: Any, *names: str) -> str:
    """The text at a path of names; empty where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value.strip() if isinstance(value, str) else ""


def dicts_at(value: Any, *names: str) -> list[Mapping[str, Any]]:
    """The objects of a list at a path of names; empty where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, Mapping) else None
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
