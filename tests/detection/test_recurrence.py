"""The recurrence interval as the service states it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from surveillance.detection.recurrence import independent_looks_a_day, recurrence_interval_days

P = st.floats(1e-6, 1.0)


@given(P)
def test_one_scan_a_day_recurs_once_in_one_over_p_days(p):
    assert recurrence_interval_days(p) == 1 / p


def test_independent_looks_share_the_day():
    # Of two independent looks a day one has p <= 0.5 with probability 0.75.
    assert recurrence_interval_days(0.5, 2) == pytest.approx(1 / 0.75)
    assert recurrence_interval_days(0.01, 3) == pytest.approx(1 / (1 - 0.99**3))
    assert recurrence_interval_days(1e-9, 10) == pytest.approx(1e8, rel=1e-6)


@given(P, st.floats(1, 50), st.floats(1, 50))
def test_more_looks_never_make_an_alert_rarer(p, looks, more):
    few, many = sorted((looks, more))
    assert recurrence_interval_days(p, many) <= recurrence_interval_days(p, few) * (1 + 1e-12)
    assert recurrence_interval_days(p, many) >= 1


@given(st.floats(0, 200), st.integers(1, 8))
def test_looks_are_worth_more_the_more_there_is_to_see_and_never_more_than_there_are(cases, scans):
    daily = independent_looks_a_day(cases, every_event=False, scans=scans)
    often = independent_looks_a_day(cases, every_event=True, scans=scans)
    assert 0.8 <= daily <= often
    assert often <= independent_looks_a_day(cases + 1, every_event=True, scans=scans)
    assert daily <= scans
    assert often <= scans * (cases + 1)


def test_what_is_no_probability_is_refused():
    with pytest.raises(ValueError, match="p_value"):
        recurrence_interval_days(0)
    with pytest.raises(ValueError, match="looks_a_day"):
        recurrence_interval_days(0.1, 0)
