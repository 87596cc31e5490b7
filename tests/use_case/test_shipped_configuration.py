"""The configuration that is shipped loads, is safe to read, and is the only place that names a use case."""

import ast
from pathlib import Path

import pytest

from surveillance.detection.recurrence import independent_looks_a_day, recurrence_interval_days
from surveillance.events.admission import AdmissionEvent
from surveillance.events.incident import IncidentEvent
from surveillance.geography.area import load_areas
from surveillance.use_case.load import load_partners, load_scopes, load_use_cases
from surveillance.use_case.model import UseCase

REPOSITORY = Path(__file__).parents[2]
CONFIG = REPOSITORY / "config"
SCOPES = load_scopes(CONFIG)
PARTNERS = load_partners(CONFIG, scopes=SCOPES)
USE_CASES = load_use_cases(
    CONFIG, scopes=SCOPES, record_models={"incident": IncidentEvent, "admission": AdmissionEvent}
)


def test_every_use_case_asked_for_is_there() -> None:
    assert set(USE_CASES) == {
        "suspected-suicide",
        "self-harm-admissions",
        "overdose",
        "respiratory-admissions",
        "falls-in-care-homes",
        "emergency-admissions-over-65",
        "meningococcal",
        "fever-visits",
        "hus-admissions",
    }


@pytest.mark.parametrize("use_case", USE_CASES.values(), ids=list(USE_CASES))
def test_every_use_case_says_what_a_response_consists_of_and_by_which_guidance(use_case: UseCase) -> None:
    assert use_case.response_plan is not None
    assert use_case.response_plan.guidance
    assert len(use_case.response_plan.tasks) >= 3


def test_the_response_to_suspected_suicide_has_what_guidance_asks_for() -> None:
    plan = USE_CASES["suspected-suicide"].response_plan
    assert plan is not None
    assert {
        "convene-response-group",
        "contact-schools",
        "support-bereaved",
        "support-exposed",
        "media-guidance",
        "online",
        "location-of-concern",
    } <= {task.id for task in plan.tasks}


def test_suspected_suicide_counts_persons_once_and_at_both_places() -> None:
    use_case = USE_CASES["suspected-suicide"]
    assert [place.field for place in use_case.places] == ["residence_area", "incident_area"]
    assert (use_case.count.unit, use_case.count.episode_days) == ("person", None)


@pytest.mark.parametrize("use_case", USE_CASES.values(), ids=list(USE_CASES))
def test_every_scope_of_a_use_case_is_covered_by_a_partner_that_sends_its_records(use_case: UseCase) -> None:
    covered = {
        coverage.areas
        for partner in PARTNERS.values()
        if f"{use_case.records}s" in partner.topics
        for coverage in partner.coverage
    }
    assert {SCOPES[scope].areas for scope in use_case.scopes} <= covered


@pytest.mark.parametrize("name", ["suspected-suicide", "self-harm-admissions"])
def test_where_people_died_by_or_survived_self_harm_readers_see_samaritans(name: str) -> None:
    assert any("116 123" in line for line in USE_CASES[name].wording.support_lines)


def test_self_harm_of_young_people_is_counted_by_sex_in_every_local_authority() -> None:
    (chosen,) = (d for d in USE_CASES["self-harm-admissions"].detectors if d.name == "exceedance")
    assert chosen.parameters["level"] == "lad"
    assert {"0-24 female", "0-24 male"} <= set(chosen.parameters["strata"])


def test_every_covered_unit_exists_in_its_area_file() -> None:
    for partner in PARTNERS.values():
        for coverage in partner.coverage:
            assert len(load_areas(coverage.areas, CONFIG).within(coverage.within)) > 0


def test_one_partner_began_later_than_the_others() -> None:
    began = {c.since for p in PARTNERS.values() for c in p.coverage if c.areas == "cheshire_merseyside"}
    assert len(began) > 1


def test_no_python_names_a_use_case() -> None:
    """A new use case is a new file: code that knows one by name would treat it otherwise.

    A simulated feed has the categories of the wire, some of which are called like a use case.
    """
    named = [
        f"{path.relative_to(REPOSITORY)}: {node.value}"
        for package in ("surveillance", "agents")
        for path in sorted((REPOSITORY / package).rglob("*.py"))
        if "simulation" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in USE_CASES
    ]
    assert named == []


@pytest.mark.parametrize("use_case", USE_CASES.values(), ids=list(USE_CASES))
def test_no_scan_gives_up_on_a_p_value_that_reaches_a_band(use_case: UseCase) -> None:
    """The most that a p-value can be at a band's recurrence interval, where looks are worth least."""
    bands = [c.recurrence_interval_days for band in use_case.bands for c in band.any_of]
    shortest = min((days for days in bands if days is not None), default=None)
    looks = independent_looks_a_day(0.0, every_event=True)
    for detector in use_case.detectors:
        if detector.name == "permutation-scan" and shortest is not None:
            # Once in four days is an example of an example: there a look a day is worth a look.
            worth = looks if use_case.looks == "every_event" or shortest > 50 else 1.0
            assert recurrence_interval_days(detector.parameters["max_p"], worth) <= shortest
