"""A raw NHS number or free text, wherever it stands in an event, is refused, and no trace of it is kept."""

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest

from factories import ORGANISATION, RECEIVED_AT, admission, incident
from surveillance.events import identifiers
from surveillance.events.dead_letter import dead_letter
from surveillance.events.decode import decode
from surveillance.events.identifiers import may_hold_identifier
from surveillance.events.message import Message
from surveillance.events.refusal import RefusalCode, Refused
from surveillance.events.topics import KINDS, Kind, Source, topic_name
from surveillance.submitting.rows import Row, event_of

# Of the range that is kept for tests; every one has a valid check digit.
NUMBERS = ("9990000018", "9990000026", "9990000034", "9990000042", "9990000050")
KEY = "ab" * 31 + "0c"
TIE = {"record": "inc-2", "type": "friend", "confidence": "probable", "source": "police"}
WHOLE: dict[Kind, dict[str, Any]] = {
    "incident": incident(links=[TIE]),
    "admission": admission(person_keys=[{"scheme": "nhs-number", "key_id": "2026", "value": KEY}]),
}
SENTENCES = ("{} {} was found", "see letter of {} {}", "{}, {}", "{}\n{}")


def places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every way to a value in an event."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    if way:
        yield way
    for name, below in inner:
        yield from places(below, (*way, name))


PLACES = [(kind, way) for kind in KINDS for way in places(WHOLE[kind])]


def changed(kind: Kind, way: tuple[Any, ...], new: Any) -> dict[str, Any]:
    event: Any = json.loads(json.dumps(WHOLE[kind]))
    place = event
    for name in way[:-1]:
        place = place[name]
    place[way[-1]] = new
    return dict(event)


def written(number: str, style: int) -> Any:
    first, second, third = number[:3], number[3:6], number[6:]
    return (
        number,
        f"{first} {second} {third}",
        f"{first}-{second}-{third}",
        f"{first}.{second}.{third}",
        f"{first}_{second}_{third}",
        f"rec-{number}",
        f"x{number}y",
        f"the number is {first} {second} {third}, see the letter",
        int(number),
        float(number),
        [number],
        {number: "x"},
        {"number": number},
    )[style]


STYLES = st.integers(0, 12)


def refused(kind: Kind, event: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as caught:
        decode(json.dumps(event).encode(), Source(kind, "north"), ORGANISATION, RECEIVED_AT)
    return caught.value


def traces(kind: Kind, event: dict[str, Any], refusal: Refused) -> str:
    """Everything that is kept or told of a refused event: dead letter, faults, metrics."""
    topic, value = topic_name(kind, "north"), json.dumps(event).encode()
    letter = dead_letter(Message(topic, 0, 0, RECEIVED_AT, value), Source(kind, "north"), refusal, b"k" * 32)
    with pytest.raises(Refused) as again:
        event_of(Row(1, event), Source(kind, "north"), ORGANISATION, RECEIVED_AT)
    kept = f"{letter} {again.value.faults} {again.value} {refusal} {generate_latest().decode()}"
    return kept.replace(letter.payload_hmac, "")


def digits_of(text: str) -> str:
    return re.sub(r"[\W_]", "", text)


@settings(deadline=None)  # a loaded machine is no defect
@given(st.sampled_from(PLACES), st.sampled_from(NUMBERS), STYLES)
def test_a_number_anywhere_is_refused_as_an_identifier_and_leaves_no_trace(
    place: tuple[Kind, tuple[Any, ...]], number: str, style: int
) -> None:
    kind, way = place
    event = changed(kind, way, written(number, style))
    refusal = refused(kind, event)
    assert RefusalCode.IDENTIFIER in {fault.code for fault in refusal.faults}
    assert number not in digits_of(traces(kind, event, refusal))


@settings(deadline=None)  # a loaded machine is no defect
@given(st.sampled_from(PLACES), st.sampled_from(SENTENCES))
def test_free_text_anywhere_is_refused_and_leaves_no_trace(
    place: tuple[Kind, tuple[Any, ...]], sentence: str
) -> None:
    kind, way = place
    event = changed(kind, way, sentence.format("TESTGIVEN", "TESTFAMILY"))
    refusal = refused(kind, event)
    assert "TESTGIVEN" not in traces(kind, event, refusal)


@pytest.mark.parametrize("kind", KINDS)
@settings(deadline=None)  # a loaded machine is no defect
@given(number=st.sampled_from(NUMBERS))
def test_a_field_of_the_senders_own_is_refused_without_its_name_or_value(kind: Kind, number: str) -> None:
    event = WHOLE[kind] | {f"TESTGIVEN {number}": "TESTFAMILY", "notes": "TESTGIVEN"}
    refusal = refused(kind, event)
    kept = traces(kind, event, refusal)
    assert number not in digits_of(kept)
    assert not any(word in kept for word in ("TESTGIVEN", "TESTFAMILY"))


@settings(deadline=None)  # a loaded machine is no defect
@given(st.sampled_from(PLACES), st.sampled_from(NUMBERS), STYLES)
def test_refusing_says_nothing_in_the_log(
    place: tuple[Kind, tuple[Any, ...]], number: str, style: int
) -> None:
    spoken: list[str] = []
    handler = logging.Handler(level=logging.DEBUG)
    handler.emit = lambda record: spoken.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger().addHandler(handler)
    try:
        refused(place[0], changed(*place, written(number, style)))
    finally:
        logging.getLogger().removeHandler(handler)
    assert number not in digits_of(" ".join(spoken))


def test_a_pseudonym_is_no_number() -> None:
    for kind in KINDS:
        assert decode(json.dumps(WHOLE[kind]).encode(), Source(kind, "north"), ORGANISATION, RECEIVED_AT)


@given(st.text(alphabet="0123456789 -_.abXY\n\té\\", max_size=40))
@settings(max_examples=500)
def test_the_quick_look_at_a_text_overlooks_nothing_that_the_slow_one_finds(text: str) -> None:
    plain = "\\" not in text and text.isascii()
    found = identifiers._CANDIDATE.search(text) is not None
    assert may_hold_identifier(text) == (found or not plain)
