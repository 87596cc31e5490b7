"""Secondary clusters, limits, and what is refused, on studies small enough to see through."""

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from scan_studies import counts, population

from surveillance.detection.cluster import Locations
from surveillance.detection.scan.analysis import Analysis, ScanStudy
from surveillance.detection.scan.engine import run_scan

START = date(2024, 1, 1)


def _line(
    cases: list[tuple[int, int, int]], people: list[float], days: int = 10, gap: float = 1.0
) -> ScanStudy:
    """Locations A, B, ... in a row, so far apart, with cases (location, day, count) and constant people."""
    return ScanStudy(
        Locations(
            tuple("ABCDEFGH"[: len(people)]), np.array([(gap * one, 0.0) for one in range(len(people))])
        ),
        counts(cases),
        START,
        START + timedelta(days=days - 1),
        population=population((place, 0, number) for place, number in enumerate(people)),
    )


def _scan(study: ScanStudy, **settings) -> list:
    analysis = Analysis(**{"model": "poisson", "span": "spatial", "replicates": 0, **settings})
    return list(run_scan(study, analysis, np.random.default_rng(1)).clusters)


# Many cases in A and B, some in D.
ROW = _line([(0, 1, 30), (1, 2, 28), (2, 3, 2), (3, 4, 20), (4, 5, 3), (5, 6, 3)], [100.0] * 6)


def test_clusters_that_share_no_location():
    found = _scan(ROW)
    assert [set(one.locations) for one in found] == [{"A", "B"}, {"D"}]


def test_clusters_whose_centre_is_in_no_stronger_one_may_overlap_it():
    found = _scan(ROW, secondary="no-centre-in-more-likely")
    taken: set[str] = set()
    for one in found:
        assert one.centre not in taken
        taken |= set(one.locations)
    assert any(
        set(one.locations) & set(other.locations) for one in found for other in found if one is not other
    )


def test_without_restriction_every_centre_has_its_best():
    found = _scan(ROW, secondary="none")
    assert len({one.centre for one in found}) == len(found)
    assert {"A", "B", "D"} <= {one.centre for one in found}


def test_locations_come_in_distance_order_and_the_radius_reaches_the_last():
    study = _line([(1, 0, 9), (2, 0, 8), (3, 0, 9)], [10.0] * 8, gap=2.5)
    best = _scan(study)[0]
    assert best.centre == "C"
    assert best.locations == ("C", "B", "D")
    assert best.radius_km == 2.5


def test_a_location_above_the_largest_share_is_in_no_circle():
    study = _line([(0, 0, 50), (1, 0, 9), (2, 0, 1)], [600.0, 100.0, 300.0])
    assert all("A" not in one.locations for one in _scan(study, secondary="none", max_share=0.5))
    assert any(
        "A" in one.locations for one in _scan(study, secondary="none", max_share=0.7, rates="high-or-low")
    )


def test_the_share_of_a_poisson_scan_is_of_the_population_and_of_a_bernoulli_scan_of_everybody():
    study = _line([(0, 0, 5), (1, 0, 5), (2, 0, 1)], [10.0, 20.0, 30.0])
    assert _scan(study, max_share=0.5, secondary="none")[0].locations == ("A", "B")
    controls = counts([(0, 0, 5), (1, 0, 15), (2, 0, 9)])
    found = _scan(replace(study, controls=controls), model="bernoulli", max_share=0.5, secondary="none")
    assert {one.locations for one in found} == {("A",)}


def test_earlier_analyses_with_a_radius_leave_the_share_out():
    study = _line([(0, 9, 9), (1, 0, 1), (1, 5, 1)], [1.0, 1.0, 1.0])
    settings = {"model": "permutation", "span": "prospective", "max_window": 2, "max_radius_km": 0.5}
    assert _scan(study, **settings) == []
    since = START + timedelta(days=8)
    assert _scan(study, **settings, earlier_analyses_since=since)[0].locations == ("A",)


def test_centres_at_the_same_coordinates_count_once_and_their_locations_stay_together():
    study = _line([(0, 0, 9), (1, 0, 1), (2, 0, 1)], [10.0, 10.0, 40.0])
    study = replace(
        study, locations=replace(study.locations, coordinates=np.array([(0, 0), (0, 0), (5.0, 0)]))
    )
    found = _scan(study, secondary="none")
    assert [(one.centre, set(one.locations)) for one in found] == [("A", {"A", "B"})]


def test_a_purely_temporal_cluster_is_of_all_locations_and_has_no_centre():
    study = _line([(0, 4, 9), (1, 5, 8), (2, 9, 1), (0, 0, 1)], [10.0] * 3)
    (one,) = _scan(study, span="temporal")
    assert (one.centre, one.radius_km, one.locations) == (None, None, ("A", "B", "C"))
    assert (one.start, one.end) == (START + timedelta(days=4), START + timedelta(days=5))
    assert one.recurrence_interval_days is None


def test_low_rates_need_no_case_and_have_a_risk_below_one():
    study = _line([(0, 0, 20), (1, 0, 18), (2, 0, 22)], [10.0] * 4)
    low = _scan(study, rates="low")[0]
    assert (low.locations, low.observed, low.relative_risk) == (("D",), 0, 0.0)
    either = _scan(study, rates="high-or-low", secondary="none")
    assert either[0] == low
    assert all(one.relative_risk > 1 for one in _scan(study))


def test_all_cases_in_one_place_are_infinitely_more_at_risk():
    assert _scan(_line([(0, 0, 5)], [10.0, 10.0, 10.0]))[0].relative_risk == np.inf


def test_expected_counts_matter_by_their_proportions_only():
    study = replace(ROW, population=None, expected=np.tile([[1.0], [1], [2], [1], [1], [3]], (1, 10)))
    other = replace(study, expected=study.expected * 77)
    assert [replace(one, expected=0, statistic=0, relative_risk=0) for one in _scan(study)] == [
        replace(one, expected=0, statistic=0, relative_risk=0) for one in _scan(other)
    ]
    assert [one.statistic for one in _scan(study)] == pytest.approx([one.statistic for one in _scan(other)])


def test_a_census_within_the_study_bends_the_population():
    # Nobody lives in B until half time; A and B have as many at the end.
    people = population([(0, 0, 10), (0, 10, 10), (1, 0, 0), (1, 5, 0), (1, 10, 10)])
    study = replace(_line([(0, 1, 4), (1, 9, 4)], [1.0, 1.0]), population=people)
    best = _scan(study, max_share=1.0, span="retrospective", max_window=10, secondary="none")
    b = next(one for one in best if one.locations == ("B",))
    # Person-days: 100 in A; in B half of 5 days times 10.
    assert b.observed == 4
    last_day = 8 * (0.5 * (8 + 10)) / 125
    assert b.expected == pytest.approx(last_day)


@pytest.mark.parametrize("model", ["permutation", "poisson", "bernoulli"])
@pytest.mark.parametrize("cases", [[], [(0, 3, 1)], [(0, 3, 6), (1, 3, 2)]])
@pytest.mark.parametrize("people", [[10.0], [10.0, 20.0, 0.0]])
def test_few_cases_one_location_and_one_day_give_an_answer(model, cases, people):
    cases = [row for row in cases if row[0] < len(people)]
    study = replace(_line(cases, people), controls=counts([(0, 1, 3)]))
    for span in ("prospective", "retrospective"):
        analysis = Analysis(model, span, replicates=19)
        result = run_scan(study, analysis, np.random.default_rng(1))
        assert result.cases == sum(row[2] for row in cases)
        assert len(result.maxima) == 19
        assert all(0 < one.p_value <= 1 for one in result.clusters)


def test_secondary_clusters_that_every_replicate_exceeds_are_not_listed_but_the_first_is():
    study = _line([(place, place, 2) for place in range(8)], [10.0] * 8)
    everything = _scan(study, secondary="none", min_cases=1)
    listed = _scan(study, secondary="none", min_cases=1, replicates=99)
    assert len(listed) < len(everything) or not everything
    assert all(one.p_value < 1 for one in listed[1:])


REFUSED = [
    ({"max_share": 0.0}, "max_share: must be above 0 and at most 1"),
    ({"max_radius_km": 0.0}, "max_radius_km: must be above 0"),
    ({"min_window": 0, "span": "temporal"}, "min_window: must be at least 1"),
    ({"max_window": 2, "max_window_share": 0.5}, "max_window_share: leave it out or leave out max_window"),
    ({"min_cases": 0}, "min_cases: must be at least 1"),
    ({"replicates": -1}, "replicates: must be at least 0"),
    ({"threads": 0}, "threads: must be at least 1"),
    ({"model": "permutation"}, "model: permutation needs place and time"),
    ({"day_of_week": True}, "day_of_week: goes with the permutation model"),
    ({"log_linear_trend": True}, "log_linear_trend: goes with the poisson model over time"),
    (
        {"randomisation": "time-stratified"},
        "randomisation: time-stratified goes with the poisson model in space",
    ),
    ({"earlier_analyses_since": START}, "earlier_analyses_since: goes with a prospective analysis"),
    ({"model": "bernoulli"}, "controls: the bernoulli model compares cases with controls"),
    ({"span": "temporal", "min_window": 6}, "max_window: no window of 6 to 5 days fits"),
]


@pytest.mark.parametrize(("settings", "words"), REFUSED)
def test_settings_that_do_not_go_together_are_refused(settings, words):
    with pytest.raises(ValueError, match=words):
        _scan(ROW, **settings)


def test_cases_outside_the_population_are_refused_naming_the_location():
    with pytest.raises(ValueError, match="cases: 5 where nobody is at risk, the first at location B"):
        _scan(_line([(0, 0, 2), (1, 3, 5)], [10.0, 0.0]))
    study = _line([(0, 0, 2, 0), (1, 3, 5, 1)], [10.0, 5.0])
    with pytest.raises(ValueError, match="population: nobody of stratum 1 is at risk, but it has 5 cases"):
        _scan(study)


def test_rows_outside_the_study_are_refused_naming_the_location():
    with pytest.raises(
        ValueError, match=r"cases: 1 rows are outside the study \(.*\), the first at location B"
    ):
        _scan(_line([(0, 0, 2), (1, 10, 5)], [10.0, 10.0]))
    with pytest.raises(ValueError, match="controls: a row names location number 7, but there are 2"):
        _scan(replace(_line([(0, 0, 2)], [1.0, 1.0]), controls=counts([(7, 0, 1)])), model="bernoulli")
    with pytest.raises(ValueError, match="cases: a count is below 0"):
        _scan(_line([(0, 0, -2)], [1.0, 1.0]))


def test_bad_expected_counts_are_refused():
    for table, words in (
        (np.ones((6, 9)), r"expected: must be of shape \(6, 10\)"),
        (np.full((6, 10), -1.0), "expected: must be finite and at least 0"),
        (np.zeros((6, 10)), "expected: it is zero everywhere"),
    ):
        with pytest.raises(ValueError, match=words):
            _scan(replace(ROW, population=None, expected=table))
    with pytest.raises(
        ValueError, match="population: the poisson model takes the population or the expected"
    ):
        _scan(replace(ROW, expected=np.ones((6, 10))))


def test_a_trend_that_is_infinite_is_refused():
    with pytest.raises(ValueError, match="log_linear_trend: all cases are in the first or in the last"):
        _scan(_line([(0, 9, 5), (1, 9, 2)], [10.0, 10.0]), span="temporal", log_linear_trend=True)
