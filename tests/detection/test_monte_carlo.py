"""p-values count ties, and stopping early never changes what is reported."""

from dataclasses import replace

import numpy as np
import pytest
from detection_studies import random_study, reordered

from surveillance.detection.monte_carlo import p_values
from surveillance.detection.scan.permutation import PermutationScan


def _replicates(maxima):
    asked = []

    def reached(first, count, levels):
        asked.append(count)
        return np.searchsorted(levels, maxima[first : first + count], side="right")

    return reached, asked


def test_replicates_equal_to_the_observed_count_against_it():
    reached, _ = _replicates(np.array([1.0, 2.0, 3.0, 3.0, 5.0, 0.0, 0.0, 0.0, 0.0]))
    assert p_values([3.0], reached, 9) == (0.4,)


def test_every_statistic_is_compared_with_the_highest_of_each_replicate():
    maxima = np.random.default_rng(1).normal(size=999)
    reached, _ = _replicates(maxima)
    observed = [2.5, 1.0, 1.0, -0.3]
    expected = tuple((1 + int((maxima >= one).sum())) / 1000 for one in observed)
    assert p_values(observed, reached, 999) == expected


def test_sequential_p_is_the_exceedances_over_the_replicates_needed():
    maxima = np.zeros(999)
    maxima[[4, 9, 40]] = 9.0
    reached, asked = _replicates(maxima)
    assert p_values([5.0], reached, 999, sequential_exceedances=3) == (3 / 41,)
    assert sum(asked) < 200


def test_sequential_p_without_enough_exceedances_is_the_usual_one():
    maxima = np.zeros(999)
    maxima[7] = 9.0
    reached, asked = _replicates(maxima)
    assert p_values([5.0], reached, 999, sequential_exceedances=3) == (2 / 1000,)
    assert sum(asked) == 999


def test_a_p_certain_to_be_above_the_limit_is_given_up_and_others_are_not_changed():
    maxima = np.random.default_rng(2).normal(size=999)
    reached, asked = _replicates(maxima)
    strong, weak = 2.2, 0.0
    told = p_values([strong, weak], reached, 999, max_p=0.05)
    assert told == ((1 + int((maxima >= strong).sum())) / 1000, None)
    reached, asked = _replicates(maxima)
    assert p_values([weak], reached, 999, max_p=0.05) == (None,)
    assert sum(asked) < 250


def test_threads_and_case_order_leave_every_bit_as_it_is():
    study = random_study(1, areas=60, cases=400, days=90)
    for day_of_week in (False, True):
        scan = PermutationScan(replicates=199, day_of_week=day_of_week)
        once = scan.detect(study, np.random.default_rng(5))
        assert replace(scan, threads=2).detect(study, np.random.default_rng(5)) == once
        other = reordered(study, np.random.default_rng(6).permutation(len(study.ids)))
        assert scan.detect(other, np.random.default_rng(5)) == once
        maxima = scan.replicate_maxima(study, np.random.default_rng(5))
        assert np.array_equal(
            replace(scan, threads=2).replicate_maxima(study, np.random.default_rng(5)), maxima
        )


def test_stopping_at_levels_and_keeping_the_maximum_give_the_same_p():
    study = random_study(2, areas=40, cases=300, days=90)
    scan = PermutationScan(replicates=299, max_clusters=4)
    maxima = scan.replicate_maxima(study, np.random.default_rng(9))
    for cluster in scan.detect(study, np.random.default_rng(9)):
        assert cluster.p_value == (1 + int((maxima >= cluster.statistic).sum())) / 300


@pytest.mark.slow
def test_under_the_null_a_p_of_a_tenth_comes_up_in_a_tenth_of_studies():
    scan = PermutationScan(replicates=99, max_clusters=1)
    rng = np.random.default_rng(3)
    found = 0
    for seed in range(400):
        study = random_study(seed, areas=20, cases=60, days=60)
        study.day[:] = rng.permutation(study.day)
        clusters = scan.detect(study, rng)
        found += bool(clusters) and clusters[0].p_value <= 0.1
    assert 20 <= found <= 62  # 40 expected; 99.9 % of a binomial
