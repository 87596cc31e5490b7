"""The pages for partners: their examples are valid as they are written, for the partner they name."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from handing_in import clock

from surveillance.adapters.fhir.conversion import fhir_to_events
from surveillance.adapters.fhir.encounter import Setting
from surveillance.adapters.publishing import Partner
from surveillance.configuration import Configuration, load_configuration
from surveillance.submitting.columns import columns_of
from surveillance.submitting.feed import Feed, zone_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shipped() -> Configuration:
    return load_configuration(ROOT / "config")


@pytest.mark.parametrize(
    ("page", "pattern", "name", "records"),
    [
        ("upload.md", r"<<'END'\n(.*?)\nEND", "record.json", 1),
        ("spreadsheet.md", r"```\n(Reference.*?)```", "cases.csv", 2),
    ],
)
def test_what_a_page_shows_can_be_sent_as_it_stands(
    shipped: Configuration, tmp_path: Path, page: str, pattern: str, name: str, records: int
) -> None:
    found = re.search(pattern, (ROOT / "docs" / "partners" / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    (tmp_path / name).write_text(found[1], encoding="utf-8")
    partner = shipped.partners["example-coroner"]
    zone = zone_of(shipped, partner)
    assert zone == ZoneInfo("Europe/London")
    feed = Feed(tmp_path / name, partner, "incident", columns_of(partner, "incident"), zone)
    rows = list(feed.judged(shipped.gazetteer, clock()))
    assert [row.faults for row in rows] == [()] * records


def test_the_bundle_that_the_guide_sends_to_the_service_is_accepted(shipped: Configuration) -> None:
    text = (ROOT / "docs" / "partners" / "fhir.md").read_text(encoding="utf-8")
    found = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert found is not None
    partner = shipped.partners["example-emergency-department"]
    setting = Setting((), shipped.gazetteer, zone_of(shipped, partner), pseudonymous=True)
    on_behalf = Partner(partner.id, partner.organisation)
    converted = fhir_to_events(found[1].encode(), on_behalf, setting, clock())
    assert [issue["diagnostics"] for issue in converted.outcome["issue"]] == ["1 admissions"]
    of_a_person = text.partition("<<'JSON'\n")[2].partition("\nJSON")[0].encode()
    refused = fhir_to_events(of_a_person, on_behalf, setting, clock())
    assert not refused.accepted, "the one with a name is for the adapter at the hospital"
