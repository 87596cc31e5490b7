"""JSON as the database keeps it."""

import json
import math
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.store.json_text import dump_json, dump_rows

_LEAVES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(st.characters(codec="utf-8"))
_VALUES = st.recursive(
    _LEAVES | st.floats(allow_nan=False, allow_infinity=False) | st.just("NaN, Infinity"),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


@given(st.lists(st.fixed_dictionaries({"record": st.integers(0, 9), "content": _VALUES})))
def test_rows_say_what_the_slower_way_says(rows):
    assert json.loads(dump_rows(rows)) == json.loads(dump_json(rows))


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_json_does_not_have_is_refused(number):
    with pytest.raises(ValueError, match="JSON compliant"):
        dump_rows([{"content": {"odds": [1.0, number]}}])


def test_times_and_days_are_iso_8601():
    rows = [{"at": datetime(2024, 3, 1, 9, 30, tzinfo=UTC), "day": date(2024, 3, 1)}]
    assert json.loads(dump_rows(rows)) == [{"at": "2024-03-01T09:30:00Z", "day": "2024-03-01"}]
