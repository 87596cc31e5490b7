"""The pages over what the service itself found and stored: who knew what, and when."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from test_pages import Web, text_of

from small_house import House, background, incident, load_house
from surveillance.alerting.alert import Alert
from surveillance.configuration import Configuration
from surveillance.deciding import Decision, Desk
from surveillance.line_list.record import RecordKey
from surveillance.store.database import Store
from surveillance.web.app import make_web
from surveillance.web.reading import Reading


@pytest.fixture(scope="module")
def planet(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("planet"))


@pytest.fixture
def house(planet: Configuration, sqlite_template: Path, tmp_path: Path) -> House:
    file = tmp_path / "house.db"
    shutil.copyfile(sqlite_template, file)
    made = House(planet, Store.open(f"sqlite:///{file}"))
    made.ingest(*background())
    return made


def outbreak() -> list[dict[str, object]]:
    return [
        incident(f"r{i}", days_ago=i, person=i, school="secret-school" if i < 2 else None, age=15 + i)
        for i in range(4)
    ]


def pages(house: House) -> Web:
    reading = Reading(house.configuration, house.store)
    return Web(make_web(reading, Desk(house.configuration, house.store), now=lambda: house.now))


def largest(house: House) -> Alert:
    return max(house.alerts(), key=lambda alert: len(alert.members))


def asked(house: House, path: str) -> str:
    answer: httpx.Response = pages(house).get(path)
    assert answer.status_code == 200, path
    return answer.text


def test_an_alert_that_the_service_raised_is_told_whole(house: House) -> None:
    house.report(*outbreak())
    house.evaluate()
    alert = largest(house)
    page = asked(house, f"/alerts/{alert.id}")
    said = text_of(page)
    assert "15 to 24 years" in said
    assert "The same school: cases" in said
    assert "secret-school" not in page
    assert f"revision {alert.revision}" in said
    for record in ("r0@1", "r1@1", "r2@1", "r3@1"):
        assert record in said


def test_a_revision_shows_what_was_known_then_whatever_became_known_since(house: House) -> None:
    house.report(*outbreak())
    house.evaluate()
    alert = largest(house)
    path = f"/alerts/{alert.id}/revisions/{alert.revision}"
    before = _known_then(asked(house, path))
    assert "Evaluation" in before
    assert "4 cases of this alert" in before
    assert "permutation scan" in before.lower()
    house.now += timedelta(hours=1)
    withdrawn = incident(
        "r3", days_ago=3, person=3, age=18, version=2, action="withdrawn", status="withdrawn"
    )
    house.report(withdrawn, incident("r9", days_ago=1, person=9, age=30))
    house.evaluate()
    assert largest(house).revision > alert.revision
    assert _known_then(asked(house, path)) == before
    now = text_of(asked(house, f"/alerts/{alert.id}"))
    assert "1 record joined and 1 left" not in now, "the person had not looked at the page itself yet"
    assert "r9@1" in now


def test_what_joined_and_left_since_a_person_looked_is_said_once(house: House) -> None:
    house.report(*outbreak())
    house.evaluate()
    alert = largest(house)
    asked(house, f"/alerts/{alert.id}")
    house.now += timedelta(hours=1)
    withdrawn = incident(
        "r3", days_ago=3, person=3, age=18, version=2, action="withdrawn", status="withdrawn"
    )
    house.report(withdrawn, incident("r9", days_ago=1, person=9, age=30))
    house.evaluate()
    queue = text_of(asked(house, "/"))
    assert "Changed since you looked" in queue
    assert "Since you looked:" in queue
    assert "1 record joined and 1 left" in text_of(asked(house, f"/alerts/{alert.id}"))
    assert "New since you looked" not in text_of(asked(house, f"/alerts/{alert.id}"))


def test_a_revision_that_a_person_made_has_no_evaluation_behind_it(house: House) -> None:
    house.report(*outbreak())
    house.evaluate()
    alert = largest(house)
    desk = Desk(house.configuration, house.store)
    why = Decision("lead", house.now, "not of this cluster")
    removed = desk.remove(alert.id, [RecordKey.parse(alert.members[0].rpartition("@")[0])], why)
    said = text_of(asked(house, f"/alerts/{alert.id}/revisions/{removed.revision}"))
    assert "A person made this change" in said
    assert "Left with this revision" in said


def test_the_cases_around_an_alert_are_those_of_the_whole_line_list(house: House) -> None:
    """A person with records in two places counts where the whole line list counts them, not twice."""
    house.report(*outbreak())
    house.report(incident("early", 9, "beta", person=2, area="n4"), partner="beta")
    house.evaluate()
    alert = largest(house)
    reading = Reading(house.configuration, house.store)
    first = alert.as_of - timedelta(days=89)
    found = {(c.case.place, c.records) for c in reading.cases(alert, first, alert.as_of)}
    everywhere = replace(alert, areas=house.configuration.regions["north"].read.codes)
    whole = {(c.case.place, c.records) for c in reading.cases(everywhere, first, alert.as_of)}
    assert found <= whole
    joined = ("alpha/incident/r2@1", "beta/incident/early@1")
    assert {("residence", joined), ("incident", joined)} <= found


def _known_then(page: str) -> str:
    """The page without what tells of later revisions."""
    return re.sub(r"This is the newest revision\.|Revision \d+ →", "", text_of(page))
