"""The scan of any model against the plainest possible one, on small invented studies."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import brute_scan
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scan_studies import counts, population

from surveillance.detection.cluster import Locations
from surveillance.detection.scan import draw_kernel
from surveillance.detection.scan.analysis import Analysis, ScanStudy
from surveillance.detection.scan.baseline import make_baseline
from surveillance.detection.scan.engine import run_scan
from surveillance.detection.scan.time_axis import make_time_axis, make_windows

START = date(2024, 1, 1)


@st.composite
def studies(draw: st.DrawFn) -> ScanStudy:
    """A few cases, controls and people on a coarse grid: distances tie, locations share their coordinates,
    nobody lives here or there, and the population changes within the study."""
    spots = draw(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=6))
    days = draw(st.integers(2, 24))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))

    def rows(most: int, *columns: int) -> list[list[int]]:
        chosen = draw(st.integers(0, most))
        return [[rng.integers(0, below) for below in columns] for _ in range(chosen)]

    least = draw(st.sampled_from([0, 1, 1, 1]))
    everywhere = [(place, 3, rng.integers(least, 5), one) for place in range(len(spots)) for one in (0, 1)]
    more = [
        (place, (-4, 9, 30)[when], people, one) for place, when, people, one in rows(8, len(spots), 3, 6, 2)
    ]
    inside = draw(st.none() | st.lists(st.booleans(), min_size=len(spots), max_size=len(spots)))
    return ScanStudy(
        Locations(
            tuple(f"A{number}" for number in range(len(spots))),
            np.array(spots, float),
            inside=None if inside is None else np.array(inside),
        ),
        counts(rows(12, len(spots), days, 4, 2)),
        START,
        START + timedelta(days=days - 1),
        controls=counts(rows(10, len(spots), days, 4)),
        population=population([*everywhere, *more]),
    )


@st.composite
def analyses(draw: st.DrawFn, study: ScanStudy) -> tuple[ScanStudy, Analysis]:
    """Any settings that go together, and the study with what its model needs."""
    model = draw(st.sampled_from(["permutation", "poisson", "bernoulli"]))
    spans = ["prospective", "retrospective"] + ["spatial", "temporal"] * (model != "permutation")
    span = draw(st.sampled_from(spans))
    both = span in ("prospective", "retrospective")
    unit = draw(st.sampled_from(["day", "week"])) if (study.end - study.start).days > 13 else "day"
    poisson = model == "poisson"
    randomisation = draw(
        st.sampled_from(
            ["conditional", "time-stratified", "space-stratified"] if poisson and both else ["conditional"]
        )
    )
    trend = poisson and span != "spatial" and randomisation != "time-stratified" and draw(st.booleans())
    limit = draw(st.sampled_from(["none", "units", "share"]))
    days = (study.end - study.start).days + 1
    since = draw(st.none() | st.integers(days // 2, days - 1)) if span == "prospective" else None
    shortest = draw(st.integers(1, 2))
    analysis = Analysis(
        model=model,
        span=span,
        time_unit=unit,
        max_share=draw(st.sampled_from([0.2, 0.5, 1.0])),
        max_radius_km=draw(st.sampled_from([None, 1.0, 1.5])),
        min_window=shortest,
        max_window=draw(st.integers(shortest, 8)) if limit == "units" else None,
        max_window_share=draw(st.sampled_from([0.4, 0.5, 0.9])) if limit == "share" else None,
        min_cases=draw(st.integers(1, 3)),
        replicates=0,
        day_of_week=model == "permutation" and unit == "day" and draw(st.booleans()),
        log_linear_trend=trend,
        randomisation=randomisation,
        earlier_analyses_since=None if since is None else START + timedelta(days=since),
        secondary="none",
        rates=draw(st.sampled_from(["high", "low", "high-or-low"])),
    )
    if model == "bernoulli":
        study = replace(study, cases=replace(study.cases, stratum=np.zeros_like(study.cases.stratum)))
    if poisson and draw(st.booleans()):
        numbers = st.lists(st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=days, max_size=days)
        table = [draw(numbers) for _ in study.locations.codes]
        study = replace(study, population=None, expected=np.array(table))
    return study, analysis


pairs = studies().flatmap(analyses)


def _windows_fit(study: ScanStudy, analysis: Analysis) -> bool:
    intervals = len(brute_scan.intervals_of(study, analysis))
    if analysis.span == "spatial":
        return True
    ends = {intervals}
    if analysis.span == "prospective":
        ends = set(range(brute_scan._first_end(study, analysis), intervals + 1))
    return all(
        min(brute_scan._longest(study, analysis, after), after) >= analysis.min_window for after in ends
    )


@settings(max_examples=400, deadline=None)
@given(pairs)
def test_every_centres_best_is_that_of_a_search_through_everything(pair):
    _hold_to_brute_force(*pair)


COMBINATIONS = [
    (model, span, randomisation, trend, rates)
    for model in ("permutation", "poisson", "bernoulli")
    for span in ("prospective", "retrospective", "spatial", "temporal")
    for randomisation in ("conditional", "time-stratified", "space-stratified")
    for trend in (False, True)
    for rates in ("high", "low", "high-or-low")
    if (model == "poisson" or (randomisation == "conditional" and not trend))
    and (
        span in ("prospective", "retrospective")
        or (model != "permutation" and randomisation == "conditional")
    )
    and not (trend and (span == "spatial" or randomisation == "time-stratified"))
]


@pytest.mark.parametrize(("model", "span", "randomisation", "trend", "rates"), COMBINATIONS)
def test_every_model_span_and_adjustment_agrees_with_a_search_through_everything(
    model, span, randomisation, trend, rates
):
    for seed in range(4):
        analysis = Analysis(
            model=model,
            span=span,
            time_unit=("day", "week")[seed // 2],
            max_share=(0.5, 0.3)[seed % 2],
            max_radius_km=(None, 9.0)[seed % 2],
            max_window=(None, 3)[seed % 2],
            replicates=0,
            day_of_week=model == "permutation" and seed == 1,
            log_linear_trend=trend,
            randomisation=randomisation,
            earlier_analyses_since=(START + timedelta(days=25))
            if span == "prospective" and seed == 2
            else None,
            secondary="none",
            rates=rates,
        )
        assert _hold_to_brute_force(_crowded(seed, model), analysis)


def _crowded(seed: int, model: str) -> ScanStudy:
    """90 cases over 9 locations and 31 days, a third of them in one place and week."""
    rng = np.random.default_rng(seed)
    spots = rng.uniform(0, 20, (9, 2))
    spots[8] = spots[0]
    loose = np.stack(
        [rng.integers(0, 9, 60), rng.integers(0, 31, 60), np.ones(60, int), rng.integers(0, 2, 60)]
    )
    tight = np.stack(
        [rng.integers(0, 3, 30), rng.integers(22, 31, 30), np.ones(30, int), rng.integers(0, 2, 30)]
    )
    rows = np.concatenate([loose, tight], axis=1).T
    people = [
        (place, day, rng.integers(5, 60), stratum)
        for place in range(9)
        for day in (-9, 12, 40)
        for stratum in (0, 1)
    ]
    return ScanStudy(
        Locations(tuple(f"A{number}" for number in range(9)), spots),
        counts(rows[:, :3] if model == "bernoulli" else rows),
        START,
        START + timedelta(days=30),
        controls=counts(np.stack([rng.integers(0, 9, 120), rng.integers(0, 31, 120), np.ones(120, int)]).T),
        population=population(people),
    )


def _hold_to_brute_force(study: ScanStudy, analysis: Analysis) -> bool:
    """Whether the engine found any cluster; what it found or refused must be right."""
    try:
        fits = _windows_fit(study, analysis)
        if study.cases.count.sum() == 0:
            assert not fits or run_scan(study, analysis, np.random.default_rng(1)).clusters == ()
            return False
        measure = brute_scan.measure_of(study, analysis)
    except brute_scan.Refused:
        fits = False
    if not fits:
        with pytest.raises(ValueError, match=r"^[a-z_]+: "):
            run_scan(study, analysis, np.random.default_rng(1))
        return False
    observed = brute_scan.observed_of(study, analysis)
    best = brute_scan.best_by_centre(study, analysis, observed, measure)
    result = run_scan(study, analysis, np.random.default_rng(1))
    codes = study.locations.codes
    found = {codes.index(one.centre or codes[0]): one.statistic for one in result.clusters}
    expected = {centre: value for centre, value in best.items() if value >= 0.001}
    assert found == pytest.approx(expected, abs=1e-8)
    for cluster in result.clusters:
        _check_contents(study, analysis, observed, measure, cluster)
    ranks = [one.statistic for one in result.clusters]
    assert all(before >= after - 1e-9 for before, after in pairwise(ranks))
    return bool(result.clusters)


def _check_contents(study, analysis, observed, measure, cluster):
    """What a cluster says of itself follows from its locations and days."""
    intervals = brute_scan.intervals_of(study, analysis)
    first, last = (cluster.start - study.start).days, (cluster.end - study.start).days
    when = [n for n, days in enumerate(intervals) if first <= days[0] and days[-1] <= last]
    assert intervals[when[0]][0] == first
    assert intervals[when[-1]][-1] == last
    where = [study.locations.codes.index(code) for code in cluster.locations]
    assert cluster.observed == observed[np.ix_(where, when)].sum()
    total, held = study.cases.count.sum(), measure[np.ix_(where, when)].sum()
    if analysis.model == "bernoulli":
        held = held * total / measure.sum()
    assert cluster.expected == pytest.approx(held)
    if analysis.randomisation == "time-stratified":
        total = observed[:, when].sum()
    if analysis.model == "permutation":
        assert cluster.relative_risk == pytest.approx(cluster.observed / held)
    elif cluster.observed < total:
        risk = (cluster.observed / held) / ((total - cluster.observed) / (total - held))
        assert cluster.relative_risk == pytest.approx(risk)
    else:
        assert cluster.relative_risk == np.inf


@settings(max_examples=200, deadline=None)
@given(pairs)
def test_replicates_are_scanned_as_exactly_as_the_study(pair):
    study, analysis = pair
    analysis = replace(analysis, replicates=40)
    try:
        result = run_scan(study, analysis, np.random.default_rng(5))
    except ValueError:
        return
    if study.cases.count.sum() == 0:
        return
    measure = brute_scan.measure_of(study, analysis)
    maxima = []
    for replicate in range(5):
        drawn = _replicate(study, analysis, replicate)
        maxima.append(
            max(brute_scan.best_by_centre(study, analysis, drawn, measure, null=True).values(), default=0.0)
        )
    for value in maxima:
        if value >= 0.001:
            assert np.abs(result.maxima - value).min() < 1e-8


def _replicate(study, analysis, number):
    """(locations, intervals) cases of a replicate, as the engine draws it."""
    axis = make_time_axis(study.start, study.end, analysis)
    horizon = max(windows.horizon for windows in make_windows(axis, analysis))
    null = make_baseline(study, analysis, axis, horizon).null
    seed = int(np.random.default_rng(5).integers(0, 1 << 63))
    place, age = np.empty(null.most, np.int64), np.empty(null.most, np.int64)
    members = np.empty(len(null.pool_place), np.int64)
    count = draw_kernel.draw(seed, number, null, horizon, members, place, age)
    result = np.zeros((len(study.locations.codes), axis.intervals), int)
    np.add.at(result, (place[:count], axis.intervals - 1 - age[:count]), 1)
    return result
