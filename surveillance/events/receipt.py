"""What a partner is told of a message: where it lies, what became of it, what to do; never its content."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC
from typing import Any, ClassVar, Literal

from pydantic import Field

from surveillance.events.fields import Part, RecordId, Time, Version, time_words
from surveillance.events.message import Message
from surveillance.events.named import Named
from surveillance.events.refusal import Fault

Answer = Literal["accepted", "refused", "test"]
Effect = Literal["stored", "repeated", "superseded", "conflict"]
REPLAYED = "/replayed"


class Reason(Part):
    """One broken rule."""

    code: str = Field(description="what kind of rule it is, such as missing_field; more kinds may be added")
    field: str = Field(description="the field, as a dotted path; empty or `message`: the message as a whole")
    rule: str = Field(description="the rule in words")
    fix: str = Field(description="what to send instead")


class Receipt(Part):
    """One message, answered."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "receipt_id": "incidents.v1.example-police/0/4711",
        "topic": "incidents.v1.example-police",
        "partition": 0,
        "offset": 4711,
        "received_at": "2024-03-03T09:00:01+00:00",
        "record_id": "inc-0001",
        "version": 1,
        "outcome": "refused",
        "effect": None,
        "reasons": [
            {
                "code": "missing_field",
                "field": "reported_at",
                "rule": "The field is required",
                "fix": "Send when this version was reported",
            }
        ],
    }

    receipt_id: str = Field(
        description="topic/partition/offset, the same on every repeat; with /replayed at its end where the "
        "service read a refused message again"
    )
    topic: str = Field(description="the topic of the message")
    partition: int = Field(ge=0, description="its partition")
    offset: int = Field(ge=0, description="its offset")
    received_at: Time = Field(description=time_words("when the broker took the message"))
    record_id: RecordId | None = Field(
        description="the id of the record as the message has it; null where it names none that may be kept"
    )
    version: Version | None = Field(description="the version of the record as the message has it")
    outcome: Answer = Field(
        description="accepted; refused, and not kept; or test: checked, and counted nowhere"
    )
    effect: Effect | None = Field(
        description="of an accepted message: stored; repeated, known already; superseded, a higher version "
        "is known; conflict, another content of the same version is known, and one of the two wins"
    )
    reasons: tuple[Reason, ...] = Field(
        description="every rule that a refused message breaks, or a test record"
    )


def receipt(
    message: Message,
    named: Named,
    outcome: Answer,
    effect: Effect | None = None,
    faults: Iterable[Fault] = (),
    replayed: bool = False,
) -> dict[str, Any]:
    """The receipt of a message as it is sent: a `Receipt` in JSON values, made without checking it again."""
    place = f"{message.topic}/{message.partition}/{message.offset}"
    return {
        "receipt_id": place + REPLAYED if replayed else place,
        "topic": message.topic,
        "partition": message.partition,
        "offset": message.offset,
        "received_at": message.received_at.astimezone(UTC).isoformat(),
        "record_id": named.record_id,
        "version": named.version,
        "outcome": outcome,
        "effect": effect,
        "reasons": [asdict(fault) | {"code": str(fault.code)} for fault in faults],
    }
