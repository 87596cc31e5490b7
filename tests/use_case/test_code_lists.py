"""Code lists are files: what they hold counts, and a mistake in one is named with file, key and fix."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from surveillance.events.admission import AdmissionEvent
from surveillance.events.incident import IncidentEvent
from surveillance.line_list.content import holds, values_at
from surveillance.use_case.code_list import CodeList, read_code_lists
from surveillance.use_case.fault import ConfigError, ConfigFault
from surveillance.use_case.load import load_scopes, load_use_cases
from surveillance.use_case.model import Condition, UseCase

CONFIG = Path(__file__).parents[2] / "config"
SHIPPED, _ = read_code_lists(CONFIG)
MODELS = {"incident": IncidentEvent, "admission": AdmissionEvent}
LIST: dict[str, Any] = {
    "id": "a-list",
    "version": "1",
    "title": "A list",
    "system": "icd10",
    "source": {"title": "A source", "link": "https://example.org/", "licence": "Anyone may use it"},
    "valid_from": "2024-04-01",
    "codes": [{"code": "X60", "title": "a code"}],
}


def made(**changes: Any) -> CodeList:
    return CodeList.model_validate(LIST | changes)


def written(folder: Path, name: str = "a-list@1.yaml", **changes: Any) -> list[ConfigFault]:
    (folder / "code_lists").mkdir(exist_ok=True)
    (folder / "code_lists" / name).write_text(yaml.safe_dump(LIST | changes))
    return read_code_lists(folder)[1]


def test_the_shipped_lists_have_no_mistake_and_no_code_of_snomed() -> None:
    found, faults = read_code_lists(CONFIG)
    assert faults == []
    assert {"self-harm-icd10@2016", "emergency-admission-methods@2013"} <= set(found)
    assert all(one.system != "snomed" for one in found.values())  # a licence of its own


@pytest.mark.parametrize("code", ["X60", "X609", "X60.9", "x84", "X84.09"])
def test_an_icd_code_stands_for_everything_below_it(code: str) -> None:
    assert SHIPPED["self-harm-icd10@2016"].holds(code)


@pytest.mark.parametrize("code", ["X59.9", "X85", "X6", "", "Y10", 60, None, ["X60"]])
def test_nothing_else_is_on_the_list(code: object) -> None:
    assert not SHIPPED["self-harm-icd10@2016"].holds(code)


def test_a_coded_object_must_be_of_the_system_too() -> None:
    listed = SHIPPED["self-harm-icd10@2016"]
    assert listed.holds({"system": "icd10", "code": "X61", "version": "2016"})
    assert not listed.holds({"system": "other", "code": "X61"})


def test_a_code_without_a_tree_stands_for_itself() -> None:
    methods = SHIPPED["emergency-admission-methods@2013"]
    assert methods.holds("2A")
    assert not methods.holds("2")
    assert not methods.holds("2A1")


def test_several_lists_are_alternatives() -> None:
    concept = made(id="b", system="snomed", codes=[{"code": "22298006", "title": "a concept"}])
    condition = Condition(in_list=(made(), concept))
    for code in ("X60.1", "22298006"):
        assert holds(condition, values_at({"diagnoses": [{"code": "Z"}, {"code": code}]}, "diagnoses.code"))
    assert not holds(condition, values_at({"diagnoses": [{"code": "X61"}]}, "diagnoses.code"))


def test_a_name_without_its_list_never_matches_in_silence() -> None:
    with pytest.raises(ValueError, match="was not loaded"):
        holds(Condition(in_list=("a-list@1",)), ("X60",))


@given(st.sampled_from("WXY"), st.integers(0, 99), st.sampled_from(["", ".0", ".9", "9"]))
def test_self_harm_counts_what_the_range_of_codes_counted(letter: str, number: int, more: str) -> None:
    code = f"{letter}{number:02d}{more}"
    listed = Condition(in_list=(SHIPPED["self-harm-icd10@2016"],))
    assert holds(listed, (code,)) == holds(Condition(between=("X60", "X84")), (code,))


@pytest.mark.parametrize(
    ("changes", "key", "fix"),
    [
        ({"codes": [{"code": "60", "title": "t"}]}, "codes[0].code", "such as X60"),
        ({"codes": [{"code": "X60", "title": "t"}] * 2}, "codes[1].code", "every code once"),
        ({"system": "snomed", "codes": [{"code": "22298007", "title": "t"}]}, "codes[0].code", "check digit"),
        (
            {"system": "snomed", "codes": [{"code": "900000000", "title": "t"}]},
            "codes[0].code",
            "check digit",
        ),
        ({"system": "nhs-admission-method", "codes": [{"code": "A1", "title": "t"}]}, "codes[0].code", "2A"),
        ({"version": "2"}, "id", "Rename the file to a-list@2.yaml"),
        ({"codes": []}, "codes", "at least one"),
        ({"colour": "red"}, "colour", "the keys are"),
        ({"source": {"title": "t", "link": "https://example.org/"}}, "source.licence", "Add it"),
        ({"valid_from": "2024-13-01"}, "valid_from", "2024-01-31"),
    ],
)
def test_a_mistake_is_named_with_file_key_and_fix(
    tmp_path: Path, changes: dict[str, Any], key: str, fix: str
) -> None:
    (fault,) = written(tmp_path, **changes)
    assert (fault.file, fault.key) == ("code_lists/a-list@1.yaml", key)
    assert fix in fault.fix


@pytest.mark.parametrize(
    ("field", "lists", "problem"),
    [
        ("diagnoses.code", "a-list@2", "there is no list `a-list@2`"),
        ("diagnoses.code", "a-list", "there is no list `a-list`"),
        ("diagnoses.code", [], "names no list"),
        ("sex", "a-list@1", "the field holds no code"),
        ("diagnoses.code", [LIST], "is not a name"),
    ],
)
def test_a_condition_that_names_no_list_is_a_mistake(
    tmp_path: Path, field: str, lists: object, problem: str
) -> None:
    with pytest.raises(ConfigError) as error:
        loaded(tmp_path, {field: {"in_list": lists}})
    (fault,) = error.value.faults
    assert (fault.key, fault.problem) == (f"cases.{field}.in_list", problem)


def test_a_use_case_carries_its_list_so_that_another_edition_is_another_definition(tmp_path: Path) -> None:
    first = loaded(tmp_path, {"diagnoses": {"in_list": "a-list@1"}})
    again = loaded(tmp_path, {"diagnoses": {"in_list": ["a-list@1"]}})
    assert first.model_dump(mode="json") == again.model_dump(mode="json")
    written(tmp_path, codes=[{"code": "X61", "title": "another"}])
    edited = loaded(tmp_path, {"diagnoses": {"in_list": "a-list@1"}}, keep=True)
    assert first.model_dump(mode="json") != edited.model_dump(mode="json")


def loaded(folder: Path, cases: dict[str, Any], keep: bool = False) -> UseCase:
    shipped = yaml.safe_load((CONFIG / "use_cases" / "self-harm-admissions.yaml").read_text())
    (folder / "use_cases").mkdir(exist_ok=True)
    (folder / "use_cases" / f"{shipped['id']}.yaml").write_text(yaml.safe_dump(shipped | {"cases": cases}))
    if not keep:
        assert not written(folder)
    use_cases = load_use_cases(folder, scopes=load_scopes(CONFIG), record_models=MODELS)
    return use_cases[shipped["id"]]
