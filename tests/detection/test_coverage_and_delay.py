"""Null histories where areas join late or report late, and what is expected where nobody reports.

Cases without any cluster; the scan may come up with p <= .01 in one history of a hundred, whatever the
partners do. Without the reporting groups it comes up far more often: these histories are hard.
"""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scipy.stats import binom

from surveillance.detection.cluster import Study
from surveillance.detection.proximity import Proximity
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.detection.study import make_locations

AREAS, DAYS = 80, 365
START = date(2024, 1, 1)
AS_OF = START + timedelta(days=DAYS - 1)
SCAN = PermutationScan(
    max_radius_km=20, max_window_days=14, replicates=99, max_p=0.01, max_clusters=1, threads=1
)


def _history(seed, cases_a_year, since_days=None, delay_days=None):
    """Cases at random over areas and days, without those of a corner (one area of four) that a partner did
    not cover yet, and without those whose report is still on its way."""
    rng = np.random.default_rng(seed)
    places = np.random.default_rng(0).uniform(0, 40, (AREAS, 2))
    corner = (places < 20).all(axis=1)
    count = rng.poisson(cases_a_year)
    location, day = rng.integers(0, AREAS, count).astype(np.int32), rng.integers(0, DAYS, count)
    known, received = np.ones(count, np.bool_), day
    if since_days is not None:
        known &= ~corner[location] | (day >= DAYS - since_days)
    if delay_days is not None:
        received = day + rng.exponential(np.where(corner[location], *delay_days)).astype(np.int64)
        known &= received < DAYS
    location, day, received = location[known], day[known].astype(np.int32), received[known].astype(np.int32)
    locations = make_locations([str(n) for n in range(AREAS)], places, reporting=corner)
    ids = tuple(str(n) for n in range(len(day)))
    return Study(ids, location, day, START, AS_OF, locations, received=received)


def _alike(study):
    return replace(study, locations=replace(study.locations, reporting=None))


def _came_up(studies, scan=SCAN):
    return sum(bool(scan.detect(study, np.random.default_rng(n))) for n, study in enumerate(studies))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("runs", "history"),
    [
        (300, {"cases_a_year": 250, "since_days": 60}),
        (200, {"cases_a_year": 4000, "delay_days": (1.0, 8.0)}),
    ],
    ids=["a quarter of the areas joined 60 days ago", "a quarter of the areas reports after 1 day, not 8"],
)
def test_neither_joining_late_nor_reporting_late_looks_like_a_cluster(runs, history):
    studies = [_history(seed, **history) for seed in range(runs)]
    assert _came_up(studies) <= binom.ppf(0.999, runs, 0.01)
    assert _came_up([_alike(study) for study in studies]) > binom.ppf(0.999, runs, 0.01)


@pytest.mark.slow
def test_delays_that_nobody_knows_to_differ_between_areas_look_like_no_cluster_to_a_scan_within_delays():
    runs = 200
    studies = [_alike(_history(seed, 4000, delay_days=(1.0, 8.0))) for seed in range(runs)]
    within = replace(SCAN, report_delay=True)
    assert _came_up(studies, within) <= binom.ppf(0.999, runs, 0.01)
    assert _came_up(studies) > binom.ppf(0.999, runs, 0.01)


def test_a_scan_within_delays_says_so_and_still_finds_a_cluster():
    study = _alike(_history(1, 400, delay_days=(1.0, 8.0)))
    more, day = 12, np.int32(DAYS - 4)
    study = replace(
        study,
        ids=(*study.ids, *(f"new-{n}" for n in range(more))),
        location=np.append(study.location, np.full(more, 7, np.int32)),
        day=np.append(study.day, np.full(more, day)),
        received=np.append(study.received, np.full(more, day + 2)),
    )
    (cluster,) = replace(SCAN, report_delay=True).detect(study, np.random.default_rng(1))
    assert {f"new-{n}" for n in range(more)} <= set(cluster.members)
    assert "among cases reported as soon after" in cluster.expected_basis
    (unknown,) = replace(SCAN, report_delay=True).detect(
        replace(study, received=None), np.random.default_rng(1)
    )
    assert "as soon after" not in unknown.expected_basis


def test_a_scan_in_groups_says_so_and_counts_the_cases_that_nobody_covers():
    study = _history(1, 250, since_days=60)
    joined = (AS_OF - timedelta(days=15)).toordinal()
    corner = study.locations.reporting == 1
    covered = np.where(corner[:, None], [joined, date.max.toordinal()], [0, date.max.toordinal()])
    study = replace(study, locations=replace(study.locations, covered=covered.astype(np.int32)))
    early = int((corner[study.location] & (study.day < DAYS - 16)).sum())
    assert study.outside_coverage == early > 0
    cluster = replace(SCAN, max_p=1.0).detect(study, np.random.default_rng(1))[0]
    assert "within each of 2 groups of areas whose reports come alike" in cluster.expected_basis
    assert f"{early} of all cases are of areas and days that no partner covers" in cluster.expected_basis
    alone = replace(SCAN, max_p=1.0).detect(_alike(study), np.random.default_rng(1))[0]
    assert "groups" not in alone.expected_basis


def _one_of_two_areas_covered_for(days_of_ten, population):
    first = START.toordinal() + 10 - days_of_ten
    locations = make_locations(
        ["A", "B"],
        [(0, 0), (50, 0)],
        population=[1000, 3000] if population else None,
        reporting=[0, 1],
        covered=[(first, date.max.toordinal()), (0, date.max.toordinal())],
    )
    days = [9, 8, 8, 0, 1, 2, 3, 4, 5, 6]
    return Study(
        tuple("abcdefghij"),
        np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 1], np.int32),
        np.array(days, np.int32),
        START,
        START + timedelta(days=9),
        locations,
    )


def _around_a(rule, days_of_ten, population):
    study = _one_of_two_areas_covered_for(days_of_ten, population)
    return next(one for one in rule.detect(study, np.random.default_rng(1)) if one.centre == "A")


def test_where_nobody_reports_proximity_expects_no_case():
    rule = Proximity(radius_km=1, window_days=5, min_cases=3)
    cluster = _around_a(rule, 2, True)
    # Ten cases over 1000 x 2 + 3000 x 10 person-days; the ball has 1000 x 2 of them.
    assert cluster.expected == pytest.approx(10 * 2000 / 32000)
    cluster = _around_a(rule, 1, True)
    # Two of the cases are of days that nobody covers.
    assert cluster.expected == pytest.approx(8 * 1000 / 31000)


def test_without_population_proximity_expects_the_days_of_areas_that_report_alike():
    rule = Proximity(radius_km=1, window_days=5, min_cases=3)
    cluster = _around_a(rule, 2, False)
    assert cluster.expected == pytest.approx(3 * 3 / 3)
