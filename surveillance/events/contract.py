"""The contract with partners, generated from the models: JSON Schema per topic and an AsyncAPI document.

What a schema cannot say, rules between fields, stands beside it in words (`x-rules`). Every version that was
ever published lies in `published/`; within a major version nothing may be refused that was accepted before
(`compatibility.breaking_changes`).
"""

import json
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from surveillance.events import admission, incident
from surveillance.events.decode import event_model
from surveillance.events.envelope import Envelope
from surveillance.events.fields import TIME_PATTERN
from surveillance.events.json_text import MAX_BYTES
from surveillance.events.receipt import Receipt
from surveillance.events.refusal import RefusalCode
from surveillance.events.rules import Rule
from surveillance.events.topics import KINDS, Kind, topic_name

VERSION = "1.1.0"
"""Of the contract: a new major version has topics of its own; a minor one accepts more than those before."""

JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
_RULES: Mapping[Kind, tuple[Rule, ...]] = {"incident": incident.RULES, "admission": admission.RULES}
_PARTNER = "PARTNER"  # stands for a partner's id in a topic's name; no id has capitals


def json_schema(kind: Kind) -> dict[str, Any]:
    """JSON Schema (2020-12) of one kind of event, with the rules between its fields in words."""
    model = event_model(kind)
    schema = _simpler(model.model_json_schema())
    return {
        "$schema": JSON_SCHEMA,
        "$id": f"urn:surveillance:{kind}:{VERSION}",
        "version": VERSION,
        **schema,
        "examples": [model.EXAMPLE],
        "x-rules": [_in_words(rule) for rule in _RULES[kind]],
    }


def receipt_schema() -> dict[str, Any]:
    """JSON Schema of a receipt: what the service answers. Fields may be added; readers pass over them."""
    schema = _simpler(Receipt.model_json_schema()) | {"additionalProperties": True}
    return {
        "$schema": JSON_SCHEMA,
        "$id": f"urn:surveillance:receipt:{VERSION}",
        "version": VERSION,
        **schema,
        "examples": [Receipt.EXAMPLE],
    }


def asyncapi() -> dict[str, Any]:
    """AsyncAPI 3.0 of the topics that partners publish and are answered on, with bindings and examples."""
    return {
        "asyncapi": "3.0.0",
        "id": "urn:surveillance:partner-topics",
        "info": {
            "title": "Real-time public health surveillance: what partners publish, and how it is answered",
            "version": VERSION,
            "description": (
                "Each message holds the full state of one record; a higher version replaces a lower one, "
                "and a repeat changes nothing. A message that breaks the contract is refused with its "
                f"reasons and is not kept. Reasons: {', '.join(RefusalCode)}. Never send names, addresses, "
                "dates of birth, numbers of persons or free text."
            ),
        },
        "defaultContentType": "application/json",
        "channels": {f"{kind}s": _channel(kind) for kind in KINDS} | {"receipts": _receipts_channel()},
        "operations": {f"receive-{kind}s": _operation(kind) for kind in KINDS}
        | {"send-receipts": _receipts_operation()},
        "components": {
            "schemas": {kind: _embedded(json_schema(kind), kind) for kind in KINDS}
            | {"receipt": _embedded(receipt_schema(), "receipt")},
            "messages": {kind: _message(kind) for kind in KINDS}
            | {f"{kind}-cloudevent": _enveloped(kind) for kind in KINDS}
            | {"receipt": _receipt_message()},
        },
    }


def documents() -> dict[str, dict[str, Any]]:
    """Every document of the contract by its file name."""
    return {f"{kind}.schema.json": json_schema(kind) for kind in KINDS} | {
        "receipt.schema.json": receipt_schema(),
        "asyncapi.json": asyncapi(),
    }


def published() -> dict[str, dict[str, dict[str, Any]]]:
    """By version, the oldest first, the documents as they were published."""
    versions = sorted(
        (folder for folder in (files("surveillance.events") / "published").iterdir() if folder.is_dir()),
        key=lambda folder: tuple(map(int, folder.name.split("."))),
    )
    return {
        folder.name: {
            file.name: json.loads(file.read_text(encoding="utf-8"))
            for file in sorted(folder.iterdir(), key=lambda file: file.name)
        }
        for folder in versions
    }


def _simpler(schema: Any) -> Any:
    """Without the titles that pydantic makes from names; with the form of a time, which it does not know."""
    if isinstance(schema, list):
        return [_simpler(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    simpler = {
        key: _simpler(part) for key, part in schema.items() if key != "title" or isinstance(part, dict)
    }
    return simpler | {"pattern": TIME_PATTERN} if simpler.get("format") == "date-time" else simpler


def _in_words(rule: Rule) -> dict[str, Any]:
    return {
        "code": str(rule.code),
        "field": rule.field,
        "reads": sorted(rule.fields),
        "rule": rule.rule,
        "fix": rule.fix,
    }


def _embedded(schema: dict[str, Any], kind: str) -> dict[str, Any]:
    """The schema as a part of another document: references point to where it stands there."""
    text = json.dumps({key: part for key, part in schema.items() if key not in ("$schema", "$id", "version")})
    return json.loads(text.replace('"#/$defs/', f'"#/components/schemas/{kind}/$defs/'))  # type: ignore[no-any-return]


def _channel(kind: Kind) -> dict[str, Any]:
    name = topic_name(kind, _PARTNER.lower()).replace(_PARTNER.lower(), "{partner}")
    return {
        "address": name,
        "description": f"{kind}s of one partner. History goes to backfill.{name}, where it raises no alert.",
        "parameters": {"partner": {"description": "the id that was agreed for the partner"}},
        "messages": {
            name: {"$ref": f"#/components/messages/{name}"} for name in (kind, f"{kind}-cloudevent")
        },
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": ["delete"], "max.message.bytes": MAX_BYTES},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _receipts_channel() -> dict[str, Any]:
    return {
        "address": "receipts.v1.{partner}",
        "description": "What became of each message of one partner that asked for receipts. Each is sent at "
        "least once, with the same receipt_id on every repeat, and in no promised order.",
        "parameters": {"partner": {"description": "the id that was agreed for the partner"}},
        "messages": {"receipt": {"$ref": "#/components/messages/receipt"}},
        "bindings": {
            "kafka": {
                "topicConfiguration": {"cleanup.policy": ["delete"]},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _receipts_operation() -> dict[str, Any]:
    return {
        "action": "send",
        "channel": {"$ref": "#/channels/receipts"},
        "summary": "The service answers each message; the partner reads.",
        "bindings": {"kafka": {"bindingVersion": "0.5.0"}},
    }


def _receipt_message() -> dict[str, Any]:
    return {
        "name": "receipt",
        "title": "One message, answered",
        "contentType": "application/json",
        "payload": {"$ref": "#/components/schemas/receipt"},
        "examples": [{"name": "refused", "payload": Receipt.EXAMPLE}],
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "receipt_id: the same on every repeat"},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _operation(kind: Kind) -> dict[str, Any]:
    return {
        "action": "receive",
        "channel": {"$ref": f"#/channels/{kind}s"},
        "summary": f"The service receives {kind}s; a partner sends them.",
        "bindings": {"kafka": {"bindingVersion": "0.5.0"}},
    }


def _message(kind: Kind) -> dict[str, Any]:
    key = next(iter(event_model(kind).model_fields))
    return {
        "name": kind,
        "title": f"One version of an {kind}",
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{kind}"},
        "examples": [{"name": "smallest", "payload": event_model(kind).EXAMPLE}],
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"{key}: versions of a record stay in order"},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _enveloped(kind: Kind) -> dict[str, Any]:
    """The same event in a CloudEvents envelope."""
    model = event_model(kind)
    envelope = _simpler(Envelope[model].model_json_schema())  # type: ignore[valid-type]
    attributes = envelope["properties"] | {"data": {"$ref": f"#/components/schemas/{kind}"}}
    payload = {
        "type": "object",
        "properties": attributes,
        "required": envelope["required"],
        "additionalProperties": False,
    }
    example = {
        "specversion": "1.0",
        "id": "1",
        "source": "urn:example",
        "type": f"{kind}.v1",
        "data": model.EXAMPLE,
    }
    return _message(kind) | {
        "name": f"{kind}-cloudevent",
        "title": f"One version of an {kind} in a CloudEvents 1.0 envelope (structured JSON)",
        "payload": payload,
        "examples": [{"name": "smallest", "payload": example}],
    }
