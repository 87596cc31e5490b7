"""A refused message is known by its record's id, where that is one that an accepted message could have."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import admission, as_bytes, incident
from surveillance.events.named import NOBODY, Named, named_by


def test_a_record_is_named_whatever_else_is_wrong() -> None:
    assert named_by(as_bytes(incident(record_id="inc-7", version=3, age=-1, nonsense="x")), "incident") == (
        "inc-7",
        3,
    )
    assert named_by(as_bytes(admission(encounter_id="enc-7", sex="m")), "admission").record_id == "enc-7"


def test_an_event_in_an_envelope_is_named_too() -> None:
    enveloped = {"specversion": "1.0", "data": {"record_id": "inc-7", "version": 2}}
    assert named_by(as_bytes(enveloped), "incident") == Named("inc-7", 2)


@pytest.mark.parametrize(
    "record_id", ["9434765919", "NHS-943-476-5919", "a b", "", None, 7, ["x"], "x" * 65, "<b>", "Zoë"]
)
def test_what_no_record_may_be_called_is_not_kept(record_id: object) -> None:
    assert named_by(as_bytes({"record_id": record_id, "version": 1}), "incident") == NOBODY


@pytest.mark.parametrize("version", [0, -1, True, "1", 1.5, 2**31, None, [1]])
def test_a_version_that_is_none_is_left_out(version: object) -> None:
    assert named_by(as_bytes({"record_id": "inc-7", "version": version}), "incident") == Named("inc-7")


@given(st.binary(max_size=200) | st.none())
def test_bytes_of_any_kind_name_a_record_or_nobody(value: bytes | None) -> None:
    assert isinstance(named_by(value, "incident"), Named)
