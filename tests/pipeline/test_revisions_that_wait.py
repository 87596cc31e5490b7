"""In a burst of events a revision that nobody could read waits for the look that is owed; nothing is lost."""

import shutil
from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_house import House, NewHouse, evidence, house_maker, incident, load_house, message
from surveillance import pipeline
from surveillance.alerting.alert import Alert
from surveillance.alerting.comparison import may_wait
from surveillance.alerting.wording import amount
from surveillance.detection.cluster import Cluster
from surveillance.store import alerts, evaluations, pending
from surveillance.store.codec import cluster_from_json
from surveillance.store.database import Store

RULE = {"name": "proximity", "parameters": {"radius_km": 1, "window_days": 5, "min_cases": 3}}
WATCH = {"name": "watch", "opens": "candidate", "any_of": [{"detector": "proximity", "observed": 3}]}
LEASE = timedelta(minutes=2)


@pytest.fixture(scope="module")
def busy_house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> NewHouse:
    """Makes a house with many ordinary cases, of which one more changes little, and with proximity only."""
    folder = tmp_path_factory.mktemp("busy")
    configuration = load_house(folder / "config", detectors=[RULE], bands=[WATCH])
    shutil.copyfile(sqlite_template, folder / "busy.db")
    house = House(configuration, Store.open(f"sqlite:///{folder / 'busy.db'}"))
    usual = [incident(f"usual-{i}", days_ago=7 + i % 45, area="n4") for i in range(75)]
    first = [incident(f"first-{i}", days_ago=i % 2) for i in range(5)]
    sent = enumerate([*usual, *first], start=3000)
    house.ingest(*(message(offset, one, received_at=house.now) for offset, one in sent))
    house.evaluate()
    house.store.close()
    return house_maker(configuration, folder / "busy.db", folder)


def _look_while_more_comes(house: House, *payloads: dict[str, Any]) -> pipeline.Evaluated | None:
    """One look, during which these are reported; it sees them already, and one more look is owed."""
    with house.store.transaction() as tx:
        claim = pending.claim(tx, "w", house.now, LEASE)
    house.report(*payloads)
    return pipeline.evaluate(claim, house.configuration, house.store, house.now) if claim else None


def _ask(house: House) -> None:
    with house.store.transaction() as tx:
        pending.request(tx, [pending.Request("dune-fever", "north", house.as_of)], house.now)


def _case(number: int, area: str = "n4", days_ago: int = 58) -> dict[str, Any]:
    return incident(f"more-{number}", days_ago=days_ago, area=area)


def _ongoing(house: House) -> Alert:
    """The alert of the cases in n1."""
    (alert,) = (one for one in house.unfinished() if "n1" in one.areas)
    return alert


def _expected(clusters: Iterable[Cluster]) -> list[float]:
    """Of the cases in n1, by place."""
    return [c.expected or 0 for c in sorted(clusters, key=lambda c: c.place) if "n1" in c.areas]


def _read(numbers: Iterable[float]) -> list[str]:
    return list(map(amount, numbers))


def test_an_expected_count_that_reads_the_same_waits_while_another_look_is_owed(
    busy_house: NewHouse,
) -> None:
    house = busy_house()
    before = house.unfinished()
    _ask(house)
    found = _look_while_more_comes(house, _case(1))
    assert found is not None
    assert found.changes == ()
    assert house.unfinished() == before
    moved = _expected(found.clusters)
    was = _expected(_ongoing(house).clusters)
    assert moved != was
    assert _read(moved) == _read(was)
    house.evaluate()
    assert _expected(_ongoing(house).clusters) == moved
    house.store.close()


def test_a_member_that_joins_waits_for_nothing(busy_house: NewHouse) -> None:
    house = busy_house()
    _ask(house)
    found = _look_while_more_comes(house, _case(1, area="n1", days_ago=0))
    assert found is not None
    assert [(c.alert.id, c.told) for c in found.changes] == [(_ongoing(house).id, True)]
    house.store.close()


def test_a_look_that_owes_no_other_stores_the_last_digit(busy_house: NewHouse) -> None:
    house = busy_house()
    before = _ongoing(house)
    house.report(_case(1))
    house.evaluate()
    after = _ongoing(house)
    assert after.revision == before.revision + 1
    assert _read(_expected(after.clusters)) == _read(_expected(before.clusters))
    house.store.close()


def test_an_expected_count_that_reads_otherwise_does_not_wait(busy_house: NewHouse) -> None:
    house = busy_house()
    before = _ongoing(house)
    _ask(house)
    found = _look_while_more_comes(house, *(_case(number) for number in range(20)))
    assert found is not None
    assert before.id in [change.alert.id for change in found.changes]
    assert _read(_expected(_ongoing(house).clusters)) != _read(_expected(before.clusters))
    house.store.close()


@st.composite
def bursts(draw: st.DrawFn) -> list[tuple[str, list[dict[str, Any]]]]:
    """Batches of reports, revisions and withdrawals, each with what it meets: a look, two, or none."""
    batches: list[tuple[str, list[dict[str, Any]]]] = []
    numbers = st.integers(0, 12)
    for version in range(1, draw(st.integers(2, 7))):
        changed = draw(st.lists(numbers, min_size=1, max_size=5, unique=True))
        payloads = []
        for number in changed:
            gone = version > 1 and draw(st.integers(0, 3)) == 0
            action = {"action": "withdrawn", "status": "withdrawn"} if gone else {}
            area = draw(st.sampled_from(["n4", "n4", "n4", "n1", "n2"]))
            payload = _case(number, area, draw(st.sampled_from([0, 3, 40, 57, 58])))
            payloads.append({**payload, "version": version, "action": "amended", **action})
        batches.append((draw(st.sampled_from(["a look", "a look", "nothing", "and quiet"])), payloads))
    return batches


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bursts())
def test_whatever_waited_the_evidence_ends_as_that_of_one_look_and_each_revision_rests_on_its_own(
    busy_house: NewHouse, batches: list[tuple[str, list[dict[str, Any]]]]
) -> None:
    straight, watched = busy_house(), busy_house()
    for meets, payloads in batches:
        straight.report(*payloads)
        if meets == "a look":
            _ask(watched)
            found = _look_while_more_comes(watched, *payloads)
            assert found is not None
            _reads_as_found(watched, found)
            continue
        watched.report(*payloads)
        if meets == "and quiet":
            watched.evaluate()
    for house in (straight, watched):
        house.evaluate_everything()
    assert evidence(watched.alerts()) == evidence(straight.alerts())
    _each_revision_rests_on_its_look(watched)
    for house in (straight, watched):
        house.store.close()


def _reads_as_found(house: House, found: pipeline.Evaluated) -> None:
    """What people read after a look is what it found, whether or not it was stored to the last digit."""
    told = [(c.members, c.observed, c.areas, amount(c.expected or 0)) for c in found.clusters]
    stored = [c for a in house.alerts() if a.alive and a.scope == "north" for c in a.clusters]
    assert sorted((c.members, c.observed, c.areas, amount(c.expected or 0)) for c in stored) == sorted(told)


def _each_revision_rests_on_its_look(house: House) -> None:
    with house.store.reading() as tx:
        histories: list[Sequence[alerts.StoredChange]] = [
            alerts.history(tx, alert.id) for alert in house.alerts()
        ]
        for one in (one for history in histories for one in history):
            assert one.evaluation_id is not None
            looked = evaluations.show(tx, one.evaluation_id)
            assert looked is not None
            assert looked.snapshot is not None
            found = [cluster_from_json(cluster) for cluster in looked.snapshot["clusters"]]
            assert not one.change.alert.alive or all(c in found for c in one.change.alert.clusters)


def test_nothing_but_a_silent_revision_may_wait(busy_house: NewHouse) -> None:
    house = busy_house()
    alert = _ongoing(house)
    with house.store.reading() as tx:
        (opened,) = (one.change for one in alerts.history(tx, alert.id))
    assert not may_wait(None, opened)
    assert not may_wait(alert, opened)
    house.store.close()
