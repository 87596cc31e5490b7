"""The proximity rule against a search through all pairs of cases."""

from datetime import timedelta

import numpy as np
import pytest
from detection_studies import START, random_study, small_studies
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.detection.proximity import BY_CASES, BY_POPULATION, Proximity
from surveillance.detection.study import make_locations, make_study


def _brute_force(study, rule):
    """Cores' components with the border cases of their nearest core, alive ones only."""
    where = study.locations.coordinates[study.location]
    km = np.sqrt(((where[:, None] - where[None]) ** 2).sum(axis=2))
    gap = np.abs(study.day[:, None] - study.day[None])
    near = (km <= rule.radius_km + 1e-12) & (gap <= rule.window_days)
    core = near.sum(axis=1) >= rule.min_cases
    cluster = {int(one): {int(one)} for one in np.flatnonzero(core)}
    for one in list(cluster):
        for other in list(cluster):
            if near[one, other] and cluster[one] is not cluster[other]:
                cluster[one] |= cluster[other]
                for moved in cluster[one]:
                    cluster[moved] = cluster[one]
    groups = {id(members): set(members) for members in cluster.values()}
    for case in np.flatnonzero(~core):
        cores = [int(one) for one in np.flatnonzero(core & near[case])]
        if cores:
            nearest = min(cores, key=lambda one: (km[case, one], gap[case, one], study.ids[one]))
            groups[id(cluster[nearest])].add(int(case))
    last = study.days - 1
    return [group for group in groups.values() if max(study.day[list(group)]) >= last - rule.window_days]


def _union_of_balls(study, rule, group, weight):
    places = study.locations.coordinates
    return sum(
        weight(area, day)
        for area in range(len(places))
        for day in range(study.days)
        if any(
            np.sqrt(((places[area] - places[study.location[one]]) ** 2).sum()) <= rule.radius_km + 1e-12
            and abs(day - study.day[one]) <= rule.window_days
            for one in group
        )
    )


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
    groups = {tuple(sorted(study.ids[one] for one in group)): group for group in _brute_force(study, rule)}
    if study.locations.inside is None:
        assert {cluster.members for cluster in clusters} == set(groups)
    at, on = np.bincount(study.location), np.bincount(study.day)
    at, on = np.pad(at, (0, 10)), np.pad(on, (0, 12))
    for cluster in clusters:
        total = _union_of_balls(study, rule, groups[cluster.members], lambda z, d: at[z] * on[d])
        assert cluster.expected == pytest.approx(total / len(study.ids))
        assert cluster.expected_basis == BY_CASES


@settings(max_examples=60, deadline=None)
@given(study=small_studies(population=True))
def test_with_known_population_the_expected_count_rests_on_it(study):
    rule = Proximity(radius_km=1.0, window_days=2, min_cases=2)
    people = study.locations.population
    groups = {tuple(sorted(study.ids[one] for one in group)): group for group in _brute_force(study, rule)}
    for cluster in rule.detect(study, np.random.default_rng(1)):
        total = _union_of_balls(study, rule, groups[cluster.members], lambda z, _: people[z])
        assert cluster.expected == pytest.approx(len(study.ids) * total / (people.sum() * study.days))
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
    once = rule.detect(study, np.random.default_rng(1))
    monkeypatch.setattr("surveillance.detection.proximity.CHUNK", 7)
    assert rule.detect(study, np.random.default_rng(1)) == once
    assert once
