"""What is kept of a refused message: where it is, which record it names, why it was refused, a keyed hash.

Never its payload.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime

from surveillance.events.message import Message
from surveillance.events.named import named_by
from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.events.topics import Kind, Source


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One refused message, unique by topic, partition and offset.

    A replay reads the partner's topic again: the payload stands there and nowhere else. `payload_hmac`
    is an HMAC-SHA256 in hexadecimal digits: it tells whether two payloads were the same, and cannot be
    guessed back without the key. `record_id`, `version`: what the message names, as accepted ones do.
    """

    topic: str
    partition: int
    offset: int
    partner: str
    kind: Kind
    received_at: datetime
    code: RefusalCode
    faults: tuple[Fault, ...]
    payload_hmac: str
    record_id: str | None = None
    version: int | None = None


def dead_letter(message: Message, source: Source, refused: Refused, key: bytes) -> DeadLetter:
    """The dead letter of a message; the first fault's code is the one that is counted."""
    named = named_by(message.value, source.kind)
    return DeadLetter(
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        partner=source.partner,
        kind=source.kind,
        received_at=message.received_at,
        code=refused.faults[0].code,
        faults=refused.faults,
        payload_hmac=hmac.new(key, message.value or b"", hashlib.sha256).hexdigest(),
        record_id=named.record_id,
        version=named.version,
    )
