"""Whatever the bytes: an event or a refusal, and no word of the sender in it."""

import json
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from factories import ORGANISATION, RECEIVED_AT, admission, as_bytes, incident
from surveillance.events.canonical import canonical_hash
from surveillance.events.decode import decode
from surveillance.events.identifiers import is_nhs_number
from surveillance.events.json_text import MAX_BYTES
from surveillance.events.refusal import Refused
from surveillance.events.topics import Source

SOURCES = {"incident": Source("incident", "north-police"), "admission": Source("admission", "royal")}
MARKER = "Zyxwvut"
ENVELOPE = {
    "specversion": "1.0",
    "id": "m-1",
    "source": "/north-police",
    "type": "incident.v1",
    "time": "2024-03-03T09:31:00Z",
    "subject": "inc-0001",
    "datacontenttype": "application/json",
}


def read(value, kind="incident"):
    return decode(value, SOURCES[kind], ORGANISATION, RECEIVED_AT)


def codes(value, kind="incident"):
    with pytest.raises(Refused) as refused:
        read(value, kind)
    return {(fault.field, fault.code.value) for fault in refused.value.faults}


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "empty"),
        (b"", "empty"),
        (b" " * (MAX_BYTES + 1), "too_large"),
        (b'{"record_id": "\xff"}', "not_utf8"),
        (b"\xef\xbb\xbf{}", "not_utf8"),
        ("{}".encode("utf-16"), "not_utf8"),
        (b" ", "not_json"),
        (b"{", "not_json"),
        (b"[]", "not_json"),
        (b"7", "not_json"),
        (b"{} {}", "not_json"),
        (b'{"age": NaN}', "not_json"),
        (b'{"age": -Infinity}', "not_json"),
        (b'{"age": 1, "age": 2}', "not_json"),
        (b'{"settings": [{"type": 1, "type": 2}]}', "not_json"),
        (b'{"age": ' + b"9" * 5000 + b"}", "not_json"),
        (b'{"record_id": "\\ud800"}', "not_json"),
        (b'{"\\ud800": 1}', "not_json"),
        (b'{"a": ' * 17 + b"1" + b"}" * 17, "too_deep"),
        (b"[" * 900_000, "too_deep"),
        (b'{"a":' * 150_000, "too_deep"),
    ],
)
def test_bytes_that_are_no_message_are_refused_as_a_whole(value, code):
    assert codes(value) == {("message", code)}


def test_brackets_inside_text_are_not_depth():
    assert ("message", "too_deep") not in codes(as_bytes(incident(category="[" * 40 + '"\\{')))


@pytest.mark.parametrize(
    "value",
    [
        b'{"a": "' + b'\\"' * 500_000,
        b'{"a": "' + b'"{' * 500_000,
        b"{" + b",".join(b'"%d":0' % number for number in range(60_000)) + b"}",
        b'{"settings": [' + b",".join([b"0"] * 400_000) + b"]}",
        b'{"record_id": "' + b"1" * 1_000_000 + b'"}',
        b'{"record_id": "' + b"123-456-" * 120_000 + b'"}',
    ],
)
def test_the_largest_messages_are_refused_in_bounded_time_with_few_faults(value):
    started = time.perf_counter()
    assert len(codes(value)) < 40
    assert time.perf_counter() - started < 5


def test_an_event_reads_the_same_plain_and_in_an_envelope():
    assert read(as_bytes(ENVELOPE | {"data": incident()})) == read(as_bytes(incident()))
    assert read(as_bytes(ENVELOPE | {"data": admission()}), "admission") == read(
        as_bytes(admission()), "admission"
    )


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"specversion": "0.3"}, "specversion", "envelope"),
        ({"id": ""}, "id", "envelope"),
        ({"source": "two words"}, "source", "envelope"),
        ({"type": None}, "type", "envelope"),
        ({"time": "yesterday"}, "time", "envelope"),
        ({"subject": "two words"}, "subject", "envelope"),
        ({"datacontenttype": "text/xml"}, "datacontenttype", "envelope"),
        ({"data": [1]}, "data", "envelope"),
        ({"data_base64": "e30="}, "message", "envelope"),
        ({"subject": "9434765919"}, "subject", "identifier"),
        ({"dataschema": "/9434765919"}, "dataschema", "identifier"),
        ({"data": incident(age=-1)}, "age", "invalid_value"),
        ({"data": incident(x=1)}, "message", "unknown_field"),
        ({"data": incident(record_id="9434765919")}, "record_id", "identifier"),
        ({"data": incident(occurred_from="2024-03-02T07:00:00Z")}, "occurred_to", "time_order"),
    ],
)
def test_a_broken_envelope_names_the_field_and_the_rule(changes, field, code):
    assert (field, code) in codes(as_bytes(ENVELOPE | {"data": incident()} | changes))


@pytest.mark.parametrize("missing", ["id", "source", "type", "data"])
def test_an_envelope_has_its_required_attributes(missing):
    envelope = {name: value for name, value in (ENVELOPE | {"data": incident()}).items() if name != missing}
    assert (missing, "envelope") in codes(as_bytes(envelope))


@pytest.mark.parametrize("kind", ["incident", "admission"])
def test_an_event_written_and_read_again_is_the_same(kind):
    event = read(as_bytes(incident() if kind == "incident" else admission()), kind)
    again = read(event.model_dump_json().encode(), kind)
    assert again == event
    assert canonical_hash(again.model_dump(mode="json")) == canonical_hash(event.model_dump(mode="json"))


def test_the_hash_of_a_content_does_not_depend_on_the_order_of_its_fields():
    content = read(as_bytes(incident())).model_dump(mode="json")
    assert canonical_hash(content) == canonical_hash(dict(reversed(content.items())))
    assert canonical_hash(content) != canonical_hash(content | {"version": 2})


@pytest.mark.parametrize(
    ("digits", "valid"), [("9434765919", True), ("9434765918", False), ("4010232137", True)]
)
def test_an_nhs_number_is_known_by_its_check_digit(digits, valid):
    assert is_nhs_number(digits) is valid


def test_a_number_whose_remainder_is_one_has_no_check_digit():
    assert not any(is_nhs_number(f"600000012{last}") for last in range(10))


def outcome(value, kind):
    """The faults of a value, none for an event; anything else that is raised fails the test."""
    try:
        read(value, kind)
    except Refused as refused:
        found = refused.faults
    else:
        return ()
    assert found
    return found


KINDS = st.sampled_from(["incident", "admission"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.binary(max_size=300), KINDS)
def test_any_bytes_are_an_event_or_a_refusal(value, kind):
    outcome(value, kind)


@given(JSON, KINDS)
def test_any_json_is_an_event_or_a_refusal(value, kind):
    outcome(json.dumps(value).encode(), kind)


@given(st.data(), KINDS, st.booleans())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_any_change_of_an_event_is_an_event_or_a_refusal(data, kind, enveloped):
    payload = incident() if kind == "incident" else admission()
    if enveloped:
        payload = ENVELOPE | {"data": payload}
    for _ in range(data.draw(st.integers(1, 3))):
        _change_somewhere(data, payload)
    text = json.dumps(payload)
    outcome(text.encode(), kind)
    cut = data.draw(st.integers(0, len(text)))
    outcome((text[:cut] + data.draw(st.text(max_size=3)) + text[cut:]).encode(), kind)


@given(st.data(), KINDS, st.booleans())
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_no_value_and_no_name_of_the_sender_is_in_a_fault(data, kind, enveloped):
    payload = incident() if kind == "incident" else admission()
    if enveloped:
        payload = ENVELOPE | {"data": payload}
    planted = data.draw(st.sampled_from([MARKER, [MARKER], {MARKER: MARKER}, f"{MARKER} 943 476 5919"]))
    _change_somewhere(data, payload, planted)
    if data.draw(st.booleans()):
        payload[MARKER] = MARKER
    for fault in outcome(as_bytes(payload), kind):
        assert MARKER not in repr(fault)
        assert "5919" not in repr(fault)


def _change_somewhere(data, payload, value=None):
    """Replace, remove or add one value at a random place of a payload."""
    place = payload
    while True:
        names = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not names:
            return
        name = data.draw(st.sampled_from(names))
        if not isinstance(place[name], dict | list) or data.draw(st.booleans()):
            break
        place = place[name]
    if value is None and data.draw(st.booleans()):
        del place[name]
    else:
        place[name] = data.draw(JSON) if value is None else value
