"""The scan of any model and span: study and analysis in, clusters out. `run_scan` is the one flow."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed

import numpy as np

from surveillance.detection.scan import general_kernel as kernel
from surveillance.detection.scan.analysis import Analysis, ScanCluster, ScanResult, ScanStudy
from surveillance.detection.scan.baseline import Baseline, Floats, make_baseline
from surveillance.detection.scan.checks import check
from surveillance.detection.scan.general_layout import Ground, goal_of, ladder, lay_out
from surveillance.detection.scan.inference import gumbel_p_value, p_value, recurrence_interval_days
from surveillance.detection.scan.secondary import Candidate, candidates, separate
from surveillance.detection.scan.time_axis import TimeAxis, make_time_axis, make_windows

Progress = Callable[[int, int], None]

# SaTScan lists no cluster below this.
LEAST_STATISTIC = 0.001
PILOT = 8
# Counts of the replicates that one call scans together should stay near the processor, their cases in memory.
BATCH_COUNTS, BATCH_CASES = 1 << 14, 1 << 20


def run_scan(
    study: ScanStudy,
    analysis: Analysis,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> ScanResult:
    """Clusters of a study, the strongest first, each with its p-value; conventions are SaTScan's.

    Statistic: the log likelihood ratio (no unit) of the model: Poisson for permutation and poisson, Bernoulli
    for bernoulli. With time-stratified randomisation a window is compared with the same time elsewhere: its
    cases and expected count stand for the total. high rates: more cases than expected and at least
    `min_cases`; low rates: fewer cases than expected, however few.
    Circles: around every location inside the scope; locations at one distance enter together, and of several
    centres with the same coordinates the lowest code counts. No circle holds more than `max_share`, by weight
    of the whole study period, so a single location above it is in none. With earlier analyses and a radius,
    the share is not applied: nobody knew the weights at that time.
    Windows: `make_windows`. p-values: `inference`. relative_risk: (c/mu) / ((C-c)/(C-mu)), infinite where all
    cases are inside; for the permutation model c/mu.
    Clusters: the best of each centre; a secondary one with p = 1, or any below 0.001, is not listed.
    progress: called with the replicates done, of how many.
    The same study, analysis and generator give the same answer, whatever the number of threads.

    Raises ValueError, naming field and fix, for settings or a study that cannot be scanned.
    """
    check(study, analysis)
    # One draw whatever follows, so that a caller's generator always moves on alike.
    seed = int(rng.integers(0, 1 << 63))
    axis = make_time_axis(study.start, study.end, analysis)
    looked, allowed_for = make_windows(axis, analysis)
    cases = int(study.cases.count.sum())
    if cases == 0:
        return ScanResult((), 0, np.zeros(analysis.replicates))
    baseline = make_baseline(study, analysis, axis, max(looked.horizon, allowed_for.horizon))
    ground = lay_out(study, analysis, baseline, looked)
    found = separate(candidates(ground, baseline, *_observed(ground, baseline)), analysis)
    beside = ground if allowed_for is looked else lay_out(study, analysis, baseline, allowed_for)
    maxima = _maxima(beside, baseline, analysis, seed, progress)
    analyses = int(np.diff(allowed_for.first).max())
    clusters = [
        _cluster(study, analysis, axis, one, maxima, analyses)
        for one in found
        if one.statistic >= LEAST_STATISTIC
    ]
    return ScanResult(tuple(_listed(clusters, analysis)), cases, maxima)


def _observed(ground: Ground, baseline: Baseline) -> tuple[Floats, np.ndarray]:
    """Each centre's highest statistic, and where it is."""
    horizon = ground.field.cumulative.shape[1] - 1
    seen = baseline.age < horizon
    cells, number = np.unique(baseline.place[seen] * horizon + baseline.age[seen], return_counts=True)
    place, age = np.divmod(cells, horizon)
    goal = goal_of(ground, ladder())
    events = kernel.sort_events(
        len(baseline.weight),
        np.array([len(cells)]),
        place[None].astype(np.int64),
        age[None].astype(np.int64),
        number[None].astype(goal.reach.dtype),
    )
    best = np.zeros(len(ground.field.row))
    where = np.zeros((len(best), 4), np.int64)
    kernel.scan(ground.field, goal, events, True, best, where)
    return best, where


def _maxima(
    ground: Ground, baseline: Baseline, analysis: Analysis, seed: int, progress: Progress | None
) -> Floats:
    """(replicates,) the highest statistic of each, ascending."""
    best = np.zeros(analysis.replicates)
    if not len(best):
        return best
    goal = goal_of(ground, ladder())
    if len(best) > 4 * PILOT:
        # The nearer the levels are to where a replicate ends, the less is looked at twice.
        pilot = np.zeros(PILOT)
        _scan(ground, baseline, goal, seed, 0, pilot)
        goal = goal_of(ground, ladder(float(np.median(pilot))))
    batch = _batch(ground, baseline, len(best), analysis.threads)
    done = 0
    with ThreadPoolExecutor(analysis.threads) as pool:
        jobs = {
            pool.submit(_scan, ground, baseline, goal, seed, first, best[first : first + batch]): first
            for first in range(0, len(best), batch)
        }
        for job in as_completed(jobs):
            job.result()
            done += len(best[jobs[job] : jobs[job] + batch])
            if progress is not None:
                progress(done, len(best))
    best.sort()
    return best


def _scan(ground: Ground, baseline: Baseline, goal: kernel.Goal, seed: int, first: int, best: Floats) -> None:
    cells = ground.field.cumulative.size
    dense = cells <= 8 * baseline.cases + (1 << 16)
    kernel.scan_replicates(seed, first, baseline.null, ground.field, goal, dense, best)


def _batch(ground: Ground, baseline: Baseline, replicates: int, threads: int) -> int:
    most = min(BATCH_COUNTS // ground.field.cumulative.shape[1], BATCH_CASES // max(baseline.null.most, 1))
    return int(max(1, min(max(most, 4), 64, -(-replicates // threads))))


def _cluster(
    study: ScanStudy,
    analysis: Analysis,
    axis: TimeAxis,
    found: Candidate,
    maxima: Floats,
    analyses: int,
) -> ScanCluster:
    codes = study.locations.codes
    start, end = axis.span(found.end_age, found.length)
    p = p_value(found.statistic, maxima)
    spatial = analysis.span != "temporal"
    prospective = analysis.span == "prospective" and p is not None
    return ScanCluster(
        centre=codes[found.locations[0]] if spatial else None,
        radius_km=found.radius_km if spatial else None,
        locations=tuple(codes[location] for location in found.locations),
        start=start,
        end=end,
        observed=found.observed,
        expected=found.expected,
        statistic=found.statistic,
        relative_risk=_relative_risk(analysis, found),
        p_value=p,
        gumbel_p_value=gumbel_p_value(found.statistic, maxima),
        recurrence_interval_days=(
            recurrence_interval_days(p, axis.unit, analyses) if prospective and p is not None else None
        ),
    )


def _relative_risk(analysis: Analysis, found: Candidate) -> float:
    if analysis.model == "permutation":
        return found.observed / found.expected
    if found.observed == found.total:
        return float("inf")
    return (found.observed / found.expected) / (
        (found.total - found.observed) / (found.total - found.expected)
    )


def _listed(clusters: list[ScanCluster], analysis: Analysis) -> list[ScanCluster]:
    if analysis.replicates == 0:
        return clusters
    return clusters[:1] + [one for one in clusters[1:] if one.p_value is not None and one.p_value < 1]
