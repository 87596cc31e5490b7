"""surveillance alerts: the words that the page has, and the same as JSON."""

import json
from pathlib import Path

import pytest
from command import Run

from small_house import House, incident, load_house
from surveillance.store.database import Store


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> House:
    configuration = load_house(tmp_path / "planet")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(tmp_path / "planet"))
    assert run("db", "upgrade").code == 0
    house = House(configuration, Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}"))
    for area in ("n1", "s1"):
        house.report(*(incident(f"{area}-{i}", days_ago=i % 3, area=area) for i in range(3)))
    house.evaluate()
    return house


@pytest.mark.usefixtures("house")
def test_the_list_names_every_alert(run: Run) -> None:
    done = run("alerts", "list")
    assert done.code == 0
    assert "2 alerts" in done.out


def test_the_list_as_json_is_all_of_every_alert(run: Run, house: House) -> None:
    done = run("alerts", "list", "--json")
    listed = json.loads(done.out)
    assert {alert["id"] for alert in listed} == {alert.id for alert in house.alerts()}
    assert all(alert["state"] == "candidate" and len(alert["members"]) == 3 for alert in listed)


def test_one_alert_is_shown_with_its_sentence_history_and_support(run: Run, house: House) -> None:
    alert = house.alerts()[0]
    done = run("alerts", "show", alert.id)
    assert done.code == 0
    assert done.out.startswith("3 cases of dune fever")
    assert "This may be chance" in done.out
    assert f"alert      {alert.id}, revision 1" in done.out
    assert "opened: 3 records, severity watch (service)" in done.out
    assert "The planet's advice line on 000" in done.out


def test_one_alert_as_json_has_its_evidence_and_history(run: Run, house: House) -> None:
    alert = house.alerts()[0]
    shown = json.loads(run("alerts", "show", alert.id, "--json").out)
    assert shown["id"] == alert.id
    assert [c["detector"] for c in shown["clusters"]] == ["proximity", "proximity"]
    assert [h["change"] for h in shown["history"]] == ["opened"]
    assert shown["sentence"].startswith("3 cases")


@pytest.mark.usefixtures("house")
def test_an_alert_that_there_is_not_is_told_in_words(run: Run) -> None:
    done = run("alerts", "show", "no-such-alert")
    assert done.code == 2
    assert "surveillance alerts list" in done.err


def test_without_a_schema_it_says_what_to_run(run: Run) -> None:
    done = run("alerts", "list")
    assert done.code == 2
    assert "surveillance db upgrade" in done.err
