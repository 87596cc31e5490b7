import hashlib
import hmac
from dataclasses import asdict, fields

import pytest

from factories import ORGANISATION, RECEIVED_AT, as_bytes, incident
from surveillance.events.dead_letter import DeadLetter, dead_letter
from surveillance.events.decode import decode
from surveillance.events.message import Message
from surveillance.events.refusal import Refused
from surveillance.events.topics import Source

SOURCE = Source("incident", "north-police")


def refuse(value, key=b"key"):
    message = Message("incidents.v1.north-police", 2, 41, RECEIVED_AT, value)
    with pytest.raises(Refused) as refused:
        decode(value, SOURCE, ORGANISATION, RECEIVED_AT)
    return dead_letter(message, SOURCE, refused.value, key)


def test_a_dead_letter_says_where_and_why():
    letter = refuse(as_bytes(incident(age=-1, sex="m")))
    assert (letter.topic, letter.partition, letter.offset) == ("incidents.v1.north-police", 2, 41)
    assert (letter.partner, letter.kind, letter.received_at) == ("north-police", "incident", RECEIVED_AT)
    assert letter.code == "invalid_value"
    assert [fault.field for fault in letter.faults] == ["age", "sex"]


def test_a_dead_letter_keeps_a_keyed_hash_and_no_payload():
    value = as_bytes(incident(category="Zyxwvut zyx", Zyxwvut=1))
    letter = refuse(value)
    assert letter.payload_hmac == hmac.new(b"key", value, hashlib.sha256).hexdigest()
    assert "zyxwvut" not in repr(asdict(letter)).lower()
    assert refuse(value, b"other key").payload_hmac != letter.payload_hmac
    assert "payload" not in {field.name for field in fields(DeadLetter)}


def test_an_empty_message_has_a_dead_letter_too():
    assert refuse(None).code == "empty"
