"""Results outlast the run that made them, and say plainly how it ended."""

from pathlib import Path

from chaos.results import Result, append, done, fingerprint, last_line, read, summary

HELD = Result(1, 0, "code", events=300, repaired=7, seconds=20.0)
FAILED = Result(
    1, 1, "code", lost=2, doubled=1, broken=("2 accepted events are not in the database",), seconds=30.0
)


def test_a_second_start_knows_what_was_done_under_the_same_code(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    for result in (HELD, FAILED, Result(2, 0, "code"), Result(1, 2, "other code")):
        append(path, result)
    assert done(path, 1, "code") == {0: HELD, 1: FAILED}


def test_a_schedule_that_ran_again_counts_as_it_ended_last(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append(path, FAILED)
    append(path, Result(1, 1, "code"))
    assert not done(path, 1, "code")[1].failed


def test_a_line_that_was_cut_when_a_run_was_killed_costs_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    append(path, HELD)
    with path.open("a") as file:
        file.write('{"seed": 1, "num')
    append(path, FAILED)
    assert list(read(path)) == [HELD, FAILED]


def test_without_a_file_nothing_was_done(tmp_path: Path) -> None:
    assert done(tmp_path / "none", 1, "code") == {}


def test_the_last_line_counts_schedules_and_what_was_lost_and_doubled() -> None:
    assert last_line([HELD]) == "1 schedules, 0 lost, 0 doubled"
    assert last_line([HELD, FAILED]) == "2 schedules, 2 lost, 1 doubled"


def test_of_a_schedule_that_did_not_come_to_its_end_the_last_line_says_nothing() -> None:
    broken_off = Result(1, 2, "code", judged=False, broken=("a worker ended by itself",))
    assert broken_off.failed
    assert last_line([HELD, broken_off]) == "1 schedules, 0 lost, 0 doubled"
    assert any("schedule 2: a worker ended by itself" in line for line in summary([HELD, broken_off]))


def test_the_summary_names_each_schedule_that_failed_and_counts_repairs() -> None:
    said = "\n".join(summary([HELD, FAILED]))
    assert "FAILED seed 1 schedule 1: 2 accepted events are not in the database" in said
    assert "in 1 of 2 schedules, for 7 messages, at most 7 in one" in said


def test_anything_broken_is_a_failure_even_where_nothing_is_lost() -> None:
    assert Result(1, 0, "code", broken=("the audit chain is broken",)).failed
    assert not HELD.failed


def test_the_fingerprint_changes_with_any_file_of_the_service(tmp_path: Path) -> None:
    for folder in ("surveillance", "agents", "config", "chaos"):
        (tmp_path / folder).mkdir()
    (tmp_path / "agents" / "app.py").write_text("one")
    before = fingerprint(tmp_path)
    (tmp_path / "agents" / "__pycache__").mkdir()
    (tmp_path / "agents" / "__pycache__" / "app.pyc").write_text("compiled")
    assert fingerprint(tmp_path) == before
    (tmp_path / "agents" / "app.py").write_text("other")
    assert fingerprint(tmp_path) != before
