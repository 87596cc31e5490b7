"""The bill of materials names everything that runs, as it is pinned, with its licence."""

import json
import re
import runpy
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from plugins.kafka_harness import ROOT

LOCK = (ROOT / "requirements.lock").read_text()
PINNED = re.findall(r"(?m)^([A-Za-z0-9._-]+)==([^ ;\\]+)", LOCK)
VENDOR = ROOT / "surveillance" / "web" / "static" / "vendor"
Component = dict[str, Any]


@pytest.fixture(scope="module")
def bom() -> dict[str, Any]:
    made: dict[str, Any] = runpy.run_path(str(ROOT / "deploy" / "sbom.py"))["make_bom"]()
    return made


@pytest.fixture(scope="module")
def packages(bom: dict[str, Any]) -> list[Component]:
    return [one for one in bom["components"] if one["type"] == "library"]


def test_it_is_valid_against_the_schema_of_cyclonedx(bom: dict[str, Any]) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bom)) is None


def test_the_schema_would_refuse_a_misspelt_key(bom: dict[str, Any]) -> None:
    wrong = json.dumps(bom | {"component": []})
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(wrong) is not None


def test_every_pin_is_in_it_with_the_hashes_that_pip_checks(packages: list[Component]) -> None:
    assert sorted((one["name"], one["version"]) for one in packages) == sorted(PINNED)
    held = {
        found["content"]
        for one in packages
        for reference in one["externalReferences"]
        for found in reference.get("hashes", ())
    }
    assert held == set(re.findall(r"--hash=sha256:([0-9a-f]{64})", LOCK))


def test_every_script_of_the_pages_is_in_it(bom: dict[str, Any]) -> None:
    scripts = {one["bom-ref"] for one in bom["components"] if one["type"] == "file"}
    vendored = {f"vendor/{path.name}" for path in VENDOR.iterdir() if path.suffix != ".md"}
    assert scripts == vendored
    assert all(one["version"] != "" for one in bom["components"])


def test_whatever_runs_has_a_licence(bom: dict[str, Any]) -> None:
    without = {one["name"] for one in bom["components"] if "licenses" not in one}
    assert without == {one["name"] for one in bom["components"] if one.get("scope") == "excluded"}
    pins = [name for name, _ in PINNED]
    elsewhere = {"colorama", "httpx2-jsfetch", *(name for name in pins if pins.count(name) > 1)}
    assert without <= elsewhere, "only what is of another platform or Python is not known here"
    named = json.dumps([one.get("licenses") for one in bom["components"]])
    assert not re.search(r"\bA?GPL\b(?!.*LGPL)|SSPL|BUSL|Commons Clause", named)


def test_what_depends_on_what_is_told_from_the_service_on(bom: dict[str, Any]) -> None:
    tree = {one["ref"]: set(one.get("dependsOn", ())) for one in bom["dependencies"]}
    refs = {one["bom-ref"] for one in bom["components"]}
    reached, waiting = set(), {"surveillance"}
    while waiting:
        one = waiting.pop()
        reached.add(one)
        waiting |= tree.get(one, set()) - reached
    excluded = {one["bom-ref"] for one in bom["components"] if one.get("scope") == "excluded"}
    assert refs - reached - excluded == set()


def test_it_is_the_same_each_time(bom: dict[str, Any]) -> None:
    again = runpy.run_path(str(ROOT / "deploy" / "sbom.py"))["make_bom"]()
    assert again == bom
