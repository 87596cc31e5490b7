"""One ADT message while it is read: faults and notes gather, so that a sender hears all of them at once."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from surveillance.adapters.hl7.answer import DATA_TYPE, NOT_IN_TABLE, Reason
from surveillance.adapters.hl7.dialect import Dialect
from surveillance.adapters.hl7.reading import NULL, Message, Refusal, Segment
from surveillance.adapters.times import NotATime, Span, read_hl7_span


@dataclass
class Reader:
    """`faults` keep the message from being taken, `notes` do not."""

    message: Message
    dialect: Dialect
    faults: list[Reason] = field(default_factory=list)
    notes: list[Reason] = field(default_factory=list)

    def span(self, segment: Segment | None, number: int) -> Span | None:
        if segment is None or segment.text(number) == NULL:
            return None
        try:
            return read_hl7_span(segment.text(number), self.dialect.zone)
        except NotATime as fault:
            self.faults.append(Reason(DATA_TYPE, f"{segment.name}-{number}", str(fault)))
        return None

    def moment(self, segment: Segment | None, number: int) -> Span | None:
        """A time that is known to the day at least."""
        span = self.span(segment, number)
        if span is not None and segment is not None and not span.is_day:
            self.faults.append(Reason(DATA_TYPE, f"{segment.name}-{number}", "the day is missing"))
            return None
        return span

    def note(self, place: str, words: str) -> None:
        self.notes.append(Reason(NOT_IN_TABLE, place, words, "W"))

    def raise_faults(self) -> None:
        """Raises Refusal where there was any."""
        if self.faults:
            raise Refusal("AE", *dict.fromkeys(self.faults))


def part(components: Sequence[str], number: int) -> str:
    """A component by its number from 1; empty where there is none."""
    return components[number - 1] if number <= len(components) else ""


def known(text: str) -> str:
    """The text; empty where the sender takes it back."""
    return "" if text == NULL else text
