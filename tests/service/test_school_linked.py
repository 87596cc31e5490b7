"""Three deaths linked by a school: no scan can see them, and nobody may wait for a midnight."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from factories import incident
from small_house import House, house_maker, message
from surveillance.alerting.alert import Change, State
from surveillance.configuration import load_configuration
from surveillance.web.reading import Reading

CONFIG = Path(__file__).parents[2] / "config"
NOW = datetime(2025, 3, 12, 15, 0, tzinfo=UTC)
# Of three local authorities, ten kilometres and more apart.
AREAS = ("E01006412", "E01018326", "E01012367")


@pytest.fixture
def house(sqlite_template: Path, tmp_path: Path) -> House:
    """The configuration as it is shipped."""
    made = house_maker(load_configuration(CONFIG), sqlite_template, tmp_path)()
    made.now = NOW
    return made


def _death(number: int, **changes: Any) -> dict[str, Any]:
    """A young person's death, three weeks after the one before, in another local authority."""
    occurred = NOW - timedelta(days=3 + 21 * (2 - number))
    area = {"code": AREAS[number]}
    return incident(
        record_id=f"death-{number}",
        reporter_org="EXAMPLE-POLICE",
        occurred_from=occurred.isoformat(),
        occurred_to=(occurred + timedelta(hours=2)).isoformat(),
        reported_at=(occurred + timedelta(days=2)).isoformat(),
        person_keys=[{"scheme": "surname_birth", "key_id": "2024-01", "value": f"{number}a" * 32}],
        age=16 + number,
        residence_area=area,
        incident_area=area,
        location_of_concern=None,
        links=[],
        **{"settings": [{"type": "school", "identifier": "school-9"}], **changes},
    )


def _store(house: House, number: int, **changes: Any) -> None:
    house.ingest(message(number, _death(number, **changes), "example-police", received_at=house.now))


def test_the_third_report_raises_the_alert_at_once(house: House) -> None:
    _store(house, 0)
    _store(house, 1)
    house.evaluate()
    assert [a.severity for a in house.alerts()] == ["watch"]
    _store(house, 2)
    assert house.service.evaluate_next()  # asked for by the report itself: no tick, no other event
    (alert,) = house.alerts()
    assert (alert.state, alert.severity) == (State.OPEN, "raised")
    assert alert.acknowledge_due is not None
    assert len(alert.members) == 3
    assert {(c.detector, c.observed, c.linked_by) for c in alert.clusters} == {("links", 3, ("school",))}
    while house.service.deliver_due():
        pass
    told = [sent for _, sent in house.told.messages]
    assert (told[-1]["severity"], told[-1]["change"]) == ("raised", Change.STRENGTHENED)
    text = Reading(house.configuration, house.store).sentence(alert)
    assert "3 suspected suicides" in text
    assert "What links cases: the same school." in text
    assert "school-9" not in text + str(told)


def test_three_deaths_that_share_nothing_raise_nothing(house: House) -> None:
    for number in range(3):
        _store(house, number, settings=[])
    house.evaluate()
    assert house.alerts() == []
