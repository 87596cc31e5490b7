"""A study compared with another one's replicates: what that gives, when it is not done, how far it is off."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from surveillance.detection.cluster import Cluster, Locations, Reference, Study
from surveillance.detection.monte_carlo import p_values
from surveillance.detection.scan import nulls, permutation, quiet
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.detection.study import make_locations

DAYS, AREAS, SEED = 60, 30, 11
FIRST = date(2024, 1, 1)
SCAN = PermutationScan(max_radius_km=4.0, max_window_days=10, replicates=399, max_clusters=3)
ALL = [SCAN, replace(SCAN, sequential_exceedances=10), replace(SCAN, day_of_week=True)]
LOCATIONS = make_locations(
    [f"A{n:02d}" for n in range(AREAS)], np.random.default_rng(0).uniform(0, 10, (AREAS, 2))
)


def _study(location: np.ndarray, day: np.ndarray, start: date, locations: Locations = LOCATIONS) -> Study:
    return Study(
        ids=tuple(f"case-{n:04d}" for n in range(len(day))),
        location=location.astype(np.int32),
        day=day.astype(np.int32),
        start=start,
        as_of=start + timedelta(days=DAYS - 1),
        locations=locations,
    )


def _midnight(cases: int = 240, seed: int = 1) -> Study:
    """Any place with any day, complete to its last day."""
    rng = np.random.default_rng(seed)
    return _study(rng.integers(0, AREAS, cases), rng.integers(0, DAYS, cases), FIRST)


def _later(before: Study, extra: int = 0, spread: int = 0) -> Study:
    """The day after, as it goes on: `extra` cases in one area, and `spread` anywhere, of the last days."""
    kept = before.day > 0
    rng = np.random.default_rng(spread)
    location = np.concatenate([before.location[kept], np.full(extra, 3), rng.integers(0, AREAS, spread)])
    ages = np.concatenate([np.arange(extra) % 4, rng.integers(0, 10, spread)])
    return _study(
        location, np.concatenate([before.day[kept] - 1, DAYS - 1 - ages]), FIRST + timedelta(days=1)
    )


def _compared(study: Study, before: Study) -> Study:
    return replace(study, reference=Reference(before, SEED))


def _look(scan: PermutationScan, study: Study, seed: int = 5) -> tuple[Cluster, ...]:
    quiet.forget()
    return scan.detect(study, np.random.default_rng(seed))


@pytest.mark.parametrize("scan", ALL)
def test_p_is_that_of_the_statistic_among_the_replicates_of_the_study_before(scan):
    before = _midnight()
    maxima = scan.replicate_maxima(before, np.random.default_rng(SEED))
    found = _look(scan, _compared(_later(before, extra=7), before))
    assert found
    for one in found:
        reached = np.flatnonzero(maxima >= one.statistic)
        if scan.sequential_exceedances and len(reached) >= 10:
            assert one.p_value == 10 / (reached[9] + 1)
        else:
            assert one.p_value == (1 + len(reached)) / 400
        assert one.parameters["compared_with"] == f"cases known at the end of {before.as_of}"


@pytest.mark.parametrize("scan", ALL)
def test_the_study_itself_gets_the_answer_that_it_had_at_midnight(scan):
    before = _midnight()
    before = replace(before, location=np.where(before.day > DAYS - 3, 7, before.location).astype(np.int32))
    alone = _look(scan, before, SEED)
    beside = _look(scan, _compared(before, before), seed=99)
    assert [(c.members, c.p_value) for c in beside] == [(c.members, c.p_value) for c in alone]
    assert alone


@pytest.mark.parametrize("scan", ALL)
def test_only_cases_matter_not_the_seed_of_the_look_nor_what_was_drawn_before_it(scan):
    before = _midnight()
    study = _later(before, extra=6)
    first = _look(scan, _compared(study, before), seed=1)
    # Another process: the same study built anew, drawn in part by a look at less, or ahead and in full.
    other = _midnight()
    _look(scan, _compared(_later(other, extra=2), other))
    assert _look(scan, _compared(study, other), seed=2) == first
    ahead = _midnight()
    scan.draw(Reference(ahead, SEED))
    assert _look(replace(scan, threads=1), _compared(study, ahead), seed=3) == first
    assert _look(scan, _compared(study, ahead), seed=4) == first
    assert first


def test_a_look_draws_nothing_where_all_was_drawn_ahead(monkeypatch):
    before = _midnight()
    SCAN.draw(Reference(before, SEED))
    monkeypatch.setattr(nulls.kernel, "scan_replicates", None)
    for extra in (0, 3, 6, 9):
        _look(SCAN, _compared(_later(before, extra), before))


@settings(max_examples=200, deadline=None)
@given(
    maxima=st.lists(st.integers(0, 30), min_size=5, max_size=120),
    levels=st.lists(st.integers(0, 31), min_size=2, max_size=8),
    h=st.none() | st.integers(1, 20),
    max_p=st.sampled_from([0.02, 0.1, 0.5, 1.0]),
)
def test_p_never_rises_with_the_statistic(maxima, levels, h, max_p):
    drawn = np.array(maxima, float)

    def reached(first: int, count: int, asked: np.ndarray) -> np.ndarray:
        return np.searchsorted(asked, drawn[first : first + count], side="right")

    ps = [p_values([level], reached, len(drawn), max_p, h)[0] for level in sorted(levels)]
    told = [2.0 if p is None else p for p in ps]
    assert told == sorted(told, reverse=True)


def test_a_cluster_that_grows_through_the_day_never_looks_weaker():
    before = _midnight()
    for scan in ALL:
        looks = [_look(scan, _compared(_later(before, extra), before), seed=extra) for extra in range(2, 12)]
        best = [(look[0].statistic, look[0].p_value) for look in looks if look]
        in_order = sorted(best)
        assert [p for _, p in in_order] == sorted((p for _, p in best), reverse=True)
        assert in_order[-1][1] < in_order[0][1]


def _not_comparable() -> Iterator[tuple[str, Study]]:
    before = _midnight()
    nobody = _study(np.empty(0), np.empty(0), FIRST)
    yield "empty", nobody
    yield "twice as many cases now", _midnight(cases=110)
    yield "half as many cases now", _midnight(cases=600)
    few = before.day < DAYS - 9
    yield "few of the last days", replace(before, day=np.where(few, before.day, 5).astype(np.int32))
    elsewhere = make_locations(LOCATIONS.codes, LOCATIONS.coordinates[::-1])
    yield "other locations", replace(before, locations=elsewhere)
    grouped = replace(LOCATIONS, reporting=(np.arange(AREAS) % 2).astype(np.int32))
    yield "other reporting groups", replace(before, locations=grouped)
    yield "too short", replace(before, start=before.as_of - timedelta(days=4), day=before.day % 5)


@pytest.mark.parametrize(("why", "before"), list(_not_comparable()))
def test_a_study_that_is_not_comparable_is_not_compared_with(why, before):
    study = _later(_midnight(), extra=7)
    assert _look(SCAN, _compared(study, before)) == _look(SCAN, study), why
    assert _look(SCAN, study)


def test_what_was_drawn_goes_when_the_study_goes():
    before = _midnight()
    _look(SCAN, _compared(_later(before, extra=7), before))
    kept = len(permutation._nulls)
    del before
    assert len(permutation._nulls) < kept


@pytest.mark.parametrize("parts", [[400], [1, 399], [20, 30, 350], [7] * 57 + [1]])
def test_replicates_are_the_same_however_many_are_drawn_at_a_time(parts):
    study = _midnight()
    whole = SCAN._shared(study, permutation.circles_of(LOCATIONS, 4.0), 3)
    piecemeal = SCAN._shared(study, permutation.circles_of(LOCATIONS, 4.0), 3)
    for count in np.cumsum(parts):
        piecemeal.maxima(int(count))
    alone = [whole._scan(one, 1, nulls.LADDER, keep_highest=True)[1][0] for one in range(400)]
    assert np.array_equal(piecemeal.maxima(400), alone)
    assert np.array_equal(whole.maxima(400), alone)


@pytest.mark.parametrize(("today", "spread"), [("begins", 0), ("is usual", 4), ("brings many more", 24)])
def test_p_against_the_midnight_before_is_near_p_against_the_study_itself(today, spread):
    """Over ten histories, the share of replicates beyond what 1 in 20 and 1 in 100 of the study's reach."""
    scan = replace(SCAN, replicates=1999)
    own, against = np.zeros(2), np.zeros(2)
    for seed in range(10):
        before = _midnight(seed=seed)
        study = _later(before, spread=spread)
        levels = np.quantile(scan.replicate_maxima(study, np.random.default_rng([1, seed])), [0.95, 0.99])
        for total, one in ((own, study), (against, before)):
            maxima = scan.replicate_maxima(one, np.random.default_rng([2, seed]))
            total += (maxima[:, None] >= levels).mean(axis=0) / 10
    assert own == pytest.approx([0.05, 0.01], rel=0.4)
    assert 0.6 < against[0] / own[0] < 1.5, today
    assert 0.5 < against[1] / own[1] < 2, today
