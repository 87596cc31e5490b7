"""ADT messages as what they say of encounters: fields of events, keys instead of persons."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from surveillance.adapters.encounter import Deed, Said
from surveillance.adapters.hl7.answer import FIELD_MISSING, NOT_IN_TABLE, TRIGGER_UNKNOWN, Reason
from surveillance.adapters.hl7.dialect import Dialect
from surveillance.adapters.hl7.patient import about, read_person
from surveillance.adapters.hl7.reader import Reader, known, part
from surveillance.adapters.hl7.reading import Message, Refusal
from surveillance.adapters.hl7.visit import encounter_id, visit_fields, visit_number
from surveillance.adapters.person import Person, tokens_of
from surveillance.events.pseudonym import Secret
from surveillance.geography.lookup import Gazetteer

MERGE_PATIENTS = "A40"
DEEDS: Mapping[str, Deed] = {
    "A01": "admit",
    "A03": "discharge",
    "A04": "attend",
    "A08": "change",
    "A11": "cancel",
    MERGE_PATIENTS: "change",
}
# Patient classes that are no attendance or admission: outpatient, pre-admission, recurring, not applicable.
_OTHER_CLASSES = frozenset("OPRN")


@dataclass(frozen=True)
class Told:
    """What a message says, and what its sender should hear although it is taken.

    `patients` are the tokens of the person's ids; `merged` those of ids that are this person's from now on.
    """

    said: tuple[Said, ...]
    patients: frozenset[str] = frozenset()
    merged: frozenset[str] = frozenset()
    person: Mapping[str, Any] = field(default_factory=dict)
    at: datetime | None = None
    notes: tuple[Reason, ...] = ()


def read_told(
    message: Message,
    dialect: Dialect,
    secrets: Sequence[Secret],
    gazetteer: Gazetteer,
    knows: Callable[[str], bool],
) -> Told:
    """What an ADT message says. Raises Refusal with every reason; `knows` an encounter by its id."""
    trigger = _trigger(message)
    reader = Reader(message, dialect)
    at = _at(reader)
    pid = message.needed("PID")
    person = read_person(reader, pid)
    begun = _begun(reader) if trigger != MERGE_PATIENTS else None
    of_person = dict(about(reader, pid, person, begun or at, secrets, gazetteer))
    patients = tokens_of(person.local_ids, secrets)
    if trigger == MERGE_PATIENTS:
        merged = _merged_ids(reader)
        reader.raise_faults()
        of_person.pop("age", None)  # every visit keeps the age that the person had then
        visits = tuple(_merged_visit(reader, person, secrets, knows, at))
        return Told(visits, patients, tokens_of(merged, secrets), of_person, at, tuple(reader.notes))
    visit = message.needed("PV1")
    if visit.text(2).upper() in _OTHER_CLASSES:
        words = "the patient class is no attendance or admission: nothing was published"
        return Told((), notes=(Reason(NOT_IN_TABLE, "PV1-2", words, "I"),))
    encounter = encounter_id(reader, visit_number(reader, visit), person, secrets, knows)
    fields = of_person | dict(visit_fields(reader, trigger, visit, at, begun))
    reader.raise_faults()
    said = Said(encounter, at, DEEDS[trigger], fields)
    return Told((said,), patients, person=of_person, at=at, notes=tuple(reader.notes))


def _trigger(message: Message) -> str:
    trigger = message.segments[0].text(9, 2)
    if not trigger and (event := message.first("EVN")):
        trigger = event.text(1)  # MSH-9 had one component before version 2.3
    if trigger not in DEEDS:
        words = f"only these events are taken: {', '.join(DEEDS)}"
        raise Refusal("AR", Reason(TRIGGER_UNKNOWN, "MSH-9", words))
    return trigger


def _at(reader: Reader) -> datetime:
    """The time of the message: when its event was recorded, or else when it was sent."""
    head = reader.message.segments[0]
    for segment, number in ((reader.message.first("EVN"), 2), (head, 7)):
        span = reader.moment(segment, number)
        if span is not None and not span.is_whole_day:
            return span.first
    reader.raise_faults()
    words = "neither EVN-2 nor MSH-7 says on which day and at what time this was recorded"
    raise Refusal("AE", Reason(FIELD_MISSING, "MSH-7", words))


def _begun(reader: Reader) -> datetime | None:
    """PV1-44, or when the event occurred (EVN-6) where a message opens an encounter."""
    span = reader.moment(reader.message.first("PV1"), 44)
    if span is None and _trigger(reader.message) in ("A01", "A04"):
        span = reader.moment(reader.message.first("EVN"), 6)
    return None if span is None else span.first


def _merged_ids(reader: Reader) -> list[tuple[str, str]]:
    prior = reader.message.needed("MRG")
    ids = [(part(cx, 4).upper(), part(cx, 1)) for cx in prior.repetitions(1) if known(part(cx, 1))]
    if not ids:
        reader.faults.append(Reason(FIELD_MISSING, "MRG-1", "the id that was merged is missing"))
    return ids


def _merged_visit(
    reader: Reader, person: Person, secrets: Sequence[Secret], knows: Callable[[str], bool], at: datetime
) -> Iterator[Said]:
    """A40 is about patients; some senders name the visits too (MRG-5 into PV1-19), which then are one."""
    prior, visit = reader.message.needed("MRG"), reader.message.first("PV1")
    numbers = known(prior.text(5)), known(visit.text(19)) if visit else ""
    if not all(numbers):
        return
    gone, stays = (encounter_id(reader, number, person, secrets, knows) for number in numbers)
    if gone != stays and knows(gone):
        yield Said(gone, at, "merge", {"merged_into": stays})
