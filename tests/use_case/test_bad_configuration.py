"""Every mistake in a configuration file is named with its file, its key and what to do about it."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from surveillance.events.admission import AdmissionEvent
from surveillance.events.incident import IncidentEvent
from surveillance.use_case.fault import ConfigError, ConfigFault
from surveillance.use_case.load import load_partners, load_scopes, load_use_cases
from surveillance.use_case.model import Scope

BAD = Path(__file__).parent / "bad"
MODELS = {"incident": IncidentEvent, "admission": AdmissionEvent}
SCOPES = {
    name: Scope(id=name, title=name, time_zone=zone, areas="cheshire_merseyside")
    for name, zone in (("test-scope", "Europe/London"), ("far-scope", "America/New_York"))
}

# file -> the key that is named, and words of the problem and the fix
USE_CASES = {
    "misspelt-key": ("look", "no such key", "Did you mean `looks`?"),
    "misspelt-key-of-a-condition": ("cases.category.oneof", "no such key", "Did you mean `one_of`?"),
    "unknown-key-of-a-criterion": ("bands[0].any_of[0].colour", "no such key", "the keys are: detector"),
    "missing-key": ("title", "is missing", "Add it"),
    "key-twice": ("line 3", "`title` stands twice", "Correct the line"),
    "not-yaml": ("line 12", "expected ',' or ']'", "Correct the line"),
    "no-mapping": ("", "holds no keys", "key: value"),
    "id-is-not-the-file-name": ("id", "not the file's name", "Rename the file to something-else.yaml"),
    "unknown-scope": ("scopes[1]", "no such scope", "Use one of: far-scope, test-scope"),
    "two-time-zones": ("scopes", "different time zones", "one use case per time zone"),
    "no-condition": ("cases", "no condition", "Say which records are cases"),
    "two-tests-in-a-condition": ("cases.category", "2 tests", "exactly one of: at_least"),
    "empty-condition": ("cases.category", "0 tests", "exactly one of: at_least"),
    "empty-list-of-values": ("cases.category.one_of", "a value is empty", "at least one value"),
    "condition-on-an-unknown-field": ("cases.kategory", "an incident has no such field", "event schema"),
    "value-a-field-never-has": ("cases.status", "never `suspcted`", "suspected"),
    "codes-in-the-wrong-order": ("cases.category.between", "comes after", "Swap them: [X60, X84]"),
    "codes-of-different-length": ("cases.category.between", "differ in length", "codes of one length"),
    "case-day-is-no-day": ("case_day", "not a date or a time", "occurred_from, occurred_to, reported_at"),
    "case-day-is-no-field": ("case_day", "no such field", "event schema"),
    "place-is-no-area": ("places[0].field", "not an area", "Use one of: incident_area, residence_area"),
    "place-twice": ("places[1].name", "stands twice", "a name of its own"),
    "column-for-an-unknown-field": ("columns.postcode", "no such field", "event schema"),
    "constant-a-field-never-has": ("columns.action", "never `told`", "reported"),
    "column-without-a-name": ("columns.category", "names no column", "`=` and a constant"),
    "unknown-detector": ("detectors[0]", "crystal-ball is unknown", "Correct the detector"),
    "detector-twice": ("detectors[1].name", "stands twice", "each detector once"),
    "criterion-of-a-detector-not-chosen": ("bands[0].any_of[0].detector", "not among", "permutation-scan"),
    "criterion-without-a-number": ("bands[0].any_of[0]", "asks nothing", "Give a number"),
    "number-out-of-range": ("bands[0].any_of[0].recurrence_interval_days", "greater than 0", "Correct"),
    "band-twice": ("bands[1].name", "stands twice", "a name of its own"),
    "unknown-receiver": ("receivers[1]", "no such receiver", "Use one of: alerts-topic"),
    "harmful-word": ("wording.many", "harm: committed, epidemic", "died by"),
    "task-of-a-plan-twice": ("response_plan.tasks[1].id", "stands twice", "an id of its own"),
    "task-of-a-plan-never-due": ("response_plan.tasks[0]", "no due time", "exactly one of: due_hours"),
    "harmful-word-in-a-plan": ("response_plan.tasks[0].what", "harm: hotspot", "`area`"),
    "plan-without-tasks": ("response_plan.tasks", "at least 1", "Give at least one"),
    "no-support-line": ("wording.support_lines", "there is none", "who readers can turn to"),
    "id-with-capitals": ("id", "should match pattern", "small letters, digits and hyphens"),
    "wrong-kind-of-record": ("records", "'incident' or 'admission'", "one of the values"),
}
PARTNERS = {
    "coverage-of-unknown-areas": ("coverage[0].areas", "no scope uses", "Use one of: cheshire_merseyside"),
    "coverage-ends-before-it-begins": ("coverage[0].until", "before `since`", "the last day"),
    "date-that-is-none": ("coverage[0].since", "valid date", "Write a date as"),
    "column-for-an-unknown-field": ("columns.incidents.shoe_size", "no such field", "event schema"),
    "no-topic": ("topics", "at least 1", "Give at least one"),
    "unknown-topic": ("topics[0]", "'incidents' or 'admissions'", "one of the values"),
}
SCOPE_FILES = {
    "unknown-time-zone": ("scopes[0].time_zone", "no such time zone", "Europe/London"),
    "scope-twice": ("scopes[1].id", "stands twice", "an id of its own"),
    "no-scopes": ("scopes", "not a list of scopes", "at least one scope"),
    "misspelt-key": ("scopes[0].timezone", "no such key", "Did you mean `time_zone`?"),
    "unknown-setting": ("databse_url", "no such key", "Did you mean `database_url`?"),
    "negative-distance": ("scopes[0].neighbours_km", "greater than or equal to 0", "Correct"),
}


def check_detector(name: str, _parameters: Mapping[str, Any]) -> None:
    if name != "permutation-scan" and name != "proximity":
        raise ValueError(f"{name} is unknown")


def faults_of(load: Any, *arguments: Any, **options: Any) -> tuple[ConfigFault, ...]:
    with pytest.raises(ConfigError) as caught:
        load(*arguments, **options)
    return caught.value.faults


def assert_named(faults: tuple[ConfigFault, ...], file: str, expected: tuple[str, str, str]) -> None:
    key, problem, fix = expected
    named = [fault for fault in faults if fault.key == key]
    assert named, f"{key} is not among {faults}"
    assert named[0].file == file
    assert problem in named[0].problem
    assert fix in named[0].fix


@pytest.mark.parametrize("name", USE_CASES)
def test_a_mistake_in_a_use_case_is_named(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "use_cases"
    folder.mkdir()
    shutil.copy(BAD / "use_cases" / f"{name}.yaml", folder)
    faults = faults_of(
        load_use_cases, tmp_path, scopes=SCOPES, check_detector=check_detector, record_models=MODELS
    )
    assert_named(faults, f"use_cases/{name}.yaml", USE_CASES[name])


@pytest.mark.parametrize("name", PARTNERS)
def test_a_mistake_in_a_partner_is_named(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "partners"
    folder.mkdir()
    shutil.copy(BAD / "partners" / f"{name}.yaml", folder)
    faults = faults_of(load_partners, tmp_path, scopes=SCOPES, record_models=MODELS)
    assert_named(faults, f"partners/{name}.yaml", PARTNERS[name])


@pytest.mark.parametrize("name", SCOPE_FILES)
def test_a_mistake_in_the_scopes_is_named(name: str, tmp_path: Path) -> None:
    shutil.copy(BAD / "scopes" / f"{name}.yaml", tmp_path / "surveillance.yaml")
    faults = faults_of(load_scopes, tmp_path, settings=("database_url", "brokers"))
    assert_named(faults, "surveillance.yaml", SCOPE_FILES[name])


@pytest.mark.parametrize(
    ("folder", "expected"), [("use_cases", USE_CASES), ("partners", PARTNERS), ("scopes", SCOPE_FILES)]
)
def test_every_bad_file_has_an_expectation(folder: str, expected: Mapping[str, object]) -> None:
    assert {path.stem for path in (BAD / folder).iterdir()} == set(expected)


def test_the_mistakes_of_all_files_come_together() -> None:
    names = {
        fault.file.removeprefix("use_cases/").removesuffix(".yaml")
        for fault in faults_of(
            load_use_cases, BAD, scopes=SCOPES, check_detector=check_detector, record_models=MODELS
        )
    }
    assert names == set(USE_CASES)


def test_two_mistakes_in_one_file_are_both_named(tmp_path: Path) -> None:
    (tmp_path / "use_cases").mkdir()
    text = (BAD / "use_cases" / "no-support-line.yaml").read_text().replace("[test-scope]", "[nowhere]")
    (tmp_path / "use_cases" / "no-support-line.yaml").write_text(text)
    keys = {fault.key for fault in faults_of(load_use_cases, tmp_path, scopes=SCOPES)}
    assert keys == {"scopes[0]", "wording.support_lines"}


def test_an_absent_file_and_an_empty_folder_are_mistakes_with_a_fix(tmp_path: Path) -> None:
    assert faults_of(load_scopes, tmp_path)[0].file == "surveillance.yaml"
    assert faults_of(load_partners, tmp_path)[0].fix == "Put one per Partner there"


def test_a_file_with_brackets_that_never_close_is_a_mistake_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "surveillance.yaml").write_text("scopes: " + "[" * 2000)
    (fault,) = faults_of(load_scopes, tmp_path)
    assert (fault.problem, fault.fix) == ("is nested too deep", "Close the brackets that are open")


def test_a_fault_reads_as_one_line() -> None:
    fault = ConfigFault("partners/a.yaml", "topics", "is missing", "Add it")
    assert str(fault) == "partners/a.yaml: topics: is missing. Add it"
