"""What holds for every detector of the registry; a new one is tested by being there."""

import json
from dataclasses import FrozenInstanceError, fields, replace
from datetime import date

import numpy as np
import pytest
from detection_studies import random_study, reordered, rising_study

from surveillance.detection import registry
from surveillance.detection.cluster import Study
from surveillance.detection.study import make_locations, make_study

STUDIES = {
    "plain": random_study(1),
    "with population": random_study(2, population=True),
    "without tokens": random_study(3, tokens=False),
    "many cases": random_study(4, cases=400),
    "a rise in the last week": rising_study(5),
}


@pytest.fixture(params=registry.names())
def detector(request):
    return registry.build(request.param, {})


@pytest.fixture(params=STUDIES, ids=str)
def study(request):
    return STUDIES[request.param]


def _detect(detector, study, seed=7):
    return detector.detect(study, np.random.default_rng(seed))


def test_the_same_study_and_seed_give_the_same_clusters_to_the_bit(detector, study):
    assert repr(_detect(detector, study)) == repr(_detect(detector, study))


def test_the_order_of_the_cases_does_not_matter(detector, study):
    order = np.random.default_rng(1).permutation(len(study.ids))
    assert _detect(detector, reordered(study, order)) == _detect(detector, study)


def test_the_study_is_not_changed_and_may_be_read_only(detector, study):
    before = (study.location.copy(), study.day.copy(), study.locations.coordinates.copy())
    arrays = (study.location, study.day, study.locations.coordinates)
    for array in arrays:
        array.flags.writeable = False
    try:
        _detect(detector, study)
    finally:
        for array in arrays:
            array.flags.writeable = True
    assert all(np.array_equal(one, other) for one, other in zip(before, arrays, strict=True))


def test_members_are_cases_of_the_study_sorted_and_counted_once(detector, study):
    for cluster in _detect(detector, study):
        assert set(cluster.members) <= set(study.ids)
        assert list(cluster.members) == sorted(set(cluster.members))
        assert cluster.observed == len(cluster.members)


def test_dates_and_areas_are_those_of_the_study(detector, study):
    for cluster in _detect(detector, study):
        assert study.start <= cluster.start <= cluster.end <= study.as_of
        assert set(cluster.areas) <= set(study.locations.codes)
        assert len(set(cluster.areas)) == len(cluster.areas)
        assert cluster.centre in (None, cluster.areas[0])
        assert cluster.place == study.place


def test_every_number_is_finite_and_every_expected_count_has_its_basis(detector, study):
    for cluster in _detect(detector, study):
        for name in (
            "radius_km",
            "expected",
            "relative_risk",
            "statistic",
            "p_value",
            "recurrence_interval_days",
        ):
            value = getattr(cluster, name)
            assert value is None or (type(value) is float and np.isfinite(value))
        assert cluster.expected_basis
        assert type(cluster.observed) is int


def test_a_cluster_names_its_detector_version_and_parameters_as_json(detector, study):
    for cluster in _detect(detector, study):
        assert (cluster.detector, cluster.detector_version) == (detector.name, detector.version)
        assert json.loads(json.dumps(cluster.parameters)) == cluster.parameters
        assert registry.build(detector.name, cluster.parameters) == detector


@pytest.mark.parametrize("cases", [0, 1])
def test_next_to_no_cases_give_no_clusters(detector, cases):
    assert _detect(detector, _few(["A"] * cases, [date(2024, 1, 9)] * cases)) == ()


def test_no_locations_at_all_give_no_clusters(detector):
    study = make_study([], [], [], [], make_locations([], []), date(2024, 1, 1), date(2024, 1, 9))
    assert _detect(detector, study) == ()


@pytest.mark.parametrize(
    ("codes", "days"),
    [
        (["A"] * 9, [date(2024, 1, 1 + n) for n in range(9)]),
        (["A", "B", "C"] * 3, [date(2024, 1, 9)] * 9),
        (["A"] * 9, [date(2024, 1, 9)] * 9),
        (["A", "B", "C"] * 3, [date(2024, 1, 1)] * 9),
    ],
    ids=["one location", "all on the last day", "one location and day", "all on the first day"],
)
def test_degenerate_studies_never_fail_or_give_a_number_that_is_none(detector, codes, days):
    for cluster in _detect(detector, _few(codes, days)):
        assert cluster.expected is None or np.isfinite(cluster.expected)
        assert detector.name != "permutation-scan"


def test_areas_of_neighbours_alone_give_no_clusters(detector, study):
    outside = replace(study.locations, inside=np.zeros(len(study.locations.codes), np.bool_))
    assert _detect(detector, replace(study, locations=outside)) == ()


def test_a_detector_is_frozen(detector):
    with pytest.raises(FrozenInstanceError):
        setattr(detector, fields(detector)[0].name, 1)


def test_the_docstring_gives_formula_units_source_and_example(detector):
    text = type(detector).__doc__
    for word in ("Source:", "Example:", "days", "`", "xpected"):
        assert word in text
    assert any(year in text for year in map(str, range(1950, 2030)))


def _few(codes: list[str], days: list[date]) -> Study:
    locations = make_locations(["A", "B", "C"], [(0, 0), (1, 0), (0, 1)])
    ids = [f"c{number}" for number in range(len(codes))]
    tokens = [["school:1"]] * len(codes)
    return make_study(ids, codes, days, tokens, locations, date(2024, 1, 1), date(2024, 1, 9))
