"""surveillance replay: what the whole service finds is what an offline scan of the same cases finds.

The expected values come from the case file, the area file and `surveillance.detection` alone.
"""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command import ROOT, Ran, Run, run_apart

from surveillance.detection.cluster import Cluster, Detector, Locations
from surveillance.detection.proximity import Proximity
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.detection.study import make_locations, make_study

CASES = ROOT / "tests" / "reference" / "cases"
AREAS = ROOT / "surveillance" / "geography" / "areas"


@dataclass(frozen=True)
class Known:
    """A case of a file: the id that the service gives it, where, on which day, and known from which day."""

    id: str
    code: str
    day: date
    reported: date


@dataclass(frozen=True)
class Offline:
    """A file's cases with the detectors and the study of its use case."""

    cases: Sequence[Known]
    locations: Locations
    detectors: Sequence[Detector]
    start: date
    baseline_days: int

    def scan(self, as_of: date) -> list[Cluster]:
        """All that the detectors find as of a day, knowing what was reported by its end."""
        start = max(self.start, as_of - timedelta(days=self.baseline_days - 1))
        seen = [c for c in self.cases if c.reported <= as_of and start <= c.day <= as_of]
        seen.sort(key=lambda case: case.id)
        study = make_study(
            [c.id for c in seen],
            [c.code for c in seen],
            [c.day for c in seen],
            [],
            self.locations,
            start,
            as_of,
        )
        return [c for d in self.detectors for c in d.detect(study, np.random.default_rng(1))]


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def locations_of(areas: str, population: bool = False) -> Locations:
    rows = rows_of(AREAS / f"{areas}.csv")
    degrees = [(float(r["longitude"]), float(r["latitude"])) for r in rows]
    people = [float(r["population"]) for r in rows] if population else None
    return make_locations([r["code"] for r in rows], degrees, "great_circle", people)


def fever_visits() -> Offline:
    cases = [
        Known(f"replay/admission/line-{line}-{number}", row["zip"], day, day)
        for line, row in enumerate(rows_of(CASES / "nyc_fever_2001_cases.csv"), start=2)
        for day in [date.fromisoformat(row["date"])]
        for number in range(1, int(row["cases"]) + 1)
    ]
    # Few replicates: they do not touch the statistic.
    scan = PermutationScan(max_radius_km=3, max_share=0.5, max_window_days=7, replicates=1)
    return Offline(cases, locations_of("new_york_zip"), [scan], date(2001, 11, 1), 365)


def meningococcal() -> Offline:
    areas = {(r["longitude"], r["latitude"]): r["code"] for r in rows_of(AREAS / "germany_meningococcal.csv")}
    cases = [
        Known(f"replay/incident/{row['case_id']}", areas[row["longitude"], row["latitude"]], day, day)
        for row in rows_of(CASES / "germany_meningococcal_2002_2008.csv")
        for day in [date.fromisoformat(row["date"])]
    ]
    detectors = [
        PermutationScan(max_radius_km=100, max_share=0.5, max_window_days=30, replicates=1),
        Proximity(radius_km=10, window_days=28, min_cases=2),
    ]
    return Offline(cases, locations_of("germany_meningococcal"), detectors, date(2002, 1, 1), 1092)


def hus_admissions() -> Offline:
    cases = [
        Known(
            f"replay/admission/line-{line}",
            "DE",
            date.fromisoformat(row["hospitalised_on"]),
            date.fromisoformat(row["reported_on"]),
        )
        for line, row in enumerate(rows_of(CASES / "germany_hus_o104_admissions_2011.csv"), start=2)
    ]
    detectors = [Proximity(radius_km=1, window_days=3, min_cases=5)]
    return Offline(cases, locations_of("germany", population=True), detectors, date(2011, 5, 1), 365)


def evidence(summary: dict[str, Any]) -> Iterator[tuple[date, dict[str, Any]]]:
    """Every cluster that any revision of any alert rests on, with the day of the look that found it."""
    for alert in summary["alerts"]:
        for revision in alert["history"]:
            if revision["alive"]:
                yield from ((date.fromisoformat(revision["as_of"]), c) for c in revision["clusters"])


def assert_same(found: dict[str, Any], expected: Cluster) -> None:
    for name in ("statistic", "expected", "relative_risk", "radius_km"):
        ours, theirs = found[name], getattr(expected, name)
        assert (ours is None) == (theirs is None), name
        if ours is not None:
            assert float(ours) == pytest.approx(theirs, rel=0, abs=1e-9), name
    assert found["observed"] == expected.observed
    assert tuple(found["areas"]) == expected.areas
    assert (found["start"], found["end"]) == (expected.start.isoformat(), expected.end.isoformat())


def assert_what_the_service_found(summary: dict[str, Any], offline: Offline) -> int:
    """Compares every piece of evidence; returns how many there were."""
    by_day: dict[date, dict[tuple[str, tuple[str, ...]], Cluster]] = {}
    count = 0
    for as_of, found in evidence(summary):
        expected = by_day.get(as_of)
        if expected is None:
            expected = by_day[as_of] = {(c.detector, c.members): c for c in offline.scan(as_of)}
        key = (found["detector"], tuple(found["members"]))
        assert key in expected, f"{as_of}: the offline scan has no cluster of these members"
        assert_same(found, expected[key])
        count += 1
    return count


FILES = {
    "fever-visits": "nyc_fever_2001_cases.csv",
    "meningococcal": "germany_meningococcal_2002_2008.csv",
    "hus-admissions": "germany_hus_o104_admissions_2011.csv",
}
LINES = {"meningococcal": 91}  # of the file, its header included: the first months are enough


@pytest.fixture(scope="module")
def summaries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each replay printed. They run side by side: most of their time is waiting."""
    directory = tmp_path_factory.mktemp("replays")

    def replay(use_case: str) -> Ran:
        file = directory / f"{use_case}.csv"
        lines = (CASES / FILES[use_case]).read_text().splitlines(keepends=True)
        file.write_text("".join(lines[: LINES.get(use_case)]))
        at = directory / use_case
        return run_apart("replay", file, "--use-case", use_case, "--json", "--directory", at, seconds=300)

    with ThreadPoolExecutor(len(FILES)) as pool:
        done = dict(zip(FILES, pool.map(replay, FILES), strict=True))
    assert {use_case: ran.err for use_case, ran in done.items() if ran.code} == {}
    return {use_case: json.loads(ran.out) for use_case, ran in done.items()}


def first_reported(alerts: Iterable[dict[str, Any]]) -> date:
    return min(date.fromisoformat(alert["history"][0]["as_of"]) for alert in alerts)


@pytest.mark.slow
def test_fever_visits_in_new_york(summaries: dict[str, Any]) -> None:
    summary = summaries["fever-visits"]
    assert (summary["events_sent"], summary["stored"], summary["refused"]) == (194, 194, 0)
    assert summary["evaluations"] == 24  # one for each day of November 2001 in the file
    assert assert_what_the_service_found(summary, fever_visits()) >= 1
    assert {"start", "ingest", "evaluate", "evaluate.detect"} <= set(summary["seconds"])


@pytest.mark.slow
def test_the_first_meningococcal_cases_of_germany(summaries: dict[str, Any]) -> None:
    summary = summaries["meningococcal"]
    assert (summary["events_sent"], summary["stored"], summary["refused"]) == (90, 90, 0)
    offline = meningococcal()
    assert assert_what_the_service_found(summary, offline) >= 10
    detectors = {c["detector"] for _, c in evidence(summary)}
    assert detectors <= {"permutation-scan", "proximity"}
    held = [m for alert in summary["alerts"] if alert["state"] != "merged" for m in alert["members"]]
    assert len(held) == len(set(held))


@pytest.mark.slow
def test_hus_admissions_are_found_as_they_became_known(summaries: dict[str, Any]) -> None:
    """Reports came days after admission: no look may know more than had been reported."""
    summary = summaries["hus-admissions"]
    assert (summary["stored"], summary["refused"]) == (630, 0)
    offline = hus_admissions()
    assert assert_what_the_service_found(summary, offline) >= 10
    with_hindsight = Offline(
        [Known(c.id, c.code, c.day, c.day) for c in offline.cases],
        offline.locations,
        offline.detectors,
        offline.start,
        offline.baseline_days,
    )
    first = first_reported(summary["alerts"])
    assert offline.scan(first)
    assert not offline.scan(first - timedelta(days=1))
    assert with_hindsight.scan(first - timedelta(days=1))  # who knew at once would have seen it earlier
    assert [alert["severity"] for alert in summary["alerts"]].count("severe") >= 1


def test_a_file_or_a_use_case_that_there_is_not_is_told_in_words(run: Run, tmp_path: Path) -> None:
    done = run("replay", tmp_path / "absent.csv", "--use-case", "fever-visits")
    assert (done.code, "there is no such file" in done.words) == (2, True)
    done = run("replay", CASES / FILES["fever-visits"], "--use-case", "no-such")
    assert (done.code, "use one of: emergency-admissions-over-65" in done.words) == (2, True)
