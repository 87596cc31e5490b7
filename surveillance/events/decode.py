"""The edge: bytes of a topic become an event, or are refused with every fault. Nothing else is raised."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ValidationError

from surveillance.events.admission import AdmissionEvent
from surveillance.events.envelope import Envelope
from surveillance.events.explain import EventModel, broken_rules, explain, public_path
from surveillance.events.identifiers import identifier_paths, may_hold_identifier
from surveillance.events.incident import IncidentEvent
from surveillance.events.json_text import read_object, read_text
from surveillance.events.known_fields import known_fields
from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.events.rules import Reception
from surveillance.events.topics import Kind, Source

AnyEvent = IncidentEvent | AdmissionEvent


@dataclass(frozen=True, slots=True)
class _Contract:
    """What a topic carries: an event, or an envelope around one."""

    event: EventModel
    envelope: type[BaseModel]


_CONTRACTS: Mapping[Kind, _Contract] = {
    "incident": _Contract(IncidentEvent, Envelope[IncidentEvent]),
    "admission": _Contract(AdmissionEvent, Envelope[AdmissionEvent]),
}


def event_model(kind: Kind) -> EventModel:
    """The class of the events of a kind."""
    return _CONTRACTS[kind].event


@dataclass(frozen=True, slots=True)
class Decoded:
    """An event, and whether its sender marked it as a test record."""

    event: AnyEvent
    test: bool


def decode(value: bytes | None, source: Source, organisation: str, received_at: datetime) -> AnyEvent:
    """The event in a message's value, a test record's as well; raises Refused as `decode_message` does."""
    return decode_message(value, source, organisation, received_at).event


def decode_message(value: bytes | None, source: Source, organisation: str, received_at: datetime) -> Decoded:
    """The event in a message's value; raises Refused with all its faults, whatever the bytes are.

    `organisation` is the code of the partner that owns the topic, `received_at` the Kafka timestamp
    (aware). The value is JSON, plain or in a CloudEvents envelope.
    """
    text = read_text(value)
    parsed = read_object(text)
    contract = _CONTRACTS[source.kind]
    enveloped = "specversion" in parsed
    model = contract.envelope if enveloped else contract.event
    faults = list(_identifier_faults(text, parsed, model))
    reception = Reception(organisation, received_at)
    try:
        valid: Any = model.model_validate_json(text, context=reception)
    except ValidationError as error:
        event = parsed.get("data") if enveloped else parsed
        faults += _all_faults(error, model, event, contract.event, reception)
    if faults:
        raise Refused(tuple(dict.fromkeys(faults)), test=enveloped and parsed.get("test") is True)
    return Decoded(valid.data, valid.test) if enveloped else Decoded(valid, False)


def _identifier_faults(text: str, parsed: dict[str, Any], model: type[BaseModel]) -> Iterator[Fault]:
    if not may_hold_identifier(text):
        return
    for path in identifier_paths(parsed, known_fields(model)):
        yield Fault(
            RefusalCode.IDENTIFIER,
            public_path(path),
            "A number with the check digit of an NHS number must not be sent",
            "Send a pseudonym as a person key; give records ids without runs of exactly ten digits",
        )


def _all_faults(
    error: ValidationError, model: type[BaseModel], event: Any, event_model: EventModel, reception: Reception
) -> list[Fault]:
    faults = list(explain(error, model))
    if isinstance(event, dict) and not any(fault.code == RefusalCode.NOT_JSON for fault in faults):
        faulty = frozenset(fault.field.split(".")[0] for fault in faults)
        faults += broken_rules(event, faulty, event_model, reception)
    return faults
