"""Runs: the same result whoever does them and however often they are interrupted."""

import json
import os
import signal
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import pytest
from distributed import LocalCluster

from small_house import USE_CASE, load_house
from surveillance.configuration import Configuration, load_configuration
from surveillance.evaluation.plans import Plan, runs_of
from surveillance.evaluation.replay import Replay
from surveillance.evaluation.report import make_report
from surveillance.evaluation.runs import arms_of, as_simulated, finished, perform, run_all
from surveillance.evaluation.simulated import INJECTED, Background, Injection, draw_history
from surveillance.evaluation.spread import Line, WorkersLost, spread
from surveillance.evaluation.subject import Run, Subject, subject_of
from surveillance.line_list.record import Case, RecordKey
from surveillance.looking import Decided
from surveillance.settings import Settings
from surveillance.store.line_list import ListedRow

FIRST = date(2251, 3, 1)
ORDINARY = Background(cases_a_year=150)
RUNS = tuple(Run("null", seed, ORDINARY, days=6, first=FIRST) for seed in range(3)) + tuple(
    Run("9 more", seed, ORDINARY, days=8, injection=Injection(0.5, 3, extra=9), first=FIRST)
    for seed in range(2)
)


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planet"))


@pytest.fixture(scope="module")
def subject(configuration: Configuration) -> Subject:
    return subject_of(configuration, USE_CASE, "north")


@pytest.fixture(scope="module")
def alone(subject: Subject) -> list[str]:
    """What the runs give in this process, one after the other."""
    return sorted(json.dumps(perform(subject, run)) for run in RUNS)


def _held(path: Path) -> list[str]:
    return sorted(path.read_text().splitlines())


def test_two_workers_give_what_one_process_gives(subject: Subject, alone: list[str], tmp_path: Path) -> None:
    path = tmp_path / "runs.jsonl"
    assert len(list(run_all(subject, RUNS, path, workers=2))) == len(RUNS)
    assert _held(path) == alone
    # Nothing is owed any more: no worker is started, no line is added.
    assert list(run_all(subject, RUNS, path, scheduler="tcp://nowhere:1")) == []


def test_a_run_that_was_killed_goes_on_where_it_was(
    subject: Subject, alone: list[str], tmp_path: Path
) -> None:
    path = tmp_path / "runs.jsonl"
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        running = run_all(subject, RUNS, path, scheduler=cluster.scheduler_address)
        next(running), next(running)
        running.close()
        path.write_bytes(path.read_bytes()[:-20])  # killed while it wrote a line
        assert len(finished(path, subject.fingerprint)) == 1
        rest = list(run_all(subject, RUNS, path, scheduler=cluster.scheduler_address))
    assert len(rest) == len(RUNS) - 1
    assert sorted(json.dumps(line) for line in finished(path, subject.fingerprint).values()) == alone


def test_a_worker_that_is_killed_ends_nothing(subject: Subject, alone: list[str], tmp_path: Path) -> None:
    """With its only worker a cluster loses what was sent to it: the rest begins anew."""
    path = tmp_path / "runs.jsonl"
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster:
        running = run_all(subject, RUNS, path, scheduler=cluster.scheduler_address)
        next(running)
        os.kill(cluster.workers[0].pid, signal.SIGKILL)
        assert len(list(running)) == len(RUNS) - 1
    assert _held(path) == alone


def test_workers_that_always_die_are_told_in_words(subject: Subject) -> None:
    with pytest.raises(WorkersLost, match="start the same command again"):
        list(spread(_die, subject, RUNS[:1], workers=1))


def _die(*_: object) -> Line:
    os._exit(1)


def test_one_detector_by_itself_raises_what_it_raises_among_all(subject: Subject) -> None:
    run = RUNS[3]
    every, alone = perform(subject, run), perform(subject, replace(run, detectors=("proximity",)))
    arms = ["every_event/proximity", "daily/proximity"]
    assert alone["arms"] == arms
    assert alone["alerts"] == [one for one in every["alerts"] if one["arm"] in arms]
    assert alone["alerts"]
    assert alone["run"] != every["run"]  # it never counts as a run of all


def test_another_configuration_shares_no_run(configuration: Configuration, subject: Subject) -> None:
    scan, *others = configuration.detectors[USE_CASE]
    other = replace(configuration, detectors={USE_CASE: (replace(scan, replicates=98), *others)})
    assert subject_of(other, USE_CASE, "north").fingerprint != subject.fingerprint
    assert subject_of(configuration, USE_CASE, "south").fingerprint != subject.fingerprint
    assert subject_of(configuration, USE_CASE, "north").fingerprint == subject.fingerprint


def test_a_longer_plan_holds_every_run_of_a_shorter_one() -> None:
    plan = Plan(ORDINARY, 2, 2, relative_risks=(5.0,), extras=(4, 8))
    longer = replace(plan, years=5, clusters=3)
    assert {run.key for run in runs_of(plan)} < {run.key for run in runs_of(longer)}
    assert len({run.key for run in runs_of(longer)}) == 5 + 3 * 3


def test_a_strong_cluster_is_found_and_its_delay_is_that_of_the_third_report(
    configuration: Configuration, subject: Subject
) -> None:
    """Three within 1 km and 5 days make a candidate here: that can be known from the third report on."""
    begin = datetime.combine(FIRST, time(), UTC)
    rows = [_injected(i, begin + timedelta(hours=30 * i + 20)) for i in range(5)]
    replay = Replay(
        configuration,
        USE_CASE,
        "north",
        rows,
        Decided(),
        (FIRST, FIRST + timedelta(days=9)),
        arms_of(subject.use_case),
    )
    first = {}
    for one in replay.run().raised:
        first.setdefault(one.arm, one.at)
    third = begin + timedelta(hours=80)
    assert first["every_event/proximity"] == first["every_event/combined"] == third
    # In New York the day ends at five in the morning, Greenwich time.
    assert first["daily/proximity"] == datetime.combine(third.date() + timedelta(days=1), time(5), UTC)
    assert "every_event/links" not in first


def _injected(i: int, known: datetime) -> ListedRow:
    case = Case(
        key=RecordKey("police", "incident", f"police-{INJECTED + i}"),
        version=1,
        use_case=USE_CASE,
        place="residence",
        area=f"n{1 + i % 2}",
        day=known.date(),
        received_at=known,
        person_keys=(f"key:{i}",),
    )
    return ListedRow(case, known, None)


def test_an_injected_line_says_how_many_were_put_in_and_when_they_were_found(subject: Subject) -> None:
    lines = [perform(subject, run) for run in RUNS[3:]]
    assert [line["injected"] for line in lines] == [9, 9]
    report = make_report(subject.use_case, lines)
    combined = next(p for p in report.power if (p.arm, p.band) == ("every_event/combined", "watch"))
    assert combined.found.value == 1.0
    assert combined.days.value is not None
    assert 0 < combined.days.value < 8
    nightly = next(p for p in report.power if (p.arm, p.band) == ("daily/combined", "watch"))
    assert nightly.days.value is None or nightly.days.value >= combined.days.value


def test_a_history_is_a_function_of_its_seed_and_grows_slow_or_late_where_it_is_told_to(
    subject: Subject,
) -> None:
    def drawn(background: Background, seed: int = 3) -> tuple[ListedRow, ...]:
        rng = np.random.default_rng(seed)
        return draw_history(
            subject.use_case, subject.region, background, rng, FIRST, FIRST + timedelta(days=30)
        )

    plain = drawn(Background(600))
    assert plain == drawn(Background(600))
    assert plain != drawn(Background(600), seed=4)
    joined = drawn(Background(600, joined_share=0.5, joined_days=20))
    since = FIRST - timedelta(days=20)
    lived = [row.entry for row in joined if isinstance(row.entry, Case) and row.entry.place == "residence"]
    early = {case.area for case in lived if case.day < since}
    late = {case.area for case in lived if case.day >= since}
    assert len(early) < len(late)
    delays = [_mean_delay(drawn(Background(600, slow_share=share))) for share in (0.0, 1.0)]
    assert delays[1] > 3 * delays[0]


def _mean_delay(rows: tuple[ListedRow, ...]) -> float:
    first = [row for row in rows if row.entry.version == 1 and isinstance(row.entry, Case)]
    waits = [
        (row.known_from - datetime.combine(row.entry.day, time(12), UTC)) / timedelta(days=1) for row in first
    ]  # type: ignore[union-attr]
    return sum(waits) / len(waits)


def test_a_study_begins_when_the_simulated_partners_began_to_report(subject: Subject) -> None:
    """Not when the real ones did; without `past_days` they have reported for as long as a detector looks."""

    def days_before(background: Background) -> int:
        run = Run("null", 0, background, days=6, first=FIRST)
        configuration = as_simulated(subject, run)
        start = configuration.study_start(configuration.use_cases[USE_CASE], "north", FIRST)
        return (FIRST - start).days

    assert days_before(Background(150)) == subject.use_case.baseline_days - 1
    assert days_before(Background(150, past_days=7)) == 7


@pytest.mark.parametrize(
    ("use_case", "youngest", "mean"),
    [("emergency-admissions-over-65", 65, 78), ("self-harm-admissions", 10, 33)],
)
def test_simulated_admissions_are_those_that_the_use_case_counts(
    use_case: str, youngest: int, mean: float
) -> None:
    """Their ages decide which strata they are in and whether they come from a care home."""
    subject = subject_of(load_configuration(Settings().config_dir), use_case, "cheshire-merseyside")
    rng = np.random.default_rng(1)
    rows = draw_history(subject.use_case, subject.region, Background(500), rng, FIRST, FIRST, past_days=300)
    ages = [row.entry.age for row in rows if isinstance(row.entry, Case) and row.entry.age is not None]
    assert len(ages) > 300
    assert min(ages) >= youngest
    assert abs(np.mean(ages) - mean) < 4
