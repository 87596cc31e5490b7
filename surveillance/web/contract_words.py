"""The contract in words: topics, fields with what each means, rules with their fix, published versions."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from surveillance.events import contract
from surveillance.events.refusal import RefusalCode
from surveillance.web.partner_answers import CODES

_FORMS = {
    "integer": "whole number",
    "number": "number",
    "object": "object",
    "string": "text",
    "boolean": "yes or no",
}


@dataclass(frozen=True, slots=True)
class FieldWords:
    """A field by its dotted path (`[]`: each of a list), what it means, its form, and an example as JSON."""

    path: str
    meaning: str
    form: str
    required: bool
    example: str

    @property
    def depth(self) -> int:
        """0 for a field of the event itself."""
        return self.path.count(".")


@dataclass(frozen=True, slots=True)
class RuleWords:
    """A rule between fields, and what to send instead."""

    field: str
    rule: str
    fix: str
    code: str


@dataclass(frozen=True, slots=True)
class TopicWords:
    """What is sent on one kind of topic."""

    name: str
    title: str
    address: str
    about: str
    document: str
    fields: tuple[FieldWords, ...]
    rules: tuple[RuleWords, ...]
    example: str


@cache
def topics() -> Mapping[str, TopicWords]:
    """By the name of its channel, everything about one kind of topic."""
    api = contract.asyncapi()
    made = {}
    for name, channel in api["channels"].items():
        document = f"{name.removesuffix('s')}.schema.json"
        schema = contract.documents()[document]
        made[name] = TopicWords(
            name=name,
            title={"receipts": "Receipts, which you read"}.get(name, f"{name.capitalize()}, which you send"),
            address=channel["address"],
            about=channel["description"],
            document=document,
            fields=tuple(_fields(schema, schema, "", schema["examples"][0])),
            rules=tuple(
                RuleWords(r["field"], r["rule"], r["fix"], r["code"]) for r in schema.get("x-rules", ())
            ),
            example=json.dumps(schema["examples"][0], indent=2, ensure_ascii=False),
        )
    return made


def reasons() -> Mapping[RefusalCode, str]:
    """Every reason for which a message is refused, in words."""
    return CODES


@cache
def versions() -> Mapping[str, tuple[str, ...]]:
    """By version, the newest first, the names of its documents."""
    return {version: tuple(found) for version, found in reversed(contract.published().items())}


@cache
def text_of(version: str, name: str) -> str | None:
    """A published document by its name with .json or .yaml; None where there is none."""
    stem, _, form = name.rpartition(".")
    document = contract.published().get(version, {}).get(f"{stem}.json")
    if document is None or form not in ("json", "yaml"):
        return None
    if form == "yaml":
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=110)
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _fields(schema: Any, root: Any, inside: str, example: Any) -> Iterator[FieldWords]:
    needed = schema.get("required", ())
    for name, part in schema["properties"].items():
        whole = _one(part, root)
        inner = _one(whole["items"], root) if "items" in whole else whole
        path = f"{inside}{name}{'[]' if 'items' in whole else ''}"
        shown = example.get(name) if isinstance(example, dict) else None
        said = "" if shown is None else json.dumps(shown, ensure_ascii=False)
        yield FieldWords(path, part.get("description") or "", _form(whole, inner), name in needed, said)
        if "properties" in inner:
            yield from _fields(
                inner, root, f"{path}.", shown[0] if isinstance(shown, list) and shown else shown
            )


def _one(part: Any, root: Any) -> Any:
    """A part of a schema with its reference followed, and without the null of an optional field."""
    choices = [choice for choice in part.get("anyOf", ()) if choice.get("type") != "null"]
    if choices:
        part = choices[0]
    return root["$defs"][part["$ref"].rsplit("/", 1)[-1]] if "$ref" in part else part


def _form(whole: Any, inner: Any) -> str:
    if "enum" in inner or "const" in inner:
        one = f"one of {len(inner.get('enum', ())) or 1} texts"
    elif inner.get("format") == "date-time":
        one = "time"
    else:
        one = _FORMS.get(inner.get("type", ""), "value")
    return f"list of {one}s" if "items" in whole else one
