"""A note names nobody: what may identify a person is shown back, or refused."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.alerting.identifying import Identifying, find_identifying, refuse_identifying

TODAY = date(2026, 5, 1)

REFUSED = {
    "seen with 943 476 5919 twice": "943 476 5919",
    "number 9434765919.": "9434765919",
    "lives in ch1 2ab now": "ch1 2ab",
    "SW1A1AA": "SW1A1AA",
    "write to someone@example.org": "someone@example.org",
    "ring 07700 900123": "07700 900123",
    "ring +44 (0)1632 960 001": "+44 (0)1632 960 001",
    "ring 01632-960001 please": "01632-960001",
}
WARNED = {
    "dob 3/5/2009": "dob 3/5/2009",
    "born on 3 May 2009 in the area": "born on 3 May 2009",
    "on 12 March 1998 already": "12 March 1998",
    "at 12 High Street": "12 High Street",
    "at 7a long meadow road": "7a long meadow road",
    "in Flat 3": "Flat 3",
    "spoke to Mr Example": "Mr Example",
    "number 943 476 5918": "943 476 5918",
}
HARMLESS = (
    "",
    "Two of the three went to one college; the group met on 12/03/2026.",
    "Samaritans 116 123, NHS 111 option 2",
    "E01018326 and alert 5d7c8f0a-3c0e-5b43-9d0a-2b7a4f6c1e90, revision 12",
    "alpha/incident/r-1@2 is the same as north/incident/p1",
    "3 deaths in 14 days where 0.4 were expected, p = 0.0125",
)


@pytest.mark.parametrize(("text", "fragment"), REFUSED.items())
def test_what_names_a_person_is_refused_whatever_is_confirmed(text: str, fragment: str) -> None:
    with pytest.raises(Identifying) as caught:
        refuse_identifying(text, TODAY, confirmed={fragment})
    assert caught.value.refused
    assert fragment in {f.text for f in caught.value.fragments}
    assert fragment not in str(caught.value), "its words may be logged"


@pytest.mark.parametrize(("text", "fragment"), WARNED.items())
def test_what_may_name_a_person_is_kept_only_when_that_fragment_was_confirmed(
    text: str, fragment: str
) -> None:
    with pytest.raises(Identifying) as caught:
        refuse_identifying(text, TODAY, confirmed={"another fragment"})
    assert not caught.value.refused
    assert [f.text for f in caught.value.fragments] == [fragment]
    refuse_identifying(text, TODAY, confirmed={fragment})


@pytest.mark.parametrize("text", HARMLESS)
def test_what_a_response_is_about_may_be_said(text: str) -> None:
    assert find_identifying(text, TODAY) == ()


def _nhs_number(nine: int) -> str | None:
    digits = f"{nine:09d}"
    check = (11 - sum(int(d) * w for d, w in zip(digits, range(10, 1, -1), strict=True)) % 11) % 11
    return None if check == 10 else f"{digits}{check}"


@given(
    st.integers(0, 999_999_999).map(_nhs_number).filter(bool),
    st.sampled_from(["", " ", "-", "\u2013", "\u00a0", "\u200b", "."]),
    st.sampled_from(["", "number ", "(", "\n"]),
)
def test_no_way_of_writing_an_nhs_number_passes(number: str, gap: str, before: str) -> None:
    text = f"{before}{gap.join((number[:3], number[3:6], number[6:]))}"
    assert any(fragment.refused for fragment in find_identifying(text, TODAY))


@given(st.text(max_size=300))
def test_any_text_is_read_and_a_confirmed_one_passes_unless_it_is_refused(text: str) -> None:
    found = find_identifying(text, TODAY)
    if not any(fragment.refused for fragment in found):
        refuse_identifying(text, TODAY, {fragment.text for fragment in found})
