"""How late and how complete a record is: of all its versions, in whatever order they came."""

from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from surveillance.events.decode import event_model
from surveillance.events.topics import KINDS, Kind
from surveillance.line_list.quality import FIELDS, LONGEST_HOURS, names_of, quality_of
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.line_list.versions import revise

T0 = datetime(2024, 3, 31, 22, 30, tzinfo=UTC)


def version(number: int, hours: float, kind: Kind = "incident", **content: Any) -> RecordVersion:
    began = "occurred_from" if kind == "incident" else "arrived_at"
    return RecordVersion(
        RecordKey("alpha", kind, "r1"),
        number,
        f"hash-{number}",
        T0 + timedelta(hours=hours),
        {began: T0.isoformat(), **content},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_that_a_record_may_lack_is_measured(kind: Kind) -> None:
    model = event_model(kind)
    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    assert set(FIELDS[kind]) - {"residence_area"} == optional - {"merged_into", "residence_area"}
    assert len(FIELDS[kind]) == len(set(FIELDS[kind])) < 63


def test_lateness_is_that_of_the_first_receipt_and_fields_are_those_of_the_newest_version() -> None:
    versions = [version(1, 3, age=40), version(2, 50, sex="male", settings=[{"type": "school"}])]
    for order in permutations(versions):
        known: tuple[RecordVersion, ...] = ()
        for one in order:
            known = revise(known, one).versions
        found = quality_of(known)
        assert (found.month, found.delay_hours) == (date(2024, 4, 1), 3)
        assert list(names_of("incident", found.fields)) == ["sex", "settings"]


@pytest.mark.parametrize("value", [None, "unknown", [], (), {"code": None, "missing": "unknown"}])
def test_what_says_nothing_is_not_there(value: object) -> None:
    assert not quality_of([version(1, 1, residence_area=value)]).fields


def test_a_field_that_says_something_is_there() -> None:
    content = {"age": 0, "residence_area": {"code": "n1", "missing": None}, "person_keys": [{"value": "a"}]}
    assert set(names_of("incident", quality_of([version(1, 1, **content)]).fields)) == set(content)


def test_a_date_that_is_far_off_is_no_delay_for_ever() -> None:
    assert quality_of([version(1, 24 * 366 * 500)]).delay_hours == LONGEST_HOURS
    assert quality_of([version(1, -5)]).delay_hours == 0
