"""The pages for partners: their examples are valid as they are written, for the partner they name."""

import re
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from handing_in import clock

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
