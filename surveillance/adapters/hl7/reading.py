"""From the bytes of one HL7 v2 message to its segments, however a sender writes them.

python-hl7 splits a message into its parts: it asks for no profile, so that Z segments, missing segments and
versions 2.1 to 2.8 are read alike (hl7apy validates against one version's tables and refuses what hospitals
send). Escapes are undone here: the library's own `unescape` writes what it cannot read into the log, names
included, and its reader of frames gives up at the first bad one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import hl7

from surveillance.adapters.hl7.answer import (
    DATA_TYPE,
    PROCESSING_ID,
    SEGMENT_MISSING,
    TYPE_UNKNOWN,
    VERSION_UNKNOWN,
    Answer,
    Code,
    Heading,
    Reason,
    Separators,
)

NULL = '""'  # a sender takes a value back; an empty field says nothing about it
TEST_IDS = ("T", "D")  # HL7 table 0103: training and debugging
_CHARACTER_SETS = {"8859/1": "latin-1", "8859/15": "iso-8859-15", "UNICODE UTF-8": "utf-8", "ASCII": "ascii"}
_VERSION = re.compile(r"2\.[1-8](?:\.[12])?", re.ASCII)
_SIGN = re.compile(r"[!#$%&*/:;<=>?@\\^_`|~\[\]{}]")
_LINE_ENDS = re.compile(r"\r\n|\n")
_CONTROLS = re.compile(r"[\x00-\x1f\x7f]")
_HEX = re.compile(r"X(?:[0-9A-Fa-f]{2})+", re.ASCII)


class Refusal(ValueError):
    """The message is not taken: which answer, and every reason. No value of the message is in it."""

    def __init__(self, code: Code, *reasons: Reason) -> None:
        self.answer = Answer(code, reasons)
        super().__init__("; ".join(reason.line for reason in reasons))


@dataclass(frozen=True)
class Segment:
    """One segment by its numbered fields, counted from 1 as in the standard."""

    name: str
    _parsed: Any
    _signs: Separators

    def text(self, field: int, component: int = 1) -> str:
        """A component of a field's first repetition; empty where there is none."""
        for repetition in self.repetitions(field):
            return repetition[component - 1] if component <= len(repetition) else ""
        return ""

    def repetitions(self, field: int) -> list[list[str]]:
        """Every repetition of a field as its components, escapes undone."""
        if field >= len(self._parsed):
            return []
        return [
            [self._unescaped(_first(part)) for part in ([one] if isinstance(one, str) else one)]
            for one in self._parsed[field]
        ]

    def says(self, field: int) -> bool:
        """Whether anything stands in the field."""
        return field < len(self._parsed) and str(self._parsed[field]) != ""

    def _unescaped(self, text: str) -> str:
        signs = self._signs
        if signs.escape not in text:
            return text.strip()
        parts = text.split(signs.escape)
        undone = (_undone(part, signs.letters) if i % 2 else part for i, part in enumerate(parts))
        return "".join(undone).strip()


@dataclass(frozen=True)
class Message:
    """A message's heading and its segments, in order."""

    heading: Heading
    kind: str
    segments: tuple[Segment, ...]

    def all(self, name: str) -> Iterator[Segment]:
        return (segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment | None:
        return next(self.all(name), None)

    def needed(self, name: str) -> Segment:
        """Raises Refusal where there is none."""
        found = self.first(name)
        if found is None:
            raise Refusal("AE", Reason(SEGMENT_MISSING, name, "the segment is missing"))
        return found


def read_heading(content: bytes) -> Heading:
    """What an answer needs, of anything at all: what cannot be read is empty."""
    text = _decoded(content)
    signs = _separators(text)
    if signs is None:
        return Heading()
    fields = [_CONTROLS.sub("", one)[:200] for one in text.split("\r", 1)[0].split(signs.field)]
    fields += [""] * (12 - len(fields))
    trigger = fields[8].split(signs.component)
    return Heading(
        signs,
        sender=fields[2],
        facility=fields[3],
        receiver=fields[4],
        receiving_facility=fields[5],
        trigger=trigger[1] if len(trigger) > 1 else "",
        control_id=fields[9],
        processing_id=fields[10] or "P",
        version=fields[11].split(signs.component)[0] or "2.4",
    )


def read_message(content: bytes) -> Message:
    """The message; raises Refusal (AR) where it is none that can be read."""
    text = _decoded(content)
    signs = _separators(text)
    if signs is None:
        words = (
            "a message begins with MSH, a separator and four different encoding characters, such as |^~\\&"
        )
        raise Refusal("AR", Reason(SEGMENT_MISSING, "MSH", words))
    segments = tuple(_segments(text, signs))
    heading = read_heading(content)
    head = segments[0]
    _check_heading(head, heading)
    return Message(heading, head.text(9), segments)


def _check_heading(head: Segment, heading: Heading) -> None:
    reasons = []
    if not _VERSION.fullmatch(heading.version):
        reasons.append(Reason(VERSION_UNKNOWN, "MSH-12", "the version is none from 2.1 to 2.8"))
    if heading.processing_id[:1] not in ("P", *TEST_IDS):
        words = "only P (production), T (training) and D (debugging) are taken"
        reasons.append(Reason(PROCESSING_ID, "MSH-11", words))
    if head.text(9) != "ADT":
        reasons.append(Reason(TYPE_UNKNOWN, "MSH-9", "only ADT messages are taken"))
    if reasons:
        raise Refusal("AR", *reasons)


def _segments(text: str, signs: Separators) -> Iterator[Segment]:
    try:
        parsed = hl7.parse(text)
    except Exception:  # whatever a parser of strangers' bytes may raise, with the bytes in its words
        raise Refusal("AR", Reason(DATA_TYPE, "", "the message cannot be split into segments")) from None
    for segment in parsed:
        name = str(segment[0])
        if name:
            yield Segment(name, segment, signs)


def _decoded(content: bytes) -> str:
    """The text, by MSH-18 where it names a set that we know; UTF-8 or else Latin-1 where not, or wrongly."""
    head = re.split(rb"[\r\n]", content, maxsplit=1)[0].decode("latin-1")
    fields = head.split(head[3]) if len(head) > 3 else []
    named = _CHARACTER_SETS.get(fields[17].strip() if len(fields) > 17 else "", "utf-8")
    for character_set in (named, "utf-8"):
        try:
            return _normal(content.decode(character_set))
        except UnicodeDecodeError:
            continue
    return _normal(content.decode("latin-1"))


def _normal(text: str) -> str:
    return _LINE_ENDS.sub("\r", text).lstrip("\ufeff").strip()


def _separators(text: str) -> Separators | None:
    """The separators of a message that begins as one, None of anything else."""
    if not text.startswith("MSH") or len(text) < 9:
        return None
    field, encoding = text[3], text[4 : text.find(text[3], 4)] if text.find(text[3], 4) > 0 else ""
    signs = field + encoding[:4]
    if len(encoding) not in (4, 5) or len(set(signs)) < 5 or not all(map(_SIGN.fullmatch, signs)):
        return None
    return Separators(field, *encoding[:4])


def _first(part: Any) -> str:
    """A component's first subcomponent."""
    while not isinstance(part, str):
        part = part[0] if len(part) else ""
    return part


def _undone(sequence: str, plain: dict[str, str]) -> str:
    if sequence in plain:
        return plain[sequence]
    if _HEX.fullmatch(sequence):
        return bytes.fromhex(sequence[1:]).decode("utf-8", "replace")
    return " "  # a change of font or of line, which no field of ours has
