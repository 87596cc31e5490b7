"""The Poisson scan with a modelled baseline: what it expects, its checks, and what it does without them."""

import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
import scan_studies
from detection_studies import REFERENCE, START, random_study, synthetic
from scipy.stats import binom

from surveillance.detection.baseline import model_baseline
from surveillance.detection.cluster import Study
from surveillance.detection.report_delay import completeness
from surveillance.detection.scan.permutation import BASIS, PermutationScan
from surveillance.detection.scan.poisson import MODELLED, PoissonScan
from surveillance.detection.study import make_locations

AREAS, DAYS = 60, 730
HOLIDAYS = frozenset(START + timedelta(days=day) for day in range(20, DAYS, 45))
SCAN = PoissonScan(max_radius_km=20, max_window_days=14, replicates=99, max_p=0.01, max_clusters=1, threads=1)


def _history(seed, cases_a_year=900, log_sd=0.0, delay_days=0.0, days=DAYS, slow_days=0.0):
    """Cases by population, with a season, a trend, quiet weekends, quiet bank holidays and late reports."""
    rng = np.random.default_rng(seed)
    places = np.random.default_rng(0).uniform(0, 40, (AREAS, 2))
    people = np.random.default_rng(1).integers(1000, 3000, AREAS)
    day = np.arange(days)
    rate = np.exp(0.4 * np.sin(2 * np.pi * day / 365.25) + 0.3 * day / 365.25)
    rate *= np.where((START.weekday() + day) % 7 >= 5, 0.6, 1.0)
    rate *= np.where([START + timedelta(days=int(one)) in HOLIDAYS for one in day], 0.5, 1.0)
    risk = people * np.exp(log_sd * rng.standard_normal(AREAS))
    count = rng.poisson(cases_a_year * days / 365.25)
    on = rng.choice(day, count, p=rate / rate.sum())
    at = rng.choice(AREAS, count, p=risk / risk.sum())
    corner = (places < 20).all(axis=1)
    mean_delay = np.where(corner[at], slow_days or delay_days, delay_days)
    received = on + rng.exponential(mean_delay).astype(int) if delay_days else on
    known = received < days
    return Study(
        tuple(f"c{n}" for n in range(known.sum())),
        at[known].astype(np.int32),
        on[known].astype(np.int32),
        START,
        START + timedelta(days=days - 1),
        make_locations(
            [f"A{n:02}" for n in range(AREAS)],
            places,
            population=people,
            units={"lad": ["slow" if one else "usual" for one in corner]},
        ),
        received=received[known].astype(np.int32),
        holidays=HOLIDAYS,
    )


def test_a_local_authority_that_reports_late_is_expected_to_have_fewer_of_the_last_days_cases():
    study = _history(1, cases_a_year=20_000, delay_days=1.0, slow_days=8.0)
    slow = np.array(study.locations.units["lad"]) == "slow"
    people = study.locations.population
    missing_days = np.arange(5, 0, -1)
    true = people[slow].sum() / people[~slow].sum()
    true *= (1 - np.exp(-missing_days / 8.0)) / (1 - np.exp(-missing_days / 1.0))

    def slow_to_usual(one):
        expected = model_baseline(one, 14).expected[:, -5:]
        return expected[slow].sum(axis=0) / expected[~slow].sum(axis=0)

    assert slow_to_usual(study) == pytest.approx(true, rel=0.25)
    nobody_knows = replace(study, locations=replace(study.locations, units={}))
    assert (slow_to_usual(nobody_knows) > 1.5 * true).all()


def test_the_baseline_finds_season_trend_weekday_holidays_and_late_reports():
    study = _history(1, cases_a_year=20_000, delay_days=3.0)
    baseline = model_baseline(study, 14)
    assert baseline.misfit == ""
    day = np.arange(DAYS)
    true = np.exp(0.4 * np.sin(2 * np.pi * day / 365.25) + 0.3 * day / 365.25)
    true *= np.where((START.weekday() + day) % 7 >= 5, 0.6, 1.0)
    true *= np.where([START + timedelta(days=int(one)) in HOLIDAYS for one in day], 0.5, 1.0)
    true *= 1 - np.exp(-(DAYS - day) / 3.0)
    by_day = baseline.expected.sum(axis=0)
    assert by_day.sum() == pytest.approx(len(study.ids), rel=1e-6)
    ratio = (by_day / by_day.sum()) / (true / true.sum())
    holiday = np.array([START + timedelta(days=int(one)) in HOLIDAYS for one in day])
    assert ratio[~holiday][:-5] == pytest.approx(np.ones((~holiday).sum() - 5), abs=0.08)
    assert ratio[holiday] == pytest.approx(np.ones(holiday.sum()), abs=0.2)
    assert ratio[-5:] == pytest.approx(np.ones(5), abs=0.2)
    people = study.locations.population
    assert baseline.expected.sum(axis=1) == pytest.approx(len(study.ids) * people / people.sum(), rel=1e-3)


@pytest.mark.parametrize("modelled_days", [True, False])
def test_a_cluster_has_the_statistic_of_its_cases_and_of_the_baseline_inside(modelled_days):
    study = _history(8)
    # Eight cases in two areas in the last days.
    study.location[:8], study.day[:8] = [0, 0, 0, 0, 0, 0, 1, 1], DAYS - 2
    expected = model_baseline(study, 14).expected
    if not modelled_days:
        expected = np.repeat(expected.mean(axis=1, keepdims=True), DAYS, axis=1)
    scan = PoissonScan(max_window_days=14, replicates=99, modelled_days=modelled_days)
    best = scan.detect(study, np.random.default_rng(1))[0]
    inside = [study.locations.codes.index(code) for code in best.areas]
    mu = expected[inside, (best.start - START).days :].sum()
    c, total = best.observed, len(study.ids)
    assert c == len(best.members)
    assert best.expected == pytest.approx(mu)
    assert best.statistic == pytest.approx(
        c * np.log(c / mu) + (total - c) * np.log((total - c) / (total - mu))
    )
    # No other circle and window reaches it.
    places = study.locations.coordinates
    for centre in range(AREAS):
        order = np.argsort(((places - places[centre]) ** 2).sum(axis=1))
        for size in range(1, AREAS // 3):
            here = np.isin(study.location, order[:size])
            for window in range(1, 15):
                seen = int((here & (study.day >= DAYS - window)).sum())
                usual = expected[order[:size], DAYS - window :].sum()
                if seen > max(usual, 1) and expected[order[:size]].sum() <= total / 2:
                    rest = (total - seen) * np.log((total - seen) / (total - usual))
                    assert seen * np.log(seen / usual) + rest <= best.statistic + 1e-9


def test_with_every_day_alike_it_is_the_discrete_poisson_scan_of_satscan():
    run = next(
        one
        for one in json.loads((REFERENCE / "satscan_10_3_2.json").read_text())["runs"]
        if one["id"] == "syn500_poisson_prospective"
    )
    study, people = synthetic(), scan_studies.synthetic().population
    assert people is not None
    population = np.zeros(len(study.locations.codes))
    population[people.location] = people.people
    study = replace(study, locations=replace(study.locations, population=population))
    clusters = PoissonScan(max_window_days=28, modelled_days=False).detect(study, np.random.default_rng(1))
    for ours, theirs in zip(clusters, run["clusters"], strict=False):
        assert ours.statistic == pytest.approx(theirs["LLR"], abs=5e-7)
        assert ours.areas == tuple(theirs["locations"])
        assert ours.start.strftime("%Y/%-m/%-d") == theirs["START_DATE"]
        assert (ours.observed, ours.centre) == (theirs["OBSERVED"], theirs["LOC_ID"])
        assert ours.expected == pytest.approx(theirs["EXPECTED"], abs=0.0051)
        assert ours.p_value == pytest.approx(theirs["P_VALUE"], abs=0.07)
    assert len(clusters) >= 2


def test_completeness_is_that_of_the_delays():
    study = _history(2, cases_a_year=30_000, delay_days=4.0)
    share = completeness(study, np.ones(len(study.ids), np.bool_))
    back = np.arange(15)
    assert share[::-1][:15] == pytest.approx(1 - np.exp(-(back + 1) / 4.0), abs=0.03)
    assert completeness(replace(study, received=None), np.ones(len(study.ids), np.bool_)).min() == 1


@pytest.mark.parametrize(
    ("study", "misfit"),
    [
        (random_study(1), "population of the areas is not known"),
        (_history(3, log_sd=0.5), "areas differ"),
        (replace(_history(4), holidays=frozenset()), ""),
    ],
    ids=["no population", "areas that differ by a log-sd of 0.5", "holidays not known"],
)
def test_where_the_baseline_fits_badly_the_permutation_scan_looks_and_the_evidence_says_so(study, misfit):
    assert misfit in model_baseline(study, 14).misfit
    scan = PoissonScan(max_radius_km=20, max_window_days=14, replicates=9)
    clusters = scan.detect(study, np.random.default_rng(1))
    if not misfit:
        assert all(one.expected_basis == MODELLED for one in clusters)
        return
    permutation = PermutationScan(max_radius_km=20, max_window_days=14, replicates=9)
    seed = int(np.random.default_rng(1).integers(0, 1 << 63))
    same = permutation.detect(study, np.random.default_rng(seed))
    assert [(one.members, one.statistic, one.p_value) for one in clusters] == [
        (one.members, one.statistic, one.p_value) for one in same
    ]
    assert clusters
    for one in clusters:
        assert one.detector == "poisson-scan"
        assert BASIS in one.expected_basis
        assert "the modelled baseline fits badly and was not used" in one.expected_basis
        assert misfit in one.expected_basis


def test_days_that_vary_more_than_chance_allows_are_refused():
    study = _history(5)
    days = np.random.default_rng(1).permutation(study.day)
    busy = np.where(np.arange(len(days)) % 3 == 0, days // 30 * 30, days).astype(np.int32)
    assert "vary more" in model_baseline(replace(study, day=busy, received=None), 14).misfit


def test_a_case_where_nobody_lives_is_never_left_out_in_silence():
    study = _history(6)
    people = study.locations.population.copy()
    people[study.location[0]] = 0
    empty = replace(study, locations=replace(study.locations, population=people))
    for modelled_days in (True, False):
        scan = PoissonScan(max_radius_km=20, replicates=9, modelled_days=modelled_days)
        for one in scan.detect(empty, np.random.default_rng(1)):
            assert "there are cases where nobody lives" in one.expected_basis


def test_area_days_that_nobody_covers_expect_nothing():
    study = _history(7)
    late = study.locations.coordinates[:, 0] < 10
    since = (study.as_of - timedelta(days=59)).toordinal()
    covered = np.where(late[:, None], [since, date.max.toordinal()], [0, date.max.toordinal()])
    kept = ~late[study.location] | (study.day >= DAYS - 60)
    located = replace(study.locations, reporting=late.astype(np.int32), covered=covered.astype(np.int32))
    study = replace(
        study,
        ids=tuple(np.array(study.ids)[kept]),
        location=study.location[kept],
        day=study.day[kept],
        received=study.received[kept],
        locations=located,
    )
    expected = model_baseline(study, 14).expected
    assert expected[late, : DAYS - 60].max() == 0
    assert expected[late].sum() == pytest.approx(late[study.location].sum())
    assert expected[~late].sum() == pytest.approx((~late)[study.location].sum())


@pytest.mark.slow
def test_on_null_histories_false_alarms_are_as_rare_as_they_claim_and_the_baseline_is_used():
    studies = [_history(seed, delay_days=2.0) for seed in range(150)]
    refused = sum(bool(model_baseline(study, 14).misfit) for study in studies)
    assert refused <= binom.ppf(0.999, 150, 0.02)
    found = sum(bool(SCAN.detect(study, np.random.default_rng(n))) for n, study in enumerate(studies))
    assert found <= binom.ppf(0.999, 150, 0.01)


@pytest.mark.slow
def test_areas_that_differ_are_told_from_chance_and_keep_the_false_alarms_rare():
    studies = [_history(seed, log_sd=0.5) for seed in range(60)]
    assert sum("areas differ" in model_baseline(study, 14).misfit for study in studies) >= 58
    found = sum(bool(SCAN.detect(study, np.random.default_rng(n))) for n, study in enumerate(studies))
    assert found <= binom.ppf(0.999, 60, 0.01)
