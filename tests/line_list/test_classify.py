from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from surveillance.line_list.classify import Reason, classify, day_at, first_known, person_keys
from surveillance.line_list.content import holds, values_at
from surveillance.line_list.links import add_links, tokens_of
from surveillance.line_list.record import Case, Exclusion, RecordKey, RecordVersion
from surveillance.use_case.model import Condition, Place, UseCase

KEY = RecordKey("police", "incident", "r1")
OTHER = RecordKey("coroner", "incident", "r2")
LONDON = ZoneInfo("Europe/London")
RESIDENCE = Place(name="residence", field="residence_area")
CONTENT: dict[str, Any] = {
    "record_id": "r1",
    "action": "reported",
    "status": "suspected",
    "category": "fall",
    "occurred_from": "2024-06-01T23:30:00Z",
    "residence_area": {"code": "E01000001"},
    "incident_area": {"missing": "unknown"},
    "age": 34,
    "sex": "male",
    "person_keys": [{"scheme": "s", "key_id": "k", "value": "ab"}],
    "settings": [{"type": "school", "identifier": "7"}, {"type": "workplace", "identifier": "unknown"}],
    "links": [
        {"record": "r9", "confidence": "confirmed"},
        {"record": "coroner/incident/r2", "confidence": "confirmed"},
        {"record": "r8", "confidence": "possible"},
    ],
    "location_of_concern": "loc-1",
}


def use_case(**changes: Any) -> UseCase:
    return UseCase.model_validate(
        {
            "id": "invented",
            "title": "Invented",
            "records": "incident",
            "cases": {"category": {"one_of": ["fall"]}, "status": {"one_of": ["suspected"]}},
            "places": [{"name": "residence", "field": "residence_area"}],
            "case_day": "occurred_from",
            "scopes": ["somewhere"],
            "detectors": [{"name": "links"}],
            "bands": [{"name": "high", "any_of": [{"detector": "links", "observed": 3}]}],
            "wording": {"one": "fall", "many": "falls"},
            **changes,
        }
    )


def record(key: RecordKey = KEY, **changes: Any) -> RecordVersion:
    return RecordVersion(key, 2, "hash", datetime(2024, 6, 3, tzinfo=UTC), {**CONTENT, **changes})


def classified(version: RecordVersion, survivor: RecordKey | None = None, **changes: Any) -> Case | Exclusion:
    return classify(version, use_case(**changes), RESIDENCE, LONDON, survivor or version.key)


def test_a_record_that_meets_the_definition_is_a_case_on_the_day_of_its_scope():
    case = classified(record())
    assert case == Case(
        key=KEY,
        version=2,
        use_case="invented",
        place="residence",
        area="E01000001",
        day=date(2024, 6, 2),  # half past eleven in UTC is the next day in British summer
        received_at=datetime(2024, 6, 3, tzinfo=UTC),
        person_keys=("s:k:ab",),
        age=34,
        sex="male",
        tokens=(
            "link:coroner/incident/r2",
            "link:police/incident/r1",
            "link:police/incident/r9",
            "location_of_concern:loc-1",
            "school:7",
        ),
    )


@pytest.mark.parametrize(
    ("changes", "reason", "field"),
    [
        ({"action": "withdrawn"}, Reason.WITHDRAWN, "action"),
        ({"action": "cancelled"}, Reason.WITHDRAWN, "action"),
        ({"status": "withdrawn"}, Reason.WITHDRAWN, "status"),
        ({"status": "other_cause"}, Reason.NOT_A_CASE, "status"),
        ({"residence_area": {"missing": "no_fixed_abode"}}, Reason.NO_AREA, "residence_area"),
        ({"residence_area": None}, Reason.NO_AREA, "residence_area"),
        ({"residence_area": {"missing": "elsewhere"}}, Reason.ELSEWHERE, "residence_area"),
        ({"occurred_from": None}, Reason.NO_DAY, "occurred_from"),
    ],
)
def test_a_record_that_does_not_count_says_why_and_names_only_the_field(changes, reason, field):
    assert classified(record(**changes)) == Exclusion(KEY, 2, "invented", "residence", reason, field)


def test_a_record_that_survives_as_another_one_is_merged():
    merged = record(action="merged", merged_into="r2")
    assert getattr(classified(merged, survivor=OTHER), "reason", None) == Reason.MERGED
    assert isinstance(classified(merged), Case)  # the target is not known yet: the record itself counts


def test_a_record_of_another_kind_does_not_count():
    admission = record(key=RecordKey("trust", "admission", "e1"))
    assert getattr(classified(admission), "reason", None) == Reason.OTHER_KIND


def test_a_condition_on_a_list_holds_where_any_item_meets_it():
    content = {"diagnoses": [{"code": "S72.0"}, {"code": "X60.1"}]}
    assert values_at(content, "diagnoses.code") == ("S72.0", "X60.1")
    assert holds(Condition(between=("X60", "X84")), values_at(content, "diagnoses.code"))


@pytest.mark.parametrize(
    ("condition", "value", "expected"),
    [
        (Condition(one_of=("a", "b")), "b", True),
        (Condition(one_of=("a", "b")), "c", False),
        (Condition(one_of=(1,)), True, False),
        (Condition(one_of=(True,)), True, True),
        (Condition(starts_with=("2", "3")), "21", True),
        (Condition(starts_with=("2", "3")), "12", False),
        (Condition(between=("X60", "X84")), "X84.9", True),
        (Condition(between=("X60", "X84")), "X85", False),
        (Condition(between=("X60", "X84")), "X59.9", False),
        (Condition(at_least=65), 65, True),
        (Condition(at_least=65), 64, False),
        (Condition(at_least=1), True, False),
        (Condition(at_least=65), "70", False),
        (Condition(at_most=17), 17, True),
        (Condition(at_most=17), 18, False),
        (Condition(known=True), "yes", True),
        (Condition(known=True), "unknown", False),
        (Condition(known=True), {"missing": "unknown"}, False),
        (Condition(known=True), {"code": "E01000001"}, True),
        (Condition(known=False), "unknown", True),
        (Condition(known=False), "yes", False),
    ],
)
def test_conditions_mean_what_the_file_says(condition, value, expected):
    assert holds(condition, values_at({"field": value}, "field")) is expected


def test_a_field_that_is_absent_or_null_meets_no_condition_but_not_known():
    for content in ({}, {"field": None}, {"field": []}):
        values = values_at(content, "field")
        assert not holds(Condition(one_of=("a",)), values)
        assert not holds(Condition(known=True), values)
        assert holds(Condition(known=False), values)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-03-01", date(2024, 3, 1)),
        ("2024-02-29T23:59:59+00:00", date(2024, 2, 29)),
        ("2024-03-01T04:30:00+00:00", date(2024, 2, 29)),
        ("2024-03-01T00:00:00", date(2024, 3, 1)),
        ("not a day", None),
        ("2024-02-30T00:00:00Z", None),
        ("0001-01-01T00:00:00Z", None),
        (None, None),
    ],
)
def test_a_time_becomes_a_day_in_the_zone_of_the_scope(text, day):
    assert day_at({"at": text}, "at", ZoneInfo("America/New_York")) == day


def test_both_kinds_of_event_give_person_keys_in_one_form():
    key = {"scheme": "s", "key_id": "k", "value": "ab"}
    assert person_keys({"person_key": key}) == person_keys({"person_keys": [key, key]}) == ("s:k:ab",)


def test_a_link_gives_both_records_one_token_whichever_of_them_states_it():
    tokens = set(tokens_of(record())) & set(
        tokens_of(record(key=OTHER, settings=[], location_of_concern=None))
    )
    assert "link:coroner/incident/r2" in tokens


def test_a_link_that_people_confirmed_joins_two_cases():
    first, second = classified(record(links=[])), classified(record(key=OTHER, links=[], settings=[]))
    assert isinstance(first, Case)
    assert isinstance(second, Case)
    linked = add_links([first, second], [(KEY, OTHER)])
    shared = set(linked[0].tokens) & set(linked[1].tokens)
    assert {"link:police/incident/r1", "link:coroner/incident/r2"} <= shared
    assert add_links([first], []) == (first,)


def test_a_care_home_links_admissions():
    admission = RecordVersion(KEY, 1, "h", datetime(2024, 6, 3, tzinfo=UTC), {"care_home_id": "home-3"})
    assert "care_home:home-3" in tokens_of(admission)


def test_a_case_is_received_when_its_record_first_counted_however_often_it_is_corrected():
    excluded = classified(record(status="other_cause"))
    first = classified(record())
    later = replace(first, version=3, received_at=datetime(2024, 7, 1, tzinfo=UTC))
    known = replace(later, received_at=first.received_at)
    assert first_known([excluded, first, later]) == [excluded, first, known]
    assert first_known([excluded]) == [excluded]
