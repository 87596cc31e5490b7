"""The exceedance detector: which counts it makes of a study, and what it says about them."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from detection_studies import START, rising_study
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.detection.exceedance.detector import Exceedance
from surveillance.detection.exceedance.ears import Ears, ears_bound
from surveillance.detection.exceedance.farrington import Farrington, farrington_bound
from surveillance.detection.exceedance.strata import read_stratum
from surveillance.detection.study import make_locations, make_study

YOUNG_WOMEN = Exceedance(level="district", strata=("10-24 female",))


def _detect(rule, study):
    return rule.detect(study, np.random.default_rng(1))


def _weekly(counts, extra_days=0, **changes):
    """A study of one area with these counts a week, the last week ending on the last day."""
    days = 7 * len(counts) + extra_days
    at = [
        extra_days + 7 * week + number % 7
        for week, count in enumerate(counts)
        for number in range(int(count))
    ]
    study = make_study(
        [f"c{number:05}" for number in range(len(at))],
        ["A"] * len(at),
        [START + timedelta(days=day) for day in at],
        [],
        make_locations(["A", "B"], [(0, 0), (1, 1)], units={"district": ["north", "south"]}),
        START,
        START + timedelta(days=days - 1),
    )
    return replace(study, **changes)


def test_a_rise_is_found_in_its_unit_and_stratum_and_nowhere_else():
    (cluster,) = _detect(YOUNG_WOMEN, rising_study(5))
    assert (cluster.unit, cluster.stratum) == ("north", "female, aged 10 to 24")
    assert cluster.observed >= 40
    assert {area.rstrip("01234") for area in cluster.areas} == {"North"}
    assert _detect(replace(YOUNG_WOMEN, strata=("65+", "male")), rising_study(5)) == ()
    assert _detect(YOUNG_WOMEN, rising_study(5, more=0)) == ()


def test_members_are_the_units_and_stratums_cases_of_the_last_period():
    study = rising_study(5)
    (cluster,) = _detect(YOUNG_WOMEN, study)
    wanted = [
        study.ids[index]
        for index in range(len(study.ids))
        if study.day[index] >= study.days - 7
        and study.locations.codes[study.location[index]].startswith("North")
        and study.sex[index] == "female"
        and 10 <= study.age[index] <= 24
    ]
    assert cluster.members == tuple(sorted(wanted))
    assert (cluster.start, cluster.end) == (study.as_of - timedelta(days=6), study.as_of)


def test_a_short_past_is_a_cold_start_by_ears_that_says_so_and_claims_no_chance():
    counts = np.array([3, 5, 4, 2, 6, 3, 4, 5, 4, 19])
    (cluster,) = _detect(Exceedance(), _weekly(counts, extra_days=4))
    bound = ears_bound(counts.astype(float), 9, Ears("C1"))
    assert cluster.expected == pytest.approx(bound.expected)
    assert cluster.statistic == pytest.approx(bound.score)
    assert (cluster.p_value, cluster.recurrence_interval_days) == (None, None)
    assert "for want of a longer past" in cluster.expected_basis
    assert "EARS C1" in cluster.expected_basis


@pytest.mark.parametrize(("years", "used"), [(2.9, None), (3.2, 3), (4.2, 4), (9.0, 5)])
def test_the_past_decides_between_ears_and_farrington_and_over_how_many_years(years, used):
    counts = np.random.default_rng(1).poisson(5, int(52 * years)).astype(float)
    counts[-1] = 30
    (cluster,) = _detect(Exceedance(), _weekly(counts))
    if used is None:
        assert "EARS" in cluster.expected_basis
        return
    bound = farrington_bound(counts, len(counts) - 1, Farrington(years=used))
    assert f"last {used} years" in cluster.expected_basis
    assert cluster.expected == pytest.approx(bound.expected)
    assert cluster.p_value == pytest.approx(max(bound.chance, 1e-6))
    assert cluster.recurrence_interval_days == pytest.approx(1 / cluster.p_value)


def test_every_test_that_is_made_weakens_what_each_can_claim():
    counts = np.random.default_rng(1).poisson(5, 170).astype(float)
    counts[-1] = 15
    study = _weekly(counts)
    (one,) = _detect(Exceedance(), study)
    (of_two,) = _detect(Exceedance(level="district"), study)
    assert of_two.p_value == pytest.approx(2 * one.p_value)
    assert of_two.recurrence_interval_days == pytest.approx(one.recurrence_interval_days / 2)
    assert "2 such counts are looked at together" in of_two.expected_basis


def test_days_are_counted_where_days_are_asked_for():
    counts = np.random.default_rng(2).poisson(1, 30).astype(float)
    counts[-1] = 12
    days = [START + timedelta(days=day) for day, n in enumerate(counts) for _ in range(int(n))]
    study = make_study(
        [f"c{n}" for n in range(len(days))],
        ["A"] * len(days),
        days,
        [],
        make_locations(["A"], [(0, 0)]),
        START,
        START + timedelta(days=29),
    )
    (cluster,) = _detect(Exceedance(period="day"), study)
    assert (cluster.observed, cluster.start, cluster.end) == (12, study.as_of, study.as_of)


def test_too_short_a_past_even_for_ears_a_past_of_nothing_and_a_constant_one_tell_nothing():
    assert _detect(Exceedance(), _weekly([3, 9, 9, 30])) == ()
    assert _detect(Exceedance(), _weekly([0] * 30)) == ()
    assert _detect(Exceedance(), _weekly([4] * 30)) == ()
    assert _detect(Exceedance(), _weekly([4] * 170)) == ()


def test_a_first_rise_after_years_of_nothing_is_told_with_finite_numbers():
    (cluster,) = _detect(Exceedance(), _weekly([0] * 170 + [6]))
    assert cluster.observed == 6
    assert cluster.recurrence_interval_days == pytest.approx(1e6)


def test_fewer_than_min_cases_in_four_periods_are_never_told():
    assert _detect(Exceedance(min_cases=5), _weekly([0] * 30 + [4])) == ()
    assert _detect(Exceedance(min_cases=4), _weekly([0] * 30 + [4]))


def test_what_was_counted_before_a_partner_joined_is_no_past_to_compare_with():
    counts = np.concatenate([np.full(160, 2), np.full(20, 9), [12]])
    (cluster,) = _detect(Exceedance(), _weekly(counts))
    assert "years" in cluster.expected_basis
    joined = np.array([160 * 7, 0], np.int32)
    assert _detect(Exceedance(), _weekly(counts, complete_from=joined)) == ()
    counts[-1] = 40
    (cluster,) = _detect(Exceedance(level="district"), _weekly(counts, complete_from=joined))
    assert (cluster.expected, "EARS" in cluster.expected_basis) == (9.0, True)
    assert _detect(Exceedance(), _weekly(counts, complete_from=joined + 21 * 7)) == ()


def test_cases_of_neighbours_areas_are_not_counted():
    study = rising_study(5)
    north = np.array([code.startswith("North") for code in study.locations.codes])
    outside = replace(study, locations=replace(study.locations, inside=~north))
    assert _detect(YOUNG_WOMEN, outside) == ()


def test_a_level_that_the_areas_do_not_have_is_told():
    with pytest.raises(ValueError, match=r"exceedance\.level.*'ward'.*district"):
        _detect(Exceedance(level="ward"), rising_study(5))


@pytest.mark.parametrize(
    ("text", "words"),
    [("all", ""), ("65+", "aged 65 and over"), ("female 0-17", "female, aged 0 to 17"), ("male", "male")],
)
def test_a_stratum_in_words(text, words):
    assert read_stratum(text).words == words


def test_a_case_of_unknown_age_or_sex_is_in_no_stratum_of_them():
    study = _weekly([2], age=np.array([-1, 30], np.int16), sex=("unknown", "female"))
    assert read_stratum("0+").holds(study).tolist() == [False, True]
    assert read_stratum("female").holds(study).tolist() == [False, True]
    assert read_stratum("all").holds(study).all()
    assert not read_stratum("0+").holds(_weekly([2])).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(0, 6))
def test_weeks_end_on_the_last_day_whatever_the_length_of_the_study(seed, extra):
    counts = np.random.default_rng(seed).integers(0, 9, 12)
    counts[-1] += 30
    once, longer = (_detect(Exceedance(), _weekly(counts, extra_days=days)) for days in (0, extra))
    assert [one.expected for one in once] == [one.expected for one in longer]
    assert once
