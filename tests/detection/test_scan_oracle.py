"""The permutation scan against the plainest possible one, on small invented studies."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from detection_studies import random_study, small_studies
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.detection.scan.permutation import PermutationScan


def _circles(study, max_radius_km, limit):
    """For every centre inside, its circles as sets of locations."""
    places, scope = study.locations.coordinates, study.locations.inside
    cases = np.bincount(study.location, minlength=len(places))
    for centre in range(len(places)):
        if scope is not None and not scope[centre]:
            continue
        km = np.sqrt(((places - places[centre]) ** 2).sum(axis=1)).round(9)
        for reach in sorted(set(km)):
            held = np.flatnonzero(km <= reach)
            if cases[held].sum() <= limit and (max_radius_km is None or reach <= max_radius_km):
                yield centre, frozenset(held.tolist())


def _expected(study, held, first_day, weekdays):
    group = study.locations.reporting
    stratum = (study.start.toordinal() + study.day) % weekdays
    stratum = stratum + 0 if group is None else stratum + 7 * group[study.location]
    here, now = np.isin(study.location, list(held)), study.day >= first_day
    return sum(
        (here & (stratum == one)).sum() * (now & (stratum == one)).sum() / (stratum == one).sum()
        for one in np.unique(stratum)
    )


def _highest(study, scan):
    total = len(study.ids)
    best = {}
    for centre, held in _circles(study, scan.max_radius_km, scan.max_share * total + 1e-9):
        for window in range(scan.min_window_days, min(scan.max_window_days, study.days) + 1):
            c = int((np.isin(study.location, list(held)) & (study.day >= study.days - window)).sum())
            mu = _expected(study, held, study.days - window, 7 if scan.day_of_week else 1)
            if c < scan.min_cases or c <= mu + 1e-12:
                continue
            outside = 0 if c == total else (total - c) * log((total - c) / (total - mu))
            best[centre] = max(best.get(centre, 0.0), c * log(c / mu) + outside)
    return best


def _grouped(study, groups):
    if groups is None:
        return study
    reporting = np.resize(np.array(groups, np.int32), len(study.locations.codes))
    return replace(study, locations=replace(study.locations, reporting=reporting))


@settings(max_examples=150, deadline=None)
@given(
    study=small_studies(),
    share=st.sampled_from([0.2, 0.5, 1.0]),
    radius=st.sampled_from([None, 1.0, 1.5, 3.0]),
    shortest=st.integers(1, 2),
    longest=st.integers(2, 12),
    day_of_week=st.booleans(),
    groups=st.none() | st.lists(st.integers(0, 2), min_size=7, max_size=7),
)
def test_the_highest_statistic_is_that_of_a_search_through_everything(
    study, share, radius, shortest, longest, day_of_week, groups
):
    study = _grouped(study, groups)
    scan = PermutationScan(
        max_share=share,
        max_radius_km=radius,
        min_window_days=shortest,
        max_window_days=longest,
        day_of_week=day_of_week,
        replicates=3,
    )
    clusters = scan.detect(study, np.random.default_rng(1))
    best = {centre: value for centre, value in _highest(study, scan).items() if value > 1e-9}
    if not best:
        assert clusters == ()
        return
    assert clusters[0].statistic == pytest.approx(max(best.values()), abs=1e-9)
    for cluster in clusters:
        assert cluster.statistic == pytest.approx(best[study.locations.codes.index(cluster.centre)], abs=1e-9)
        assert cluster.observed == len(cluster.members)
    assert all(
        not set(one.areas) & set(other.areas) for one in clusters for other in clusters if one is not other
    )


@pytest.mark.parametrize(("areas", "cases", "days"), [(25, 60, 40), (25, 900, 40), (3, 60_000, 3)])
def test_larger_studies_with_crowded_circles_and_wider_counts_agree_as_well(areas, cases, days):
    study = random_study(5, areas=areas, cases=cases, days=days, tokens=False)
    scan = PermutationScan(max_window_days=days - 1, replicates=2)
    best = max(_highest(study, scan).values())
    assert scan.detect(study, np.random.default_rng(1))[0].statistic == pytest.approx(best, abs=1e-9)


def test_larger_studies_in_groups_agree_as_well():
    study = _grouped(random_study(6, areas=25, cases=900, days=40, tokens=False), [0, 0, 3, 1, 1, 3])
    for day_of_week in (False, True):
        scan = PermutationScan(max_window_days=30, replicates=2, day_of_week=day_of_week)
        best = max(_highest(study, scan).values())
        assert scan.detect(study, np.random.default_rng(1))[0].statistic == pytest.approx(best, abs=1e-9)


def test_replicate_maxima_in_groups_are_those_of_days_permuted_within_the_groups():
    study = _grouped(random_study(3, areas=8, cases=30, days=12), [0, 0, 0, 1])
    group = study.locations.reporting[study.location]
    scan = PermutationScan(max_window_days=5, replicates=4000)
    ours = scan.replicate_maxima(study, np.random.default_rng(1))
    rng, theirs = np.random.default_rng(2), []
    for _ in range(300):
        permuted = replace(study, day=study.day.copy())
        for one in (0, 1):
            permuted.day[group == one] = rng.permutation(study.day[group == one])
        theirs.append(max(_highest(permuted, scan).values(), default=0.0))
    error = np.std(theirs) / np.sqrt(300)
    assert abs(np.mean(theirs) - ours.mean()) < 4 * error


def test_replicate_maxima_are_those_of_a_search_through_everything():
    # A permutation of days is itself a study: its own highest must follow the same distribution.
    study = random_study(3, areas=8, cases=30, days=12)
    scan = PermutationScan(max_window_days=5, replicates=4000)
    ours = scan.replicate_maxima(study, np.random.default_rng(1))
    rng = np.random.default_rng(2)
    theirs = []
    for _ in range(300):
        permuted = random_study(3, areas=8, cases=30, days=12)
        permuted.day[:] = rng.permutation(study.day)
        theirs.append(max(_highest(permuted, scan).values(), default=0.0))
    error = np.std(theirs) / np.sqrt(300)
    assert abs(np.mean(theirs) - ours.mean()) < 4 * error
