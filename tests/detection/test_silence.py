"""A partner that sends less than it used to is noticed, and one that is merely small is not."""

import numpy as np
import pytest
from scipy.stats import poisson

from surveillance.detection.silence import SilenceRule, judge


def _sent(weeks=30, a_day=20.0, weekend=0.1, seed=1):
    rng = np.random.default_rng(seed)
    usual = np.array([a_day] * 5 + [a_day * weekend] * 2)
    return rng.poisson(np.tile(usual, weeks))


def test_a_partner_that_stops_for_one_working_day_is_noticed_and_on_a_quiet_sunday_is_not():
    daily = _sent()
    friday = daily[:-2].copy()
    assert not judge(friday).quiet
    friday[-1] = 0
    found = judge(friday)
    assert (found.quiet, found.window_days, found.observed) == (True, 1, 0)
    assert found.expected == pytest.approx(20, rel=0.2)
    sunday = daily.copy()
    sunday[-1] = 0
    assert not judge(sunday).quiet


def test_a_partner_that_sends_half_for_a_week_is_noticed():
    daily = _sent()
    daily[-7:] //= 2
    found = judge(daily)
    assert found.quiet
    assert found.observed < 0.6 * found.expected * 7 / found.window_days


def test_days_without_a_report_are_ordinary_for_a_partner_that_sends_two_a_week():
    rng = np.random.default_rng(2)
    daily = rng.poisson(2 / 7, 300)
    daily[-7:] = 0
    assert not judge(daily).quiet


def test_a_silence_that_goes_on_does_not_become_what_is_usual():
    daily = _sent()
    daily[-28:] = 0
    assert judge(daily).quiet


def test_a_batch_that_catches_up_does_not_raise_what_is_usual():
    daily = _sent(weekend=1.0)
    batch = daily.copy()
    batch[-7 * 8 + 1] += 5000
    rule = SilenceRule(windows_days=(7,))
    assert judge(batch, rule).expected == pytest.approx(judge(daily, rule).expected, rel=0.05)
    batch[-7:] = daily[-7:] // 2
    assert judge(batch, rule).quiet


def test_the_chance_is_the_lower_tail_over_the_windows_looked_at():
    daily = np.full(7 * 60, 4)
    daily[-7:] = 0
    rule = SilenceRule(windows_days=(7,), weeks=50)
    assert judge(daily, rule).chance == pytest.approx(poisson(28).cdf(0), rel=5)
    both = judge(daily, SilenceRule(windows_days=(7, 7), weeks=50))
    assert both.chance == pytest.approx(2 * judge(daily, rule).chance)


def test_a_new_partner_is_not_judged_and_one_that_never_sent_is_not_quiet():
    assert judge(_sent(weeks=8)) is None
    assert judge(_sent(weeks=9)) is not None
    assert judge(np.zeros(0, np.int64)) is None
    assert not judge(np.zeros(100, np.int64)).quiet


def test_the_error_rate_is_what_the_rule_says():
    rng = np.random.default_rng(3)
    looks = 250
    for a_day in (0.3, 5.0):
        wrong = sum(judge(rng.poisson(a_day, 7 * 20), SilenceRule(alpha=0.05)).quiet for _ in range(looks))
        assert wrong / looks <= 0.08


def test_a_window_longer_than_a_week_is_refused():
    with pytest.raises(ValueError, match="windows_days"):
        judge(_sent(), SilenceRule(windows_days=(8,)))
