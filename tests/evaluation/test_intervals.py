"""Confidence intervals against published exact values."""

import pytest

from surveillance.evaluation.episodes import count_episodes
from surveillance.evaluation.intervals import middle, proportion, rate


@pytest.mark.parametrize(
    ("events", "low", "high"),
    # Exact 95 % limits of a Poisson mean, as tabulated since Garwood (1936).
    [(0, 0.0, 3.689), (1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (100, 81.36, 121.63)],
)
def test_a_rate_has_garwoods_limits(events, low, high):
    found = rate(events, 2.0)
    assert found.value == events / 2
    assert 2 * found.low == pytest.approx(low, abs=6e-3)
    assert 2 * found.high == pytest.approx(high, abs=6e-3)


@pytest.mark.parametrize(
    ("hits", "of", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17:857, table I, method 5 (Clopper-Pearson).
    [(81, 263, 0.2527, 0.3676), (15, 148, 0.0578, 0.1617), (0, 20, 0.0, 0.1684), (1, 29, 0.0009, 0.1776)],
)
def test_a_proportion_has_the_limits_of_clopper_and_pearson(hits, of, low, high):
    found = proportion(hits, of)
    assert (found.low, found.high) == (pytest.approx(low, abs=6e-5), pytest.approx(high, abs=6e-5))


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (8, 1), (9, 2), (15, 4), (25, 8), (30, 10)])
def test_a_median_lies_between_the_tabulated_order_statistics(n, rank):
    # Ranks of the 95 % interval, as in Conover (1999) and the sign test's tables.
    found = middle([float(value) for value in range(1, n + 1)])
    assert (found.low, found.high) == (rank, n + 1 - rank)


def test_too_few_values_have_a_median_without_an_interval():
    assert middle([3.0, 1.0, 2.0]).value == 2
    assert middle([3.0, 1.0, 2.0]).low is None
    assert middle([]).value is None


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="years"):
        rate(1, 0)
    with pytest.raises(ValueError, match="hits"):
        proportion(3, 2)


def test_alarms_within_twenty_km_and_four_weeks_are_one_episode():
    assert count_episodes([], []) == 0
    assert count_episodes([[0, 0], [20, 0], [40, 0]], [0, 28, 56]) == 1
    assert count_episodes([[0, 0], [20.1, 0]], [0, 0]) == 2
    assert count_episodes([[0, 0], [0, 0]], [0, 28.5]) == 2
