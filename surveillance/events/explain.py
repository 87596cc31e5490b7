"""From validation errors to faults in plain words: our names and rules, never the sender's values."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from surveillance.events.admission import AdmissionEvent
from surveillance.events.fields import FAR_FUTURE, MISSING_OFFSET, NOT_A_HASH, TOO_LONG
from surveillance.events.incident import IncidentEvent
from surveillance.events.json_text import MESSAGE
from surveillance.events.known_fields import known_fields, names_below
from surveillance.events.refusal import Fault, RefusalCode
from surveillance.events.rules import BROKEN_RULES, Reception, Rule

EventModel = type[IncidentEvent] | type[AdmissionEvent]

_CODES: Mapping[str, RefusalCode] = {
    "missing": RefusalCode.MISSING_FIELD,
    "extra_forbidden": RefusalCode.UNKNOWN_FIELD,
    "json_invalid": RefusalCode.NOT_JSON,
    FAR_FUTURE: RefusalCode.FUTURE_TIME,
    NOT_A_HASH: RefusalCode.IDENTIFIER,
}
_RULES: Mapping[str, str] = {
    "missing": "This field is required",
    "extra_forbidden": "Only the fields of the contract may be sent here",
    "json_invalid": "A message is JSON with valid Unicode text",
    "literal_error": "The value is not on the closed list of this field",
    "string_pattern_mismatch": "The text does not have the form of this field",
    "string_type": "The value must be text",
    "int_type": "The value must be a whole number",
    "float_type": "The value must be a number",
    "tuple_type": "The value must be a list",
    "model_type": "The value must be an object",
    TOO_LONG: "The list is too long",
    "datetime_type": "The value must be a time as text",
    "time_form": "The value must be a time of the calendar",
    "time_past": "A time before the year 1900 is refused",
    MISSING_OFFSET: "A time needs its offset from UTC",
    FAR_FUTURE: "A time must not lie more than 5 minutes after the message was received",
    NOT_A_HASH: "Only a pseudonym may stand here, never a number of a person",
}


def explain(error: ValidationError, model: type[BaseModel]) -> Iterator[Fault]:
    """The faults of a validation error of `model`: an event, or an envelope around one."""
    for detail in error.errors(include_url=False, include_input=False):
        if detail["type"] == BROKEN_RULES:
            yield from (rule.fault for rule in detail["ctx"]["rules"])
        else:
            yield _fault(detail, model)


def broken_rules(
    event: Mapping[str, Any], faulty: frozenset[str], model: EventModel, reception: Reception
) -> Iterator[Fault]:
    """The broken rules between fields that are not `faulty`, so that a partner hears of all faults at once.

    Rules are only looked at on a valid event: the example stands in for every faulty field, and rules
    that read one are left out.
    """
    sound = {name: event[name] for name in model.model_fields if name in event and name not in faulty}
    stand_ins = {name: value for name, value in model.EXAMPLE.items() if name in faulty}
    try:
        model.model_validate_json(json.dumps(stand_ins | sound), context=reception)
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_input=False):
            rules: tuple[Rule, ...] = detail.get("ctx", {}).get("rules", ())
            yield from (rule.fault for rule in rules if rule.fields.isdisjoint(faulty))


def public_path(path: str) -> str:
    """A path as the partner reads it: relative to the event, with or without an envelope."""
    return (path + ".").removeprefix("data.").removesuffix(".") or MESSAGE


def _fault(detail: ErrorDetails, model: type[BaseModel]) -> Fault:
    kind, location = detail["type"], detail["loc"]
    if kind == "extra_forbidden":
        location = location[:-1]  # the last part is a name that the sender chose
    path = ".".join(str(part) for part in location if isinstance(part, str))
    in_envelope = "data" in model.model_fields and not path.startswith("data.") and kind != "json_invalid"
    if in_envelope and not (kind == "extra_forbidden" and path == "data"):
        return Fault(RefusalCode.ENVELOPE, path or MESSAGE, _rule(kind), _fix(kind, path, model))
    code = _CODES.get(kind, RefusalCode.INVALID_VALUE)
    return Fault(code, _with_positions(location), _rule(kind), _fix(kind, path, model))


def _rule(kind: str) -> str:
    return _RULES.get(kind, "The value lies outside what this field allows")


def _fix(kind: str, path: str, model: type[BaseModel]) -> str:
    if kind == "json_invalid":
        return "Encode the JSON as UTF-8, without half surrogate pairs"
    if kind == "extra_forbidden":
        return f"Remove it; allowed here: {', '.join(names_below(model, path))}"
    known = known_fields(model).get(path)
    return f"Send {known.words}" if known else "Send one JSON object with the fields of the event"


def _with_positions(location: tuple[int | str, ...]) -> str:
    return public_path(".".join(str(part) for part in location))
