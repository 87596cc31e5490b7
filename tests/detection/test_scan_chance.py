"""What chance is given in every model: replicates as the null says, p-values that are true of null data."""

from dataclasses import replace
from datetime import date, timedelta

import brute_scan
import numpy as np
import pytest
from scan_studies import counts, population
from scipy.stats import kstest

from surveillance.detection.cluster import Locations
from surveillance.detection.scan.analysis import Analysis, ScanStudy
from surveillance.detection.scan.engine import run_scan
from surveillance.detection.scan.inference import gumbel_p_value, p_value, recurrence_interval_days

START = date(2024, 1, 1)
PLACES, DAYS, CASES, CONTROLS = 6, 12, 40, 50


def _null_study(rng: np.random.Generator) -> ScanStudy:
    """Cases and controls anywhere, any day, in proportion to a population that differs and grows."""
    spots = np.random.default_rng(0).uniform(0, 10, (PLACES, 2))
    people = [(place, day, 10 + 5 * place + day) for place in range(PLACES) for day in (0, DAYS)]
    weight = np.array(
        [[10 + 5 * place + day + 0.5 for day in range(DAYS)] for place in range(PLACES)]
    ).ravel()

    def anywhere(number: int) -> np.ndarray:
        cells = rng.choice(PLACES * DAYS, number, p=weight / weight.sum())
        return np.stack([cells // DAYS, cells % DAYS, np.ones(number, int)]).T

    return ScanStudy(
        Locations(tuple("ABCDEF"), spots),
        counts(anywhere(CASES)),
        START,
        START + timedelta(days=DAYS - 1),
        controls=counts(anywhere(CONTROLS)),
        population=population(people),
    )


SETTINGS = [
    Analysis("permutation", "prospective", max_window=4),
    Analysis("permutation", "retrospective", max_window=4, day_of_week=True),
    Analysis("poisson", "retrospective", max_window=4),
    Analysis("poisson", "prospective", max_window=4, earlier_analyses_since=START + timedelta(days=8)),
    Analysis("poisson", "retrospective", max_window=4, randomisation="time-stratified"),
    Analysis("poisson", "retrospective", max_window=4, randomisation="space-stratified"),
    Analysis("poisson", "spatial", rates="high-or-low"),
    Analysis("poisson", "temporal"),
    Analysis("bernoulli", "retrospective", max_window=4),
    Analysis("bernoulli", "spatial", rates="low"),
    Analysis("bernoulli", "temporal"),
]
NAMES = [f"{one.model}-{one.span}-{one.randomisation}-{one.rates}" for one in SETTINGS]


def _redrawn(study: ScanStudy, analysis: Analysis, rng: np.random.Generator) -> np.ndarray:
    """(places, days) cases drawn anew as the null of the model says, in the plainest way."""
    seen = brute_scan.observed_of(study, analysis)
    result = np.zeros(seen.shape, int)
    if analysis.model == "permutation":
        stratum = study.cases.day % 7 if analysis.day_of_week else np.zeros(CASES, int)
        day = study.cases.day.copy()
        for one in set(stratum.tolist()):
            day[stratum == one] = rng.permutation(day[stratum == one])
        np.add.at(result, (study.cases.location, day), 1)
        return result
    measure = brute_scan.measure_of(study, analysis)
    if analysis.model == "bernoulli":
        persons = np.repeat(np.arange(measure.size), measure.ravel().astype(int))
        np.add.at(result.ravel(), rng.permutation(persons)[:CASES], 1)
    elif analysis.randomisation == "time-stratified":
        for day in range(seen.shape[1]):
            if seen[:, day].sum():
                share = measure[:, day] / measure[:, day].sum()
                result[:, day] = rng.multinomial(seen[:, day].sum(), share)
    elif analysis.randomisation == "space-stratified":
        for place in range(PLACES):
            result[place] = rng.multinomial(seen[place].sum(), measure[place] / measure[place].sum())
    else:
        cells = rng.multinomial(CASES, measure.ravel() / measure.sum())
        result = cells.reshape(measure.shape)
    return result


@pytest.mark.parametrize("analysis", SETTINGS, ids=NAMES)
def test_replicates_are_drawn_as_the_null_of_the_model_says(analysis):
    rng = np.random.default_rng(3)
    study = _null_study(rng)
    ours = run_scan(study, replace(analysis, replicates=3999), np.random.default_rng(1)).maxima
    measure = brute_scan.measure_of(study, analysis)
    theirs = [
        max(
            brute_scan.best_by_centre(
                study, analysis, _redrawn(study, analysis, rng), measure, null=True
            ).values()
        )
        for _ in range(120)
    ]
    error = np.std(ours) * np.sqrt(1 / len(theirs) + 1 / len(ours))
    assert abs(np.mean(theirs) - ours.mean()) < 4 * error
    for share in (0.5, 0.9):
        above = np.mean(np.array(theirs) >= np.quantile(ours, share))
        # Ties can only add to those at or above.
        at_most = np.mean(ours >= np.quantile(ours, share) - 1e-9)
        assert 1 - share - 0.16 < above < at_most + 0.16


@pytest.mark.parametrize("analysis", SETTINGS, ids=NAMES)
def test_p_values_of_null_studies_are_uniform(analysis):
    rng = np.random.default_rng(11)
    counted, split = [], []
    for _ in range(150):
        result = run_scan(_null_study(rng), replace(analysis, replicates=99), rng)
        best = result.clusters[0].statistic if result.clusters else 0.0
        higher, tied = (result.maxima > best + 1e-9).sum(), (np.abs(result.maxima - best) <= 1e-9).sum()
        counted.append(result.clusters[0].p_value if result.clusters else 1.0)
        split.append((higher + rng.uniform() * (1 + tied)) / 100)
    # Ties count, so p may be above what chance deserves, never below it; without them it is uniform. An
    # adjustment for earlier analyses makes it larger on purpose.
    assert kstest(counted, "uniform", alternative="greater").pvalue > 0.001
    if analysis.earlier_analyses_since is None:
        assert kstest(split, "uniform").pvalue > 0.001


def test_the_same_seed_gives_the_same_answer_on_any_number_of_threads():
    study = _null_study(np.random.default_rng(4))
    for analysis in SETTINGS:
        one, three = (
            run_scan(study, replace(analysis, replicates=200, threads=threads), np.random.default_rng(8))
            for threads in (1, 3)
        )
        assert one.clusters == three.clusters
        assert one.maxima.tolist() == three.maxima.tolist()


def test_the_order_of_rows_does_not_matter():
    study = _null_study(np.random.default_rng(4))
    order = np.random.default_rng(5).permutation(CASES)
    rows = replace(
        study.cases,
        location=study.cases.location[order],
        day=study.cases.day[order],
        count=study.cases.count[order],
    )
    for analysis in SETTINGS:
        analysis = replace(analysis, replicates=50)
        one, other = (
            run_scan(each, analysis, np.random.default_rng(8)) for each in (study, replace(study, cases=rows))
        )
        assert one.clusters == other.clusters
        assert one.maxima.tolist() == other.maxima.tolist()


def test_rows_of_several_cases_are_as_good_as_rows_of_one():
    study = _null_study(np.random.default_rng(4))
    twice = replace(study, cases=replace(study.cases, count=study.cases.count * 2))
    rows = np.stack([study.cases.location, study.cases.day, study.cases.count]).T
    again = replace(study, cases=counts(np.concatenate([rows, rows])))
    for analysis in SETTINGS:
        analysis = replace(analysis, replicates=50)
        one, other = (run_scan(each, analysis, np.random.default_rng(8)) for each in (twice, again))
        assert one.clusters == other.clusters
        assert one.maxima.tolist() == other.maxima.tolist()


def test_progress_counts_every_replicate_once():
    told: list[tuple[int, int]] = []
    analysis = Analysis("poisson", "spatial", replicates=250, threads=2)
    run_scan(
        _null_study(np.random.default_rng(1)),
        analysis,
        np.random.default_rng(1),
        lambda *done: told.append(done),
    )
    assert told[-1] == (250, 250)
    assert [done for done, _ in told] == sorted({done for done, _ in told})


def test_ties_count_in_p_whichever_way_they_round():
    maxima = np.array([1.0, 2.0, 2.0 + 1e-12, 3.0])
    assert p_value(2.0 + 5e-12, maxima) == 4 / 5
    assert p_value(3.5, maxima) == 1 / 5
    assert p_value(0.5, maxima) == 1.0
    assert p_value(1.0, np.empty(0)) is None


def test_the_gumbel_tail_has_the_mean_and_variance_of_the_maxima():
    maxima = np.sort(np.random.default_rng(1).gumbel(5, 1.2, 20_000))
    for statistic in (4.0, 7.0, 12.0):
        assert gumbel_p_value(statistic, maxima) == pytest.approx(
            1 - np.exp(-np.exp(-(statistic - 5) / 1.2)), rel=0.1
        )
    assert gumbel_p_value(3.0, np.array([2.0, 2.0])) is None


@pytest.mark.parametrize(
    ("unit", "p", "analyses", "days"),
    [
        ("day", 0.001, 1, 1000),
        ("week", 0.01, 1, 700),
        ("month", 0.01, 1, 3043.75),
        ("year", 0.009, 1, 40583.33),
        ("day", 0.758, 7, 5.45),
        ("day", 1.0, 1, 1),
    ],
)
def test_the_recurrence_interval_is_the_units_days_over_the_p_of_one_analysis(unit, p, analyses, days):
    assert recurrence_interval_days(p, unit, analyses) == pytest.approx(days, rel=1e-3)
