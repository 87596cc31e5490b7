"""Reports: every number with its interval, in files that can be sent, and the README's table."""

import json
import struct
from pathlib import Path

import pytest

from small_house import USE_CASE, load_house
from surveillance.configuration import Configuration
from surveillance.evaluation.plans import Plan
from surveillance.evaluation.readme import readme_table
from surveillance.evaluation.report import make_report
from surveillance.evaluation.runs import FILE
from surveillance.evaluation.simulated import Background
from surveillance.evaluation.spread import Line
from surveillance.evaluation.subject import Subject, subject_of
from surveillance.evaluation.writing import write_report

PLAN = Plan(Background(100), years=4, clusters=4, extras=(6,))
CELL = f"6 more, 5 km, 14 days; {PLAN.null_cell}"
ARMS = [
    f"{looks}/{name}"
    for looks in ("every_event", "daily")
    for name in ("permutation-scan", "proximity", "links", "combined")
]
SCAN, BOTH, NIGHTLY = "every_event/permutation-scan", "every_event/combined", "daily/combined"


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planet"))


@pytest.fixture(scope="module")
def subject(configuration: Configuration) -> Subject:
    return subject_of(configuration, USE_CASE, "north")


@pytest.fixture(scope="module")
def lines(subject: Subject) -> list[Line]:
    """Four null years with three alerts in two of them, and four clusters of which three were found."""
    null = [
        _null(seed, steps)
        for seed, steps in enumerate(
            [[("a", "watch"), ("a", "severe")], [], [("b", "watch")], [("c", "severe")]]
        )
    ]
    hurt = [
        _hurt(seed, injected, days)
        for seed, (injected, days) in enumerate([(5, 2.0), (6, 4.0), (7, 9.0), (4, None)])
    ]
    return [{**line, "fingerprint": subject.fingerprint} for line in (*null, *hurt)]


def _null(seed: int, steps: list[tuple[str, str]]) -> Line:
    alerts = [
        {"arm": SCAN, "alert": name, "band": band, "at": "2031-02-01T10:00:00+00:00"} for name, band in steps
    ]
    alarm = {"midnight": False, "cases_a_day": 0.3, "place": "residence", "km": [0.0, 0.0]}
    alarms = [
        {**alarm, "at": f"2031-0{month}-01T10:00:00+00:00", "p": p}
        for month, p in ((2, 0.001), (2, 0.01), (6, 0.5), (8, 0.02))
    ]
    return {
        "run": f"null/{seed}",
        "cell": PLAN.null_cell,
        "seed": seed,
        "days": 365.25,
        "arms": ARMS,
        "looks": 500,
        "alerts": alerts,
        "alarms": alarms,
    }


def _hurt(seed: int, injected: int, days: float | None) -> Line:
    found = {} if days is None else {SCAN: {"severe": days}, BOTH: {"watch": days - 1, "severe": days}}
    return {
        "run": f"hurt/{seed}",
        "cell": CELL,
        "seed": seed,
        "days": 28,
        "arms": ARMS,
        "looks": 60,
        "alerts": [],
        "injected": injected,
        "found": found,
    }


def test_an_alert_counts_once_in_each_band_that_it_reached_or_passed(
    subject: Subject, lines: list[Line]
) -> None:
    report = make_report(subject.use_case, lines, PLAN.null_cell)
    counts = {f.band: f.alerts for f in report.false_alerts if f.arm == SCAN}
    assert counts == {"severe": 2, "watch": 3}
    severe = next(f for f in report.false_alerts if (f.arm, f.band) == (SCAN, "severe"))
    assert (severe.years, severe.rate.value) == (4.0, 0.5)
    assert report.looks_a_year == 500


def test_episodes_are_counted_at_the_bands_recurrence_interval(subject: Subject, lines: list[Line]) -> None:
    """Once in 50 days: of four alarms in each year two at once and one of August, not that of June."""
    report = make_report(subject.use_case, lines, PLAN.null_cell)
    (every,) = [e for e in report.episodes if e.looks == "every_event"]
    assert (every.recurrence_interval_days, every.episodes) == (50, 8)
    assert [e.episodes for e in report.episodes if e.looks == "daily"] == [0]


def test_power_is_the_share_found_and_the_median_of_their_days(subject: Subject, lines: list[Line]) -> None:
    report = make_report(subject.use_case, lines, PLAN.null_cell)
    power = {(p.arm, p.band): p for p in report.power}
    assert power[SCAN, "severe"].found.value == 0.75
    assert power[SCAN, "severe"].days.value == 4.0
    assert power[BOTH, "watch"].days.value == 3.0
    smallest = {(s.arm, s.band): s for s in report.smallest}
    assert smallest[SCAN, "severe"].ever == 5
    assert smallest[SCAN, "severe"].half is None  # no size was tried often enough to say so


def test_a_report_is_one_page_with_its_pictures_in_it(
    subject: Subject, lines: list[Line], tmp_path: Path
) -> None:
    text = write_report(subject, lines, PLAN, tmp_path, as_json=False)
    assert "0.50 (0.06-1.81)" in text  # 2 in 4 years, Garwood
    page = (tmp_path / "report.html").read_text()
    assert page.count("data:image/png;base64,") == 3
    assert "http" not in page.replace("http-equiv", "")
    for name in ("false-alerts.png", "sensitivity.png", "days.png"):
        content = (tmp_path / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert struct.unpack(">II", content[16:24])[0] > 400
    assert json.loads((tmp_path / "report.json").read_text())["years"] == 4.0


def test_the_readme_table_holds_the_use_cases_that_were_run(
    configuration: Configuration, lines: list[Line], tmp_path: Path
) -> None:
    assert len(readme_table(configuration, tmp_path).splitlines()) == 3 * 2 + 2  # three tables, no row
    (tmp_path / USE_CASE).mkdir()
    (tmp_path / USE_CASE / FILE).write_text("".join(json.dumps(line) + "\n" for line in lines))
    tables = readme_table(configuration, tmp_path).split("\n\n")
    wrong, found, smallest = (table.splitlines() for table in tables)
    silent = "0.00 (0.00-0.92)"  # links, proximity and all together raised nothing in four years
    rates = ("0.50 (0.06-1.81)", silent, "-", silent, silent)
    assert (
        wrong[2] == " | ".join(("| Dune fever | 100 cases a year | 4 | every event | 50 days", *rates)) + " |"
    )
    assert found[2].startswith("| Dune fever | 6 more, 5 km, 14 days | 5.5, 4 | 75 % (19-99) | 4.0 |")
    assert "| every event | permutation-scan | 5 | - |" in smallest[2]
    assert [len({line.count("|") for line in table}) for table in (wrong, found, smallest)] == [1, 1, 1]
