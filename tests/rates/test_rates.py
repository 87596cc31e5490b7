"""Intervals, expectations and funnel limits are those of their sources."""

import numpy as np
import pytest
from scipy.stats import poisson

from surveillance.rates.expected import expected_counts
from surveillance.rates.funnel import Standing, chance_alone, limits, overdispersion, standing
from surveillance.rates.interval import count_interval, rate, ratio


def test_byars_interval_is_that_of_public_health_guidance() -> None:
    # Public Health England's R package PHEindicatormethods: byars_lower(65), byars_upper(65).
    low, high = count_interval(65)
    assert (low, high) == pytest.approx((50.16, 82.85), abs=0.01)


def test_under_ten_cases_the_interval_is_exact() -> None:
    # The table of the Poisson distribution: 5 cases, 1.623 to 11.668; none, 0 to 3.689.
    assert count_interval(5) == pytest.approx((1.6235, 11.6683), abs=1e-4)
    assert count_interval(0) == pytest.approx((0.0, 3.6889), abs=1e-4)


def test_the_two_intervals_meet_at_ten() -> None:
    exact = (4.795, 18.390)
    assert count_interval(10) == pytest.approx(exact, rel=0.005)


def test_a_rate_is_per_100_000_people_and_year() -> None:
    found = rate(cases=250, population=2_500_000, days=365)
    assert found is not None
    assert found.value == pytest.approx(10, rel=0.001)
    assert found.low < 10 < found.high


def test_nobody_and_nothing_expected_give_no_rate() -> None:
    assert rate(0, 0, 365) is None
    assert ratio(3, 0) is None


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(ValueError, match="cases: -1 is negative"):
        count_interval(-1)


def test_areas_of_older_people_are_expected_to_have_more_where_the_old_have_more() -> None:
    young, old = [900.0, 100.0], [100.0, 900.0]
    expected = expected_counts(np.array([young, old]), np.array([10.0, 90.0]))
    assert expected == pytest.approx([18.0, 82.0])  # 900 x 1 % + 100 x 9 %, and the other way round


def test_expected_counts_sum_to_the_cases() -> None:
    rng = np.random.default_rng(1)
    population, cases = rng.uniform(0, 1000, (50, 3)), np.array([3.0, 80.0, 40.0])
    assert expected_counts(population, cases).sum() == pytest.approx(123)


def test_one_in_twenty_areas_lies_outside_the_limits_by_chance_alone() -> None:
    rng = np.random.default_rng(7)
    for expected in (3.0, 20.0, 200.0):
        counts = rng.poisson(expected, 40_000)
        at = limits([expected])[0]
        outside = np.mean([standing(c, at) is not Standing.WITHIN for c in counts])
        # Counts are whole: the nearest one inside each limit decides.
        exact = poisson.cdf(np.ceil(at.low * expected) - 1, expected) + poisson.sf(
            np.floor(at.high * expected), expected
        )
        assert outside == pytest.approx(exact, abs=0.005)
        assert outside < 0.065
    assert chance_alone(40) == pytest.approx(2)


def test_limits_close_in_on_one_as_areas_grow() -> None:
    small, large = limits([2.0, 2_000.0])
    assert small.far_low == 0
    assert small.far_high > large.far_high > large.high > 1 > large.low > large.far_low
    # A normal approximation holds for 2,000: 1 ± 1.96 / sqrt(2000).
    assert (large.low, large.high) == pytest.approx((1 - 0.0438, 1 + 0.0438), abs=0.0006)


def test_areas_that_differ_more_than_chance_lets_them_widen_the_limits() -> None:
    rng = np.random.default_rng(3)
    expected = np.full(300, 50.0)
    alike = rng.poisson(expected).astype(float)
    different = rng.poisson(expected * rng.gamma(10, 0.1, 300)).astype(float)
    assert overdispersion(alike, expected) == 1.0
    phi = overdispersion(different, expected)
    assert phi > 2
    plain, wide = limits([50.0])[0], limits([50.0], phi)[0]
    assert wide.high - 1 == pytest.approx((plain.high - 1) * np.sqrt(phi))


def test_too_few_areas_tell_nothing_of_overdispersion() -> None:
    assert overdispersion(np.array([1.0, 90.0]), np.array([30.0, 30.0])) == 1.0


def test_an_area_far_above_is_told_apart_from_one_just_above() -> None:
    at = limits([10.0])[0]
    assert [standing(c, at) for c in (1, 3, 10, 18, 30)] == [
        Standing.FAR_LOWER,
        Standing.LOWER,
        Standing.WITHIN,
        Standing.HIGHER,
        Standing.FAR_HIGHER,
    ]
