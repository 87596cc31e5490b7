"""The scan of any model against every run of SaTScan 10.3.2 there is."""

import json
from datetime import date

import numpy as np
import pytest
from detection_studies import REFERENCE
from scan_studies import new_mexico, new_york, synthetic
from scipy.stats import binom

from surveillance.detection.scan.analysis import Analysis
from surveillance.detection.scan.engine import run_scan

RUNS = {run["id"]: run for run in json.loads((REFERENCE / "satscan_10_3_2.json").read_text())["runs"]}
STUDIES = {"nyc": new_york, "nm": new_mexico, "syn500": synthetic}
MODELS = {"2": "permutation", "0": "poisson"}
UNITS = {"3": "day", "1": "year"}
REPLICATES = 1999


def _analysis(run: dict) -> Analysis:
    given = run["settings"]
    assert given["AnalysisType"] == "4"
    window = float(given["MaxTemporalSize"])
    in_units = given["MaxTemporalSizeInterpretation"] == "1"
    by_distance = given["UseDistanceFromCenterOption"] == "y"
    return Analysis(
        model=MODELS[given["ModelType"]],
        span="prospective",
        time_unit=UNITS[given["TimeAggregationUnits"]],
        max_share=float(given["MaxSpatialSizeInPopulationAtRisk"]) / 100,
        max_radius_km=float(given["MaxSpatialSizeInDistanceFromCenter"]) if by_distance else None,
        min_window=int(given["MinimumTemporalClusterSize"]),
        max_window=int(window) if in_units else None,
        max_window_share=None if in_units else window / 100,
        min_cases=int(given["MinimumCasesInHighRateClusters"]),
        day_of_week=given["AdjustForWeeklyTrends"] == "y",
        earlier_analyses_since=(
            _day(given["ProspectiveStartDate"]) if given["AdjustForEarlierAnalyses"] == "y" else None
        ),
        replicates=REPLICATES,
        threads=2,
    )


def _day(text: str) -> date:
    return date(*(int(part) for part in text.split("/")))


@pytest.fixture(scope="module", params=RUNS, ids=str)
def pair(request):
    run = RUNS[request.param]
    study = STUDIES[request.param.split("_")[0]]()
    return run_scan(study, _analysis(run), np.random.default_rng(1)), run


def test_every_run_of_the_reference_is_held():
    assert len(RUNS) == 8


def test_every_cluster_of_the_reference_is_found_with_its_statistic_locations_and_days(pair):
    result, run = pair
    for ours, theirs in zip(result.clusters, run["clusters"], strict=False):
        assert ours.statistic == pytest.approx(theirs.get("LLR", theirs.get("TEST_STAT")), abs=6e-7)
        assert ours.locations == tuple(str(code) for code in theirs["locations"])
        assert ours.centre == str(theirs["LOC_ID"])
        assert (ours.start, ours.end) == (_day(theirs["START_DATE"]), _day(theirs["END_DATE"]))
        assert ours.observed == theirs["OBSERVED"]
        assert ours.expected == pytest.approx(theirs["EXPECTED"], abs=0.0051)
        assert ours.radius_km == pytest.approx(theirs["RADIUS"], abs=0.0051)
        assert ours.relative_risk == pytest.approx(theirs.get("REL_RISK", theirs["ODE"]), abs=0.0051)
    # A cluster that (nearly) every replicate exceeds is listed or not by the luck of the draw.
    assert abs(len(result.clusters) - len(run["clusters"])) <= 1


def test_p_values_agree_within_monte_carlo_error(pair):
    result, run = pair
    for ours, theirs in zip(result.clusters, run["clusters"], strict=False):
        low, high = binom.interval(0.999, run["replicates"], ours.p_value)
        slack = 3 * np.sqrt(ours.p_value * (1 - ours.p_value) / REPLICATES) * 1000
        assert low - slack <= theirs["P_VALUE"] * 1000 - 1 <= high + slack
        assert ours.gumbel_p_value == pytest.approx(theirs["GBL_PVALUE"], abs=0.05, rel=0.5)


def test_recurrence_intervals_follow_from_p_as_in_the_reference(pair):
    result, run = pair
    unit = {"day": 1, "year": 365.25}[_analysis(run).time_unit]
    analyses = 7 if run["settings"]["AdjustForEarlierAnalyses"] == "y" else 1
    for ours, theirs in zip(result.clusters, run["clusters"], strict=False):
        for p, days in (
            (ours.p_value, ours.recurrence_interval_days),
            (theirs["P_VALUE"], theirs["RECURR_INT"]),
        ):
            assert days == pytest.approx(max(1, unit / (1 - (1 - p) ** (1 / analyses))), abs=0.51)


def test_simulated_maxima_are_distributed_as_those_of_the_reference(pair):
    result, run = pair
    maxima, count = result.maxima, run["replicates"]
    error = maxima.std() * np.sqrt(1 / count + 1 / len(maxima))
    assert abs(maxima.mean() - run["replicate_statistics_mean"]) < 4 * error
    tenth = run["replicate_statistics_top10"][-1]
    low, high = binom.interval(0.999, count, (maxima >= tenth - 1e-6).mean())
    assert low <= 10 <= high + 3
    assert (np.diff(maxima) >= 0).all()
