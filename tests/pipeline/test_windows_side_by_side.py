"""Windows side by side: the same scan twice, with other windows, is one alert with the evidence of both."""

from pathlib import Path

import pytest

from small_house import House, background, house_maker, incident, load_house
from surveillance.configuration import Configuration


@pytest.fixture(scope="module")
def configuration(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    scan = {"max_radius_km": 2, "replicates": 199}
    return load_house(
        tmp_path_factory.mktemp("windows"),
        detectors=[
            {"name": "permutation-scan", "parameters": {**scan, "max_window_days": days}} for days in (3, 20)
        ],
        bands=[
            {"name": "raised", "any_of": [{"detector": "permutation-scan", "recurrence_interval_days": 20}]}
        ],
    )


def test_each_window_has_its_say_in_one_alert(
    configuration: Configuration, sqlite_template: Path, tmp_path: Path
) -> None:
    house: House = house_maker(configuration, sqlite_template, tmp_path)()
    house.ingest(*background())
    house.report(*(incident(f"now{n}", days_ago=n % 2, area="n1") for n in range(6)))
    house.evaluate()
    (alert,) = house.alerts()
    windows = {cluster.parameters["max_window_days"]: cluster for cluster in alert.clusters}
    assert set(windows) == {3, 20}
    assert windows[20].observed >= windows[3].observed == 6
    # Four scans, two windows at two places, look twice as often as two.
    assert {cluster.parameters["independent_looks_a_day"] for cluster in alert.clusters} == {1.1314}
