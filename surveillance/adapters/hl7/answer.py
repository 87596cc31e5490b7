"""Acknowledgements (ACK) of HL7 v2: AA, AE or AR, the sender's control id, and every reason.

Codes of conditions: HL7 table 0357. Whoever sends needs one rule: 207 passes, send the same again; any other
code stays until the message is another.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import uuid4

Code = Literal["AA", "AE", "AR"]
Severity = Literal["E", "W", "I"]

SEGMENT_MISSING, FIELD_MISSING, DATA_TYPE, NOT_IN_TABLE = "100", "101", "102", "103"
TYPE_UNKNOWN, TRIGGER_UNKNOWN, PROCESSING_ID, VERSION_UNKNOWN = "200", "201", "202", "203"
KEY_TWICE, SEND_AGAIN = "205", "207"
_WORDS = {
    SEGMENT_MISSING: "Segment sequence error",
    FIELD_MISSING: "Required field missing",
    DATA_TYPE: "Data type error",
    NOT_IN_TABLE: "Table value not found",
    TYPE_UNKNOWN: "Unsupported message type",
    TRIGGER_UNKNOWN: "Unsupported event code",
    PROCESSING_ID: "Unsupported processing id",
    VERSION_UNKNOWN: "Unsupported version id",
    KEY_TWICE: "Duplicate key identifier",
    SEND_AGAIN: "Application internal error",
}


@dataclass(frozen=True)
class Separators:
    """The characters that a message is written with (MSH-1 and MSH-2)."""

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @property
    def encoding(self) -> str:
        return self.component + self.repetition + self.escape + self.subcomponent

    @property
    def letters(self) -> dict[str, str]:
        """What stands for each separator between two escape characters."""
        return {
            "E": self.escape,
            "F": self.field,
            "S": self.component,
            "R": self.repetition,
            "T": self.subcomponent,
        }

    def escaped(self, text: str) -> str:
        """A text of ours as it may stand in a field."""
        table = {ord(sign): f"{self.escape}{letter}{self.escape}" for letter, sign in self.letters.items()}
        return text.replace("\r", " ").replace("\n", " ").translate(table)


@dataclass(frozen=True)
class Reason:
    """One thing that is wrong, or worth telling. `place` is such as `PID-3`, empty for the whole message."""

    code: str
    place: str
    words: str
    severity: Severity = "E"

    @property
    def line(self) -> str:
        return f"{self.place}: {self.words}" if self.place else self.words


@dataclass(frozen=True)
class Heading:
    """What an answer repeats of the message it answers; as raw text, in the message's own separators."""

    separators: Separators = Separators()
    sender: str = ""
    facility: str = ""
    receiver: str = ""
    receiving_facility: str = ""
    trigger: str = ""
    control_id: str = ""
    processing_id: str = "P"
    version: str = "2.4"


@dataclass(frozen=True)
class Answer:
    """What the sender is told."""

    code: Code
    reasons: tuple[Reason, ...] = ()


def written(answer: Answer, heading: Heading, now: datetime) -> bytes:
    """The ACK as it travels, without the frame."""
    signs = heading.separators
    trigger = f"{signs.component}{heading.trigger}" if heading.trigger else ""
    text = "; ".join(reason.line for reason in answer.reasons)
    segments = [
        [
            "MSH",
            signs.encoding,
            heading.receiver,
            heading.receiving_facility,
            heading.sender,
            heading.facility,
            now.strftime("%Y%m%d%H%M%S%z"),
            "",
            f"ACK{trigger}",
            uuid4().hex[:20],
            heading.processing_id,
            heading.version,
        ],
        ["MSA", answer.code, heading.control_id, signs.escaped(text[:200])],
        *_errors(answer.reasons, heading),
    ]
    return "".join(signs.field.join(segment) + "\r" for segment in segments).encode("utf-8", "replace")


def _errors(reasons: Iterable[Reason], heading: Heading) -> Iterable[list[str]]:
    """ERR as the sender's version knows it: from 2.5 on a segment for each reason, with its severity."""
    signs = heading.separators
    for reason in reasons:
        segment, _, field = reason.place.partition("-")
        place = signs.component.join([segment, "1", field] if field else [segment])
        coded = [reason.code, _WORDS[reason.code], "HL70357"]
        if heading.version in ("2.1", "2.2", "2.3", "2.3.1", "2.4"):
            yield ["ERR", signs.component.join([segment, "1", field, signs.subcomponent.join(coded)])]
            continue
        words = signs.escaped(reason.words)
        code = signs.component.join(coded)
        yield ["ERR", "", place, code, reason.severity, "", "", "", words]
