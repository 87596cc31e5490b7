"""From a message to a record's version, or to the dead letter that says why not."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from surveillance.configuration import Configuration
from surveillance.events.canonical import canonical_hash
from surveillance.events.dead_letter import DeadLetter, dead_letter
from surveillance.events.decode import decode_message
from surveillance.events.message import Message
from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.events.topics import source_of
from surveillance.events.trial import Trial, trial
from surveillance.line_list.forgetting import named_records, without_records
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.store import erasures, partners
from surveillance.store.database import Transaction
from surveillance.store.ledger import LogPlace

Read = RecordVersion | Trial | DeadLetter
"""What a message becomes."""
Readings = Mapping[Message, Read]
"""What each message of a batch became."""

UNSTORABLE = Fault(
    RefusalCode.UNSTORABLE,
    "",
    "The record cannot be stored",
    "Nothing is wrong that you could see; the service's operator replays it after a repair",
)


ERASED = Fault(
    RefusalCode.ERASED,
    "",
    "The record was erased from the service for good",
    "Do not send it again; delete it from the topic with a tombstone of its key",
)


@dataclass(frozen=True)
class Intake:
    """The circumstances in which a batch is taken in.

    place: the log that a topic and partition is now. repaired: the ledger lacked these messages.
    unstorable: the database refused them before, so they become dead letters. evaluates: whether the cases
    that they touch are evaluated, unless the messages are history. answers: whether partners that want
    receipts are owed them.
    """

    place: Callable[[str, int], LogPlace]
    dead_letter_key: bytes
    now: datetime
    prefix: str = ""
    repaired: bool = False
    unstorable: bool = False
    evaluates: bool = True
    answers: bool = True


def read_message(message: Message, configuration: Configuration, intake: Intake) -> Read:
    """A message as a record's version, as the answer to a test, or as the dead letter that says why not."""
    source = source_of(message.topic, intake.prefix)
    test = False
    try:
        if intake.unstorable:
            raise Refused((UNSTORABLE,))
        organisation = configuration.partners[source.partner].organisation
        decoded = decode_message(message.value, source, organisation, message.received_at)
        event, test = decoded.event, decoded.test
        content = configuration.gazetteer.resolve(event.model_dump(mode="json"))
    except Refused as refused:
        if test or refused.test:
            return trial(message, source, None, refused.faults)
        return dead_letter(message, source, refused, intake.dead_letter_key)
    if test:
        return trial(message, source, event.key_id)
    return RecordVersion(
        key=RecordKey(source.partner, source.kind, event.key_id),
        version=event.version,
        content_hash=canonical_hash(content),
        # History is received when it was reported: so a look back knows it from then on.
        received_at=event.reported_at if source.backfill else message.received_at,
        content=content,
    )


def refuse_erased(tx: Transaction, read: Mapping[Message, Read], intake: Intake) -> dict[Message, Read]:
    """What was read, with a dead letter in place of every version of an erased record, and without what
    other records say of one."""
    versions = [version for version in read.values() if isinstance(version, RecordVersion)]
    named = {record for v in versions for record in named_records(v.key, v.content)}
    own = {key for one in read.values() if (key := key_of(one)) is not None}
    erased = erasures.erased_among(tx, intake.dead_letter_key, own | named)
    return {m: _forget(m, one, erased, intake) for m, one in read.items()} if erased else dict(read)


def key_of(read: Read) -> RecordKey | None:
    """The record that a message is about, where it names one."""
    if isinstance(read, RecordVersion):
        return read.key
    return None if read.record_id is None else RecordKey(read.partner, read.kind, read.record_id)


def _forget(message: Message, read: Read, erased: set[RecordKey], intake: Intake) -> Read:
    key = key_of(read)
    if key in erased:
        source = source_of(message.topic, intake.prefix)
        if isinstance(read, Trial):
            return trial(message, source, None, (ERASED,))
        letter = dead_letter(message, source, Refused((ERASED,)), intake.dead_letter_key)
        # Nothing that was made of the payload is kept.
        return replace(letter, payload_hmac="", record_id=None, version=None)
    if isinstance(read, RecordVersion):
        return replace(read, content=without_records(read.key, read.content, erased))
    return read


def seen_of(new: Iterable[Message], letters: Iterable[DeadLetter], intake: Intake) -> Iterator[partners.Seen]:
    """Per partner and kind: how many new messages, how many of these refused, and the newest."""
    refused = {(letter.topic, letter.partition, letter.offset) for letter in letters}
    by_source: dict[tuple[str, str], list[Message]] = {}
    for message in new:
        source = source_of(message.topic, intake.prefix)
        by_source.setdefault((source.partner, source.kind), []).append(message)
    for (partner, kind), messages in by_source.items():
        bad = sum((m.topic, m.partition, m.offset) in refused for m in messages)
        yield partners.Seen(partner, kind, max(m.received_at for m in messages), len(messages), bad)
