"""The proximity rule against a search through all pairs of cases."""

from collections import OrderedDict
from datetime import timedelta

import numpy as np
import pytest
from detection_studies import START, random_study, small_studies
from hypothesis import given, settings
from hypothesis import strategies as st
from proximity_search import brute_force, expected

from surveillance.detection.proximity import BY_CASES, BY_POPULATION, Proximity, cases, near, remembered
from surveillance.detection.study import make_locations, make_study


@settings(max_examples=150, deadline=None)
@given(
    study=small_studies(),
    radius=st.sampled_from([0.5, 1.0, 1.5, 2.5]),
    window=st.integers(1, 4),
    least=st.integers(2, 4),
)
def test_members_and_expected_are_those_of_a_search_through_all_pairs(study, radius, window, least):
    rule = Proximity(radius_km=radius, window_days=window, min_cases=least)
    clusters = rule.detect(study, np.random.default_rng(1))
    groups = {tuple(sorted(study.ids[one] for one in group)): group for group in brute_force(study, rule)}
    if study.locations.inside is None:
        assert {cluster.members for cluster in clusters} == set(groups)
    for cluster in clusters:
        assert cluster.expected == pytest.approx(expected(study, rule, groups[cluster.members]))
        assert cluster.expected_basis == BY_CASES


@settings(max_examples=60, deadline=None)
@given(study=small_studies(population=True))
def test_with_known_population_the_expected_count_rests_on_it(study):
    rule = Proximity(radius_km=1.0, window_days=2, min_cases=2)
    groups = {tuple(sorted(study.ids[one] for one in group)): group for group in brute_force(study, rule)}
    for cluster in rule.detect(study, np.random.default_rng(1)):
        assert cluster.expected == pytest.approx(expected(study, rule, groups[cluster.members]))
        assert cluster.expected_basis == BY_POPULATION


def _line(places, days, as_of):
    locations = make_locations([f"A{n}" for n in range(len(places))], [(x, 0.0) for x in places])
    return make_study(
        [f"c{n}" for n in range(len(places))],
        locations.codes,
        [START + timedelta(days=day) for day in days],
        [],
        locations,
        START,
        START + timedelta(days=as_of),
    )


def test_near_in_space_but_not_in_time_is_no_neighbour():
    rule = Proximity(radius_km=2, window_days=10, min_cases=3)
    assert rule.detect(_line([0, 1, 2], [0, 10, 20], 20), np.random.default_rng(1))[0].observed == 3
    assert rule.detect(_line([0, 1, 2], [0, 11, 20], 20), np.random.default_rng(1)) == ()


def test_a_cluster_is_told_while_its_last_case_is_within_the_window():
    rule = Proximity(radius_km=2, window_days=10, min_cases=3)
    assert rule.detect(_line([0, 1, 2], [0, 1, 2], 12), np.random.default_rng(1))
    assert rule.detect(_line([0, 1, 2], [0, 1, 2], 13), np.random.default_rng(1)) == ()


def test_a_cluster_makes_no_claim_about_chance():
    (cluster,) = Proximity(radius_km=2, window_days=10).detect(
        _line([0, 1, 2], [0, 1, 2], 5), np.random.default_rng(1)
    )
    assert (cluster.p_value, cluster.statistic, cluster.recurrence_interval_days) == (None, None, None)
    assert (cluster.centre, cluster.radius_km, cluster.areas) == ("A1", 1.0, ("A1", "A0", "A2"))


def test_the_larger_study_agrees_whether_looked_up_at_once_or_in_chunks(monkeypatch):
    study = random_study(4, areas=40, cases=300, days=60)
    rule = Proximity(radius_km=3, window_days=14, min_cases=5)
    remembered.forget()
    once = rule.detect(study, np.random.default_rng(1))
    for module in (cases, near):
        monkeypatch.setattr(module, "CHUNK", 7)
    remembered.forget()
    monkeypatch.setattr(near, "_kept", OrderedDict())
    assert rule.detect(study, np.random.default_rng(1)) == once
    assert once


def test_a_case_as_far_from_two_clusters_is_with_the_one_whose_core_is_nearer_in_days():
    rule = Proximity(radius_km=1, window_days=3, min_cases=4)
    # The cores c0 and c3 are both 1 km from c6: c0 is two days away and first by id, c3 is one day away.
    line = _line([-1, -1.5, -1.5, 1, 1.5, 1.5, 0], [10, 10, 10, 13, 13, 13, 12], 13)
    clusters = rule.detect(line, np.random.default_rng(1))
    assert {one.members for one in clusters} == {("c0", "c1", "c2"), ("c3", "c4", "c5", "c6")}
