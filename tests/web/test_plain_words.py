"""What a page says of a fault is for people: no words of the wire, and each field by its name there."""

import pytest

from surveillance.events.refusal import Fault, RefusalCode
from surveillance.web.submitting.fields import by_field, form_groups
from surveillance.web.submitting.plainly import plainly

WIRE = ("offset from UTC", "null", "{", "occurred_", "reported_at", "residence_area", "clock", "contract")
TIME = (
    "Send when this version was reported as date, time and offset from UTC, such as 2024-03-01T14:30:00+00:00"
)


@pytest.mark.parametrize(
    ("rule", "fix"),
    [
        ("The value must be a time of the calendar", f"{TIME}, from the year 1900 on"),
        (
            "reported_at must not be before occurred_to",
            "Correct occurred_to or reported_at; check the offsets from UTC",
        ),
        (
            "A time must not lie more than 5 minutes after the message was received",
            "Correct occurred_to; check the sending clock and the offset from UTC",
        ),
        (
            "The value must be a whole number",
            "Send the age in whole years, a number from 0 to 120, or null where it is unknown",
        ),
        (
            "An incident has a place, or says why it has none",
            'Send residence_area, incident_area or point; where it is not known, the area {"missing": '
            '"unknown"}',
        ),
    ],
)
def test_no_word_of_the_wire_is_left(rule: str, fix: str) -> None:
    names = {"occurred_to": "Died on", "reported_at": "Told"}
    said = plainly(Fault(RefusalCode.INVALID_VALUE, "age", rule, fix), names)
    assert not [word for word in WIRE if word in said.rule + said.fix], said


def test_fields_are_named_as_the_page_names_them() -> None:
    fault = Fault(RefusalCode.TIME_ORDER, "reported_at", "reported_at must not be before occurred_to", "x")
    assert plainly(fault, {"reported_at": "Told", "occurred_to": "Died on"}).rule == (
        "“Told” must not be before “Died on”"
    )


def test_what_a_form_lacks_is_to_be_chosen_and_not_sent() -> None:
    faults = tuple(
        Fault(RefusalCode.MISSING_FIELD, field, "This field is required", f"{TIME}, one of: a, b")
        for field in ("status", "reported_at")
    )
    placed = by_field(faults, form_groups("incident"))
    assert [placed[field][0].fix for field in ("status", "reported_at")] == ["Choose one", "Give the day"]


def test_a_mistake_does_not_say_again_what_stands_above_its_question() -> None:
    groups = form_groups("incident")
    [age] = [field for group in groups for field in group.fields if field.path == "age"]
    fix = "Send the age in whole years, a number from 0 to 120, or null where it is unknown"
    placed = by_field(
        (Fault(RefusalCode.INVALID_VALUE, "age", "The value must be a whole number", fix),), groups
    )
    assert (placed["age"][0].rule, placed["age"][0].fix) == ("This must be a whole number", "")
    assert "leave it empty" in age.hint
