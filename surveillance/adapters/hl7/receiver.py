"""One message in, its answer out: AA only after the broker has confirmed every event that it became."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock

import structlog

from surveillance.adapters.encounter import state_after, version_of
from surveillance.adapters.hl7.admission import read_told
from surveillance.adapters.hl7.answer import (
    DATA_TYPE,
    FIELD_MISSING,
    KEY_TWICE,
    NOT_IN_TABLE,
    SEND_AGAIN,
    Answer,
    Heading,
    Reason,
    written,
)
from surveillance.adapters.hl7.dialect import Dialect
from surveillance.adapters.hl7.reading import TEST_IDS, Message, Refusal, read_heading, read_message
from surveillance.adapters.journal import Journal
from surveillance.adapters.publishing import Away, Deliver, Partner, checked, tested
from surveillance.events.pseudonym import Secret
from surveillance.events.refusal import Fault, Refused
from surveillance.geography.lookup import Gazetteer
from surveillance.log import place_of
from surveillance.metrics import ADAPTED

log = structlog.get_logger(__name__)

# Fields of events, by the place of the message that they were read from.
_PLACES = {
    "arrived_at": "PV1-44",
    "admitted_at": "PV1-44",
    "discharged_at": "PV1-45",
    "reported_at": "MSH-7",
    "encounter_id": "PV1-19",
    "provider_site": "PV1-3",
    "diagnoses": "DG1-3",
    "merged_into": "PV1-19",
}


class _Tested(Exception):
    """The message was a test: the journal is to know nothing of it."""


@dataclass
class Receiver:
    """A partner's listener behind the frames. Safe to call from several threads: one message at a time."""

    partner: Partner
    secrets: Sequence[Secret]
    gazetteer: Gazetteer
    journal: Journal
    deliver: Deliver
    dialect: Dialect
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _lock: Lock = field(default_factory=Lock)

    def answer(self, content: bytes) -> bytes:
        """The ACK to the bytes of a message, whatever they are. Raises nothing."""
        heading = Heading()
        try:
            heading = read_heading(content)
            with self._lock:
                answer = self._take(content)
        except Refusal as refusal:
            answer = refusal.answer
        except Exception as error:
            log.error("a defect of ours", place=place_of(error), kind=type(error).__name__)
            answer = Answer("AE", (Reason(SEND_AGAIN, "", "a defect of the receiver; send it again later"),))
        ADAPTED.labels(self.partner.id, "hl7", answer.code).inc()
        log.info("answered", code=answer.code, reasons=[f"{r.code} {r.place}" for r in answer.reasons])
        return written(answer, heading, self.clock())

    def refuse(self, reason: Reason) -> bytes:
        """The AR to what is no message at all."""
        ADAPTED.labels(self.partner.id, "hl7", "AR").inc()
        log.info("answered", code="AR", reasons=[reason.code])
        return written(Answer("AR", (reason,)), Heading(), self.clock())

    def _take(self, content: bytes) -> Answer:
        message = read_message(content)
        name = _name(message)
        before = self.journal.answered(name, content)
        if before:
            return Answer("AA", (Reason(KEY_TWICE, "MSH-10", "taken before; nothing was published", "I"),))
        if before is not None:
            words = "another message has had this control id and time; give every message an id of its own"
            raise Refusal("AE", Reason(KEY_TWICE, "MSH-10", words))
        try:
            with self.journal.transaction():
                notes = self._publish(message)
                self.journal.remember(name, content, self.clock())
                if _is_test(message):
                    raise _Tested
        except _Tested:
            notes = (
                *notes,
                Reason(NOT_IN_TABLE, "MSH-11", "a test message: published as a test, never counted", "I"),
            )
        except Away as away:
            log.warning("no broker: the sender keeps the message", reason=str(away))
            words = "the event could not be stored yet; send the same message again"
            raise Refusal("AE", Reason(SEND_AGAIN, "", words)) from None
        except Refused as refused:
            raise Refusal("AE", *map(_in_places, refused.faults)) from None
        return Answer("AA", notes)

    def _publish(self, message: Message) -> tuple[Reason, ...]:
        """Publishes every event that the message brings about, and returns what to tell its sender."""
        told = read_told(message, self.dialect, self.secrets, self.gazetteer, self.journal.knows)
        touched = []
        if told.at is not None and told.merged:
            touched = self.journal.add_merge(told.merged, told.patients, told.at, told.person)
        for said in told.said:
            self.journal.add(said, told.patients)
        for encounter in dict.fromkeys((*(said.encounter_id for said in told.said), *touched)):
            self._publish_one(encounter, test=_is_test(message))
        if told.merged and not touched:
            words = "no encounter of the merged patient is known yet; nothing was published"
            return (*told.notes, Reason(NOT_IN_TABLE, "MRG-1", words, "I"))
        return told.notes

    def _publish_one(self, encounter: str, *, test: bool) -> None:
        all_said = self.journal.said_of(encounter)
        state = {"residence_area": {"missing": "unknown"}} | state_after(all_said)
        if "arrived_at" not in state:
            words = "no message of the visit said yet when it began"
            raise Refusal("AE", Reason(FIELD_MISSING, "PV1-44", words))
        version = version_of(datetime.fromisoformat(state["reported_at"]), self.journal.version(encounter))
        value = checked(state, self.partner, self.gazetteer, version, self.clock())
        self.deliver(encounter, tested(value, self.partner, version) if test else value)
        self.journal.published(encounter, version)


def _name(message: Message) -> str:
    """What tells a message from all others; raises Refusal where nothing does."""
    heading = message.heading
    if not heading.control_id:
        raise Refusal("AR", Reason(FIELD_MISSING, "MSH-10", "the control id is missing"))
    # Some senders begin to count anew every day: the time of sending tells their messages apart.
    sent = message.segments[0].text(7)
    return "\x1f".join((heading.sender, heading.facility, heading.control_id, sent))


def _is_test(message: Message) -> bool:
    """HL7 table 0103: T is training, D debugging."""
    return message.heading.processing_id[:1] in TEST_IDS


def _in_places(fault: Fault) -> Reason:
    field_name = fault.field.split(".")[0]
    return Reason(DATA_TYPE, _PLACES.get(field_name, ""), f"{fault.field}: {fault.rule}. {fault.fix}")
