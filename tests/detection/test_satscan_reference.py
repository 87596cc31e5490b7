"""The permutation scan against SaTScan 10.3.2 on the same cases."""

import json
from datetime import date, timedelta

import numpy as np
import pytest
from detection_studies import REFERENCE, new_york, synthetic
from scipy.stats import binom

from surveillance.detection.scan.permutation import PermutationScan

RUNS = {run["id"]: run for run in json.loads((REFERENCE / "satscan_10_3_2.json").read_text())["runs"]}
SCANS = {
    "nyc_stp_prospective_3km_std": (new_york, {"max_radius_km": 3, "max_window_days": 7}),
    "nyc_stp_prospective_50pct": (new_york, {"max_window_days": 7}),
    "nyc_stp_prospective_50pct_dow": (new_york, {"max_window_days": 7, "day_of_week": True}),
    "syn500_stp_prospective": (synthetic, {"max_window_days": 28}),
}


def _day(text: str) -> date:
    return date(*(int(part) for part in text.split("/")))


@pytest.fixture(scope="module", params=SCANS, ids=str)
def pair(request):
    make, parameters = SCANS[request.param]
    study = make()
    return study, PermutationScan(**parameters).detect(study, np.random.default_rng(1)), RUNS[request.param]


def test_every_cluster_of_the_reference_is_found_with_its_statistic_areas_and_days(pair):
    _, clusters, run = pair
    for ours, theirs in zip(clusters, run["clusters"], strict=False):
        assert ours.statistic == pytest.approx(theirs["TEST_STAT"], abs=5e-7)
        assert ours.areas == tuple(str(code) for code in theirs["locations"])
        assert ours.centre == str(theirs["LOC_ID"])
        assert (ours.start, ours.end) == (_day(theirs["START_DATE"]), _day(theirs["END_DATE"]))
        assert ours.observed == theirs["OBSERVED"]
        assert ours.expected == pytest.approx(theirs["EXPECTED"], abs=0.0051)
        assert ours.radius_km == pytest.approx(theirs["RADIUS"], abs=0.0051)
    assert len(clusters) >= len(run["clusters"])


def test_members_are_the_cases_of_the_areas_in_the_days(pair):
    study, clusters, _ = pair
    for cluster in clusters:
        held = {
            case
            for case, where, day in zip(study.ids, study.location, study.day, strict=True)
            if study.locations.codes[where] in cluster.areas
            and cluster.start <= study.start + timedelta(days=int(day)) <= cluster.end
        }
        assert set(cluster.members) == held


def test_p_values_agree_within_monte_carlo_error(pair):
    _, clusters, run = pair
    for ours, theirs in zip(clusters, run["clusters"], strict=False):
        # Two simulations of 999: the difference has twice the variance of one.
        low, high = binom.interval(0.999, 999, theirs["P_VALUE"])
        slack = (high - low) / 2 * (np.sqrt(2) - 1) + 1
        assert low - slack <= ours.p_value * 1000 - 1 <= high + slack
        assert ours.recurrence_interval_days == 1 / ours.p_value


def test_simulated_maxima_have_the_reference_mean(pair):
    study, _, run = pair
    _, parameters = SCANS[run["id"]]
    maxima = PermutationScan(**parameters).replicate_maxima(study, np.random.default_rng(2))
    error = maxima.std() / np.sqrt(999) * np.sqrt(2)
    assert abs(maxima.mean() - run["replicate_statistics_mean"]) < 4 * error
