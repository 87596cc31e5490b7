"""A use case that nobody thought of is a YAML file: from a message to a notice without a line of Python."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from small_house import AREAS, House, background, incident, load_house
from surveillance.alerting.alert import State
from surveillance.store import evaluations, outbox
from surveillance.store.database import Store
from surveillance.store.tables import outbox as outbox_table

MakeHouse = Callable[..., House]


@pytest.fixture
def furnish(sqlite_template: Path, tmp_path: Path) -> MakeHouse:
    """Makes a house whose use case is changed: `furnish(id="moon-cough", shadow=True)`."""

    def make(**changes: Any) -> House:
        copy = tmp_path / "surveillance.db"
        shutil.copyfile(sqlite_template, copy)
        house = House(load_house(tmp_path, **changes), Store.open(f"sqlite:///{copy}"))
        house.ingest(*background())
        return house

    return make


def outbreak(**changes: Any) -> list[dict[str, Any]]:
    return [
        incident(
            f"record-{i}",
            days_ago=i % 3,
            age=77,
            method_group="poisoning",
            location_of_concern="crater-rim",
            **changes,
        )
        for i in range(9)
    ]


def notices(house: House) -> list[Any]:
    with house.store.reading() as tx:
        return list(tx.execute(select(outbox_table).order_by(outbox_table.c.id)))


def test_a_use_case_of_another_planet_runs_from_message_to_notice(furnish: MakeHouse) -> None:
    cases = {"category": {"one_of": ["moon_cough"]}, "age": {"at_least": 70}}
    house = furnish(id="moon-cough", title="Moon cough", cases=cases)
    house.report(*outbreak(category="moon_cough"), incident("young", category="moon_cough", age=20))
    house.evaluate()
    (alert,) = house.alerts()
    assert (alert.use_case, alert.scope, alert.state) == ("moon-cough", "north", State.CANDIDATE)
    assert len(alert.members) == 9
    assert set(alert.areas) <= set(AREAS)
    assert house.service.deliver_due()
    assert not house.service.deliver_due()
    ((key, told),) = house.told.messages
    assert key == alert.id == told["id"]


def test_a_notice_names_no_place_number_age_method_or_person(furnish: MakeHouse) -> None:
    house = furnish()
    house.report(*outbreak(person=3))
    house.report(*(incident(f"more-{i}", days_ago=i % 2, age=77) for i in range(4)))
    house.evaluate()
    while house.service.deliver_due():
        pass
    assert house.told.messages
    for _, told in house.told.messages:
        assert set(told) == {
            "id",
            "revision",
            "use_case",
            "severity",
            "state",
            "change",
            "due",
            "link",
            "idempotency_key",
        }
        text = json.dumps({k: v for k, v in told.items() if k not in ("id", "link", "idempotency_key")})
        for secret in (*AREAS, "Crater", "77", "poison", "crater-rim", "record-", "3a3a", "alpha"):
            assert secret not in text
        assert told["link"] == f"/alerts/{told['id']}"


def test_in_shadow_mode_everything_is_stored_and_nobody_is_told(furnish: MakeHouse) -> None:
    house = furnish(shadow=True)
    house.report(*outbreak())
    house.evaluate()
    (alert,) = house.alerts()
    assert alert.alive
    with house.store.reading() as tx:
        latest = evaluations.latest(tx, "dune-fever", "north")
        assert latest is not None
        assert latest.clusters > 0
        assert outbox.waiting(tx) == 0
    assert {row.suppressed_reason for row in notices(house)} == {"shadow"}
    assert not house.service.deliver_due()
    assert house.told.messages == []


def test_a_change_that_is_no_news_is_suppressed_with_its_reason(furnish: MakeHouse) -> None:
    house = furnish()
    house.report(*outbreak())
    house.evaluate()
    house.report(incident("record-0", version=2, action="amended", age=30))
    house.evaluate()
    assert [row.suppressed_reason for row in notices(house)] == [None, "unchanged"]


def test_a_notice_that_fails_is_sent_again_before_any_later_one(furnish: MakeHouse) -> None:
    house = furnish()
    house.report(*outbreak())
    house.evaluate()
    house.report(incident("one-more"))
    house.evaluate()
    house.told.failures = [RuntimeError("the receiver is away")]
    assert house.service.deliver_due()  # an attempt, in vain
    assert not house.service.deliver_due()  # the second revision waits for the first
    house.now = house.now.replace(minute=house.now.minute + 5)
    while house.service.deliver_due():
        pass
    assert [told["revision"] for _, told in house.told.messages] == [1, 2]
    assert len({told["idempotency_key"] for _, told in house.told.messages}) == 2
