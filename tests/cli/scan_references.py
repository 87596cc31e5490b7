"""SaTScan's reference runs as arguments of `surveillance scan`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

REFERENCE = Path(__file__).parents[1] / "reference"
CASES = REFERENCE / "cases"
RUNS: dict[str, dict[str, Any]] = {
    run["id"]: run for run in json.loads((REFERENCE / "satscan_10_3_2.json").read_text())["runs"]
}
MODELS = {"0": "poisson", "1": "bernoulli", "2": "permutation"}
ANALYSES = {"1": "spatial", "2": "temporal", "3": "retrospective", "4": "prospective"}
TIME_UNITS = {"1": "year", "2": "month", "3": "day"}
SECONDARY = {"0": "no-overlap"}

_NEW_MEXICO = "new_mexico_brain_cancer_1973_1991_{}.csv"
# By the first word of a run's id: role -> file.
FILES: Mapping[str, Mapping[str, Path]] = {
    "nyc": {
        "cases": CASES / "nyc_fever_2001_cases.csv",
        "locations": CASES / "nyc_fever_2001_zip_centroids.csv",
    },
    "nm": {
        "cases": CASES / _NEW_MEXICO.format("cases"),
        "locations": CASES / _NEW_MEXICO.format("centroids"),
        "population": CASES / _NEW_MEXICO.format("population"),
    },
    "syn500": {
        "cases": CASES / "synthetic_500_cases.csv",
        "locations": CASES / "synthetic_500_locations.csv",
        "population": CASES / "synthetic_500_population.csv",
    },
}


def files_of(run: Mapping[str, Any]) -> dict[str, Path]:
    """role -> file of a run; a population only where its model looks at one."""
    files = FILES[run["id"].partition("_")[0]]
    poisson = run["settings"]["ModelType"] == "0"
    return {role: path for role, path in files.items() if poisson or role != "population"}


def file_arguments(files: Mapping[str, Path]) -> list[str]:
    """Files as arguments."""
    return [argument for role, path in files.items() for argument in (f"--{role}", str(path))]


def settings_arguments(run: Mapping[str, Any]) -> list[str]:
    """SaTScan's settings of a run as arguments."""
    s = run["settings"]
    given = {
        "--model": MODELS[s["ModelType"]],
        "--analysis": ANALYSES[s["AnalysisType"]],
        "--start": s["StartDate"],
        "--end": s["EndDate"],
        "--time-unit": TIME_UNITS[s["TimeAggregationUnits"]],
        "--max-share": int(s["MaxSpatialSizeInPopulationAtRisk"]) / 100,
        "--min-window": s["MinimumTemporalClusterSize"],
        "--min-cases": s["MinimumCasesInHighRateClusters"],
        "--replicates": s["MonteCarloReps"],
        "--secondary": SECONDARY[s["CriteriaForReportingSecondaryClusters"]],
    }
    if s["UseDistanceFromCenterOption"] == "y":
        given["--max-radius-km"] = s["MaxSpatialSizeInDistanceFromCenter"]
    if s["MaxTemporalSizeInterpretation"] == "1":
        given["--max-window"] = s["MaxTemporalSize"]
    else:
        given["--max-window-share"] = int(s["MaxTemporalSize"]) / 100
    if s["AdjustForEarlierAnalyses"] == "y":
        given["--earlier-analyses-since"] = s["ProspectiveStartDate"]
    weekdays = ["--day-of-week"] if s["AdjustForWeeklyTrends"] == "y" else []
    return [str(part) for pair in given.items() for part in pair] + weekdays


def covariate_arguments(run: Mapping[str, Any]) -> list[str]:
    """New Mexico is adjusted for age and sex, as in SaTScan's sample."""
    adjusted = run["id"].startswith("nm_")
    return ["--covariate", "age_group", "--covariate", "sex"] if adjusted else []
