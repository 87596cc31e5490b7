"""Partners who share a secret make the same key of the same person; nobody else can."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import ORGANISATION, RECEIVED_AT, as_bytes, incident
from surveillance.events.decode import decode
from surveillance.events.pseudonym import NoKey, Secret, person_key
from surveillance.events.topics import Source

SECRET = Secret("2026", b"0123456789abcdef" * 4)
VALID = "9434765919"  # the example of the NHS Data Dictionary's check


def key(scheme: str, *parts: str, secret: Secret = SECRET) -> dict[str, str] | None:
    return person_key(scheme, parts, secret)


def test_a_key_is_what_openssl_makes_of_the_same_text() -> None:
    # printf 'nhs-number:9434765919' | openssl dgst -sha256 -hmac "$(printf '0123456789abcdef%.0s' 1 2 3 4)"
    assert key("nhs-number", VALID) == {
        "scheme": "nhs-number",
        "key_id": "2026",
        "value": "8c0571485f75326c53b2e9839c5c8d70d60f5d563eaeb8457a8fb7ec51753ff8",
    }


@pytest.mark.parametrize("written", ["943 476 5919", "943-476-5919", f" {VALID} "])
def test_a_number_is_the_same_however_it_is_written(written: str) -> None:
    assert key("nhs-number", written) == key("nhs-number", VALID)


@pytest.mark.parametrize("wrong", ["9434765918", "123", "94347659190", "943476591x", "٩٤٣٤٧٦٥٩١٩"])
def test_a_number_that_is_none_is_refused_and_not_repeated(wrong: str) -> None:
    with pytest.raises(NoKey) as refused:
        key("nhs-number", wrong)
    assert wrong not in str(refused.value)


@pytest.mark.parametrize(
    "same", [("Zoë", "O'Neill-Ash", "1970-01-31"), ("ZOE M", "oneill ash", " 1970-01-31")]
)
def test_a_name_is_the_same_with_or_without_accents_and_marks(same: tuple[str, str, str]) -> None:
    assert key("initial-surname-birth", *same) == key("initial-surname-birth", "z", "oneillash", "1970-01-31")


def test_another_person_or_another_secret_is_another_key() -> None:
    keys = [
        key("initial-surname-birth", "a", "ash", "1970-01-31"),
        key("initial-surname-birth", "b", "ash", "1970-01-31"),
        key("initial-surname-birth", "a", "ash", "1970-01-30"),
        key("initial-surname-birth", "a", "ash", "1970-01-31", secret=Secret("2026", b"x" * 32)),
    ]
    assert len({one["value"] for one in keys if one}) == 4


@pytest.mark.parametrize(
    "parts", [("", "ash", "1970-01-31"), ("a", "", "1970-01-31"), ("a", "ash", "31/01/1970")]
)
def test_half_a_person_is_refused(parts: tuple[str, str, str]) -> None:
    with pytest.raises(NoKey):
        key("initial-surname-birth", *parts)


def test_nobody_known_has_no_key() -> None:
    assert key("nhs-number", "  ") is None
    assert key("initial-surname-birth", "", "", "") is None


def test_a_secret_that_could_be_tried_out_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 32"):
        Secret("2026", b"short")


@given(st.text(), st.text(), st.dates())
def test_whatever_the_name_the_service_takes_the_key_or_none_is_made(
    given_name: str, surname: str, born: object
) -> None:
    try:
        made = key("initial-surname-birth", given_name, surname, str(born))
    except NoKey:
        return
    if made is None:
        return
    assert re.fullmatch("[0-9a-f]{64}", made["value"])
    decode(
        as_bytes(incident(person_keys=[made])), Source("incident", "north-police"), ORGANISATION, RECEIVED_AT
    )
