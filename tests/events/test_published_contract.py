"""The published contract says what the service accepts, and never takes back what it accepted before."""

import copy
import gzip
import hashlib
import json
from itertools import pairwise
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from factories import ORGANISATION, RECEIVED_AT, admission, as_bytes, incident
from surveillance.events import contract
from surveillance.events.compatibility import breaking_changes, broken_for_readers
from surveillance.events.decode import decode, event_model
from surveillance.events.refusal import RefusalCode, Refused
from surveillance.events.topics import KINDS, Source

ASYNCAPI = Path(__file__).parents[1] / "reference" / "asyncapi_3_0_0.schema.json.gz"
EXAMPLES = {"incident": incident, "admission": admission}

# What no schema can say: where a text is a number of a person, and which of two clocks is ahead.
BEYOND_A_SCHEMA = {RefusalCode.IDENTIFIER, RefusalCode.FUTURE_TIME, RefusalCode.WRONG_ORGANISATION}
CALENDAR = {"The value must be a time of the calendar", "A time before the year 1900 is refused"}

FOLLOWED = {"1.0.0": "3022d3530bb8dc5484024a9851fbb70a7806933ba888431f6d88b2fa20a64b89"}

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 200),
    # To a schema 1.0 is a whole number; the service wants it written as one.
    st.floats(allow_nan=False, allow_infinity=False, width=32).filter(lambda x: not x.is_integer()),
    st.sampled_from(
        [
            "",
            "unknown",
            "reported",
            "merged",
            "suspected",
            "yes",
            "a b",
            "X" * 65,
            "2024-03-01T22:00:00+00:00",
            "2024-03-01T22:00:00",
            "2024-13-01T22:00:00Z",
            "1800-01-01T00:00:00Z",
            "a" * 63 + "1",
            {"missing": "unknown"},
            {"code": "E01018351"},
            {"code": "E01018351", "missing": "unknown"},
            {"postcode": "CH1 1AB"},
            {"postcode": "nowhere"},
            {"longitude": 181, "latitude": 0},
            [],
            [{"type": "school", "identifier": "s-1"}],
            [{"type": "school"}],
            [{"scheme": "nhs", "key_id": "k1", "value": "0a" * 32}],
            [{"scheme": "nhs", "key_id": "k1", "value": "0" * 64}],
            [{"system": "icd10", "code": "X60", "version": "2016"}],
            [{"type": "school", "identifier": "s-1"}] * 17,
        ]
    ),
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_and_the_service_agree_on_every_event(kind):
    schema = contract.json_schema(kind)
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    rules = {(rule["field"], rule["rule"]) for rule in schema["x-rules"]}

    @given(st.sampled_from(sorted(event_model(kind).model_fields)), VALUES)
    def agree(field, value):
        event = json.loads(as_bytes(EXAMPLES[kind]())) | {field: value}
        try:
            decode(as_bytes(event), Source(kind, "north-police"), ORGANISATION, RECEIVED_AT)
        except Refused as refused:
            if validator.is_valid(event):
                for fault in refused.faults:
                    said = (fault.field, fault.rule) in rules or fault.rule in CALENDAR
                    assert said or fault.code in BEYOND_A_SCHEMA, fault
        else:
            assert validator.is_valid(event), list(validator.iter_errors(event))

    agree()


@pytest.mark.parametrize("kind", KINDS)
def test_every_example_is_accepted(kind):
    schema = contract.json_schema(kind)
    for example in schema["examples"]:
        jsonschema.validate(example, schema)
        decode(as_bytes(example), Source(kind, "north-police"), "EXAMPLE", RECEIVED_AT)


def test_the_asyncapi_document_is_one():
    specification = json.loads(gzip.decompress(ASYNCAPI.read_bytes()))
    jsonschema.Draft7Validator(specification).validate(contract.asyncapi())


def test_every_reference_in_the_asyncapi_document_leads_somewhere_and_examples_fit():
    document = contract.asyncapi()
    for reference in _references(document):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
    for message in document["components"]["messages"].values():
        whole = {**message["payload"], "components": document["components"]}
        for example in message["examples"]:
            jsonschema.Draft202012Validator(whole).validate(example["payload"])


def _references(part):
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from _references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _references(inner)


def test_the_newest_published_version_is_what_the_models_say():
    version, documents = list(contract.published().items())[-1]
    fix = f"surveillance contract --out surveillance/events/published/{contract.VERSION}"
    assert version == contract.VERSION, f"raise contract.VERSION, then: {fix}"
    for name, document in contract.documents().items():
        assert documents[name] == document, f"{name} changed: raise contract.VERSION, then: {fix}"


@pytest.mark.parametrize("kind", KINDS)
def test_within_a_major_version_nothing_is_refused_that_was_accepted(kind):
    versions = list(contract.published().items())
    for (older, before), (newer, after) in pairwise(versions):
        if older.split(".")[0] == newer.split(".")[0]:
            assert not breaking_changes(before[f"{kind}.schema.json"], after[f"{kind}.schema.json"])


def test_a_version_that_a_later_one_followed_is_never_changed():
    """Else the comparison with it would be worth nothing. A version that is followed gets its line here."""
    followed = dict(list(contract.published().items())[:-1])
    sums = {
        version: hashlib.sha256(json.dumps(documents, sort_keys=True).encode()).hexdigest()
        for version, documents in followed.items()
    }
    assert sums == FOLLOWED


def test_within_a_major_version_receipts_go_on_as_they_were():
    versions = [one for one in contract.published().items() if "receipt.schema.json" in one[1]]
    for (older, before), (newer, after) in pairwise(versions):
        if older.split(".")[0] == newer.split(".")[0]:
            assert not broken_for_readers(before["receipt.schema.json"], after["receipt.schema.json"])


def test_a_receipt_that_loses_a_field_is_named_and_one_that_gains_a_field_is_not():
    old = contract.receipt_schema()
    gone, optional, more = (copy.deepcopy(old) for _ in range(3))
    gone["properties"].pop("outcome")
    optional["required"].remove("outcome")
    more["properties"]["seconds"] = {"type": "number"}
    assert broken_for_readers(old, gone)
    assert broken_for_readers(old, optional)
    assert not broken_for_readers(old, more)


BREAKING = {
    "a field that is gone": lambda s: s["properties"].pop("ethnicity"),
    "a field that is required": lambda s: s["required"].append("age"),
    "a value off a list": lambda s: s["properties"]["action"]["enum"].remove("amended"),
    "a closed list": lambda s: s["properties"]["category"].update(enum=["fall"]),
    "a tighter maximum": lambda s: s["properties"]["version"].update(maximum=9),
    "another pattern": lambda s: s["properties"]["record_id"].update(pattern="^x$"),
    "a shorter list": lambda s: s["properties"]["settings"].update(maxItems=1),
    "no null": lambda s: s["properties"]["age"]["anyOf"].pop(),
    "a limit inside a choice": lambda s: s["properties"]["age"]["anyOf"][0].update(minimum=18),
    "a field of a part": lambda s: s["$defs"]["Setting"]["properties"].pop("identifier"),
    "a value of a part in a list": lambda s: s["$defs"]["Link"]["properties"]["type"]["enum"].remove(
        "friend"
    ),
    "a part behind a choice": lambda s: s["$defs"]["Point"]["required"].append("uncertainty_m"),
    "one more rule": lambda s: s["x-rules"].append({"code": "c", "field": "age", "rule": "is even"}),
}
HARMLESS = {
    "the same again": lambda s: s.update(copy.deepcopy(s)),
    "an optional field": lambda s: s["properties"].update(extra={"type": "string"}),
    "a field required no more": lambda s: s["required"].remove("category"),
    "a value more": lambda s: s["properties"]["action"]["enum"].append("reopened"),
    "a wider limit": lambda s: s["properties"]["settings"].update(maxItems=99),
    "a rule less": lambda s: s["x-rules"].pop(),
    "null as well": lambda s: s["properties"].update(
        version={"anyOf": [s["properties"]["version"], {"type": "null"}]}
    ),
    "other words": lambda s: s["properties"]["age"].update(description="other"),
}


@pytest.mark.parametrize("change", BREAKING)
def test_a_change_that_narrows_is_named(change):
    old = contract.json_schema("incident")
    new = copy.deepcopy(old)
    BREAKING[change](new)
    assert breaking_changes(old, new)


@pytest.mark.parametrize("change", HARMLESS)
def test_a_change_that_widens_is_none(change):
    old = contract.json_schema("incident")
    new = copy.deepcopy(old)
    HARMLESS[change](new)
    assert not breaking_changes(old, new)
