"""A rise in a whole region, from partners' messages to one alert that says which detector saw what."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from small_house import House, house_maker, incident, load_house, message
from surveillance.alerting.alert import Change, State
from surveillance.configuration import Configuration
from surveillance.store import alerts
from surveillance.web.reading import Reading

DETECTORS = [
    {"name": "proximity", "parameters": {"radius_km": 0.5, "window_days": 5, "min_cases": 3}},
    {
        "name": "exceedance",
        "parameters": {"level": "region", "strata": ["all", "10-24 female"], "min_cases": 5},
    },
]
BANDS = [
    {"name": "raised", "any_of": [{"detector": "proximity", "observed": 3}]},
    {
        "name": "watch",
        "opens": "candidate",
        "any_of": [{"detector": "exceedance", "observed": 5, "relative_risk": 2}],
    },
]


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    changes: dict[str, Any] = {"detectors": DETECTORS, "bands": BANDS, "baseline_days": 100}
    return load_house(tmp_path_factory.mktemp("counted"), **changes)


@pytest.fixture
def house(configuration: Configuration, sqlite_template: Path, tmp_path: Path) -> House:
    """Two cases in each region every second week, somewhere else each time."""
    made = house_maker(configuration, sqlite_template, tmp_path)()
    usual = [
        incident(f"u{week}-{area}", days_ago=7 * week + 1, area=f"{area}{1 + week % 4}", age=40, sex="male")
        for week in range(1, 12)
        for area in ("n", "s")
    ]
    made.ingest(*(message(1000 + i, one, received_at=made.now) for i, one in enumerate(usual)))
    made.evaluate()
    assert made.alerts() == []
    return made


def _young_women(count: int) -> list[dict[str, Any]]:
    """In the north, each in an area of its own or days from the others there."""
    return [
        incident(f"y{n}", days_ago=6 * (n // 4), area=f"n{1 + n % 4}", age=15 + n, sex="female")
        for n in range(count)
    ]


def test_a_rise_in_a_region_is_one_alert_for_all_strata_in_words(house: House) -> None:
    house.report(*_young_women(7))
    house.evaluate()
    (alert,) = house.alerts()
    assert (alert.state, alert.severity, alert.scope) == (State.CANDIDATE, "watch", "north")
    assert {c.stratum for c in alert.clusters} == {"", "female, aged 10 to 24"}
    assert len(alert.members) == 7
    text = Reading(house.configuration, house.store).sentence(alert)
    assert "7 cases of dune fever" in text
    assert "7 (female, aged 10 to 24) in north" in text
    assert "Seen by exceedance" in text
    assert "for want of a longer past" in text
    assert "This may be chance; how often chance alone does this was not estimated." in text


def test_clusters_in_a_region_in_excess_are_alerts_of_their_own(house: House) -> None:
    house.report(*_young_women(4))
    house.report(*(incident(f"a{n}", area="n1", age=50) for n in range(3)))
    house.report(*(incident(f"b{n}", area="n4", age=60) for n in range(3)))
    house.evaluate()
    found = {tuple(sorted({c.detector for c in a.clusters})): a for a in house.unfinished()}
    assert len(house.unfinished()) == 3
    assert len(found[("exceedance",)].members) == 2  # n1 and n4 have one young woman each: theirs
    assert len([a for a in house.unfinished() if a.severity == "raised"]) == 2


def test_a_rise_that_is_one_cluster_is_one_alert_with_both_detectors(house: House) -> None:
    house.report(*(incident(f"a{n}", area="n1", age=50) for n in range(6)))
    house.evaluate()
    (alert,) = house.alerts()
    assert {c.detector for c in alert.clusters} == {"proximity", "exceedance"}
    assert (alert.severity, alert.state) == ("raised", State.OPEN)
    text = Reading(house.configuration, house.store).sentence(alert)
    assert "Seen by proximity" in text
    assert "exceedance by residence, 6 in north where 1 would be usual" in text


def test_a_rise_ends_when_its_week_has_passed(house: House) -> None:
    house.report(*_young_women(7))
    house.evaluate()
    house.now += timedelta(days=8)
    house.evaluate_everything()
    (alert,) = house.alerts()
    assert not alert.alive
    with house.store.reading() as tx:
        assert [row.change.change for row in alerts.history(tx, alert.id)][-1] is Change.ENDED
