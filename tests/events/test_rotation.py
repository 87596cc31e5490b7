"""While a secret rotates a person has keys under both ids, and stays one person all the way through."""

from datetime import date
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from factories import ABSENT, ORGANISATION, RECEIVED_AT, admission, as_bytes
from surveillance.events.canonical import canonical_hash
from surveillance.events.decode import decode
from surveillance.events.pseudonym import Secret, person_key
from surveillance.events.topics import Source
from surveillance.line_list.classify import person_keys
from surveillance.line_list.duplicates import count_once, propose
from surveillance.line_list.record import Case, RecordKey
from surveillance.use_case.model import Count

OLD, NEW = Secret("2025", b"o" * 32), Secret("2026", b"n" * 32)
SOURCE = Source("admission", "royal")
PERSON, OTHER = "9990000018", "9990000026"
PERSONS = Count(unit="person")


def keys_of(number: str, *secrets: Secret) -> list[dict[str, str]]:
    return [key for secret in secrets if (key := person_key("nhs-number", [number], secret))]


def case(record: str, number: str, *secrets: Secret) -> Case:
    payload = admission(encounter_id=record, person_key=ABSENT, person_keys=keys_of(number, *secrets))
    event = decode(as_bytes(payload), SOURCE, ORGANISATION, RECEIVED_AT)
    return Case(
        key=RecordKey("royal", "admission", record),
        version=1,
        use_case="u",
        place="residence",
        area="E01018326",
        day=date(2024, 3, 1),
        received_at=RECEIVED_AT,
        person_keys=person_keys(event.model_dump(mode="json")),
        age=None,
        sex=None,
        tokens=(),
    )


def test_records_from_before_during_and_after_a_rotation_are_one_person_in_any_order() -> None:
    cases = [case("before", PERSON, OLD), case("during", PERSON, NEW, OLD), case("after", PERSON, NEW)]
    stranger = case("stranger", OTHER, NEW, OLD)
    for order in permutations([*cases, stranger]):
        assert len(count_once(order, (), (), PERSONS)) == 2
    pairs = propose([*cases, stranger], PERSONS, {one.key for one in cases})
    assert {tuple(key.record_id for key in pair) for pair in pairs} == {
        ("before", "during"),
        ("after", "during"),
    }


def test_without_the_overlap_the_same_person_would_count_twice() -> None:
    assert len(count_once([case("a", PERSON, OLD), case("b", PERSON, NEW)], (), (), PERSONS)) == 2


@given(st.lists(st.sampled_from([(OLD,), (OLD, NEW), (NEW, OLD)]), min_size=1, max_size=6))
def test_whoever_rotates_first_one_person_is_counted_once(partners: list[tuple[Secret, ...]]) -> None:
    cases = [case(f"r{i}", PERSON, *secrets) for i, secrets in enumerate(partners)]
    assert len(count_once(cases, (), (), PERSONS)) == 1


def test_an_admission_without_the_list_has_the_hash_that_it_had_before_there_was_one() -> None:
    event = decode(as_bytes(admission()), SOURCE, ORGANISATION, RECEIVED_AT)
    content = event.model_dump(mode="json")
    assert "person_keys" not in content
    assert canonical_hash(content) == "ee2589b49823ce37b74185d2aacf2d0b007a4c8469d3c265ba54f959c6b7c09f"
