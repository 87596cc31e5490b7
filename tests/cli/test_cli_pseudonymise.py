"""A partner's file with persons becomes one that may be sent, or nothing is written."""

import csv
from pathlib import Path

import pytest
from command import Ran, Run

VALID, OTHER = "943 476 5919", "4010232137"
HEADER = ["record_id", "nhs", "first", "last", "born", "reported_at"]
ROWS = [
    ["r-1", VALID, "Aaa", "Bbb", "1970-01-31", "2024-03-01T09:00:00Z"],
    ["r-2", "", "Ccc", "Ddd", "1980-02-01", "2024-03-02T09:00:00Z"],
]


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "new.key").write_text("n" * 64 + "\n")
    (tmp_path / "old.key").write_text("o" * 64)
    write(tmp_path, ROWS)
    return tmp_path


def write(folder: Path, rows: list[list[str]], header: list[str] = HEADER) -> None:
    with (folder / "in.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def pseudonymise(run: Run, folder: Path, *more: object, topic: str = "incidents") -> Ran:
    keep = ("--keep", "record_id", "--keep", "reported_at")
    secret = ("--secret", f"2026={folder / 'new.key'}")
    return run(
        "pseudonymise",
        folder / "in.csv",
        "--out",
        folder / "out.csv",
        "--topic",
        topic,
        *secret,
        *keep,
        *more,
    )


def read(folder: Path) -> list[dict[str, str]]:
    with (folder / "out.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_numbers_and_names_are_gone_and_keys_are_there(run: Run, files: Path) -> None:
    done = pseudonymise(run, files, "--number", "nhs", "--person", "first,last,born")
    assert (done.code, "dropped: nhs, first, last, born" in done.words) == (0, True)
    text = (files / "out.csv").read_text()
    assert not any(secret in text for secret in ("943", "Aaa", "Bbb", "1970-01-31", "n" * 64))
    first, second = read(files)
    assert first["person_keys.0.scheme"] == "nhs-number"
    assert len(first["person_keys.0.value"]) == len(first["person_keys.1.value"]) == 64
    assert (second["person_keys.0.value"], second["person_keys.1.scheme"]) == ("", "initial-surname-birth")
    assert (files / "out.csv").stat().st_mode & 0o077 == 0


def test_while_a_secret_rotates_a_record_has_keys_of_both(run: Run, files: Path) -> None:
    pseudonymise(run, files, "--number", "nhs", "--secret", f"2025={files / 'old.key'}")
    first = read(files)[0]
    assert (first["person_keys.0.key_id"], first["person_keys.1.key_id"]) == ("2026", "2025")
    assert first["person_keys.0.value"] != first["person_keys.1.value"]


def test_the_published_event_carries_the_keys(run: Run, files: Path) -> None:
    pseudonymise(run, files, "--number", "nhs", topic="admissions")
    assert read(files)[0]["person_keys.0.scheme"] == "nhs-number"


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([["r-1", "9434765918", "a", "b", "c", "d"]], "line 2: nhs: the check digit"),
        ([[VALID, "", "a", "b", "c", "d"]], "line 2: record_id: holds an NHS number"),
        ([["r-1", VALID]], "line 2: a row has as many cells"),
    ],
)
def test_one_fault_and_nothing_is_written(run: Run, files: Path, rows: list[list[str]], words: str) -> None:
    write(files, [*rows, *ROWS])
    done = pseudonymise(run, files, "--number", "nhs")
    assert (done.code, words in done.words, "faults: 1" in done.words) == (2, True, True)
    assert not list(files.glob("out.csv*"))
    assert not any(number in done.words for number in ("9434765918", VALID))


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ((), "name the column"),
        (("--number", "nix"), "not exactly once in the header: nix"),
        (("--person", "first,last"), "three columns"),
        (("--number", "nhs", "--secret", "2025"), "key-id=FILE"),
        (("--number", "nhs", "--secret", "2025=missing.key"), "the file of 2025 cannot be read"),
    ],
)
def test_what_is_wrong_with_the_command_is_said(
    run: Run, files: Path, more: tuple[str, ...], words: str
) -> None:
    done = pseudonymise(run, files, *more)
    assert (done.code, words in done.words, "Traceback" in done.words) == (2, True, False)


def test_a_file_that_is_there_is_never_overwritten(run: Run, files: Path) -> None:
    (files / "out.csv").write_text("mine")
    assert pseudonymise(run, files, "--number", "nhs").code == 2
    assert (files / "out.csv").read_text() == "mine"


def test_no_setting_of_the_service_is_needed(run: Run, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(files / "nowhere"))
    assert pseudonymise(run, files, "--number", "nhs").code == 0
    assert len(read(files)) == len(ROWS)
