"""A day that goes on is compared with the midnight before, by every worker alike; a midnight with itself."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from small_house import (
    TODAY,
    USE_CASE,
    House,
    NewHouse,
    busy_weeks,
    evidence,
    incident,
    load_house,
    message,
)
from surveillance import asking, looking, pipeline
from surveillance.detection.cluster import Cluster
from surveillance.detection.scan import nulls, quiet
from surveillance.store import pending

SCAN = "permutation-scan"
YESTERDAY = TODAY - timedelta(days=1)


@pytest.fixture
def house(new_house: NewHouse) -> House:
    return _busy(new_house())


def _busy(house: House) -> House:
    house.ingest(*busy_weeks())
    house.evaluate()
    return house


def _day(cases: int = 8) -> list[dict[str, Any]]:
    """What is reported today: cases around n1, one of them revised, one withdrawn, one late from s1."""
    reported = [incident(f"r{i}", days_ago=i % 3, area=f"n{1 + i % 2}") for i in range(cases)]
    revised = incident("r1", days_ago=1, area="n4", version=2, action="amended")
    gone = incident("r2", version=2, action="withdrawn", status="withdrawn")
    return [*reported, revised, gone, incident("late", days_ago=6, area="s1")]


def _scans(house: House) -> list[Cluster]:
    found = [c for a in house.alerts() if a.alive for c in a.clusters if c.detector == SCAN]
    return sorted(found, key=lambda c: (c.place, c.members))


def _forget() -> None:
    """As another process begins: nothing counted, drawn or passed over before."""
    looking._midnights.clear()
    quiet.forget()


def test_the_evidence_of_a_day_that_goes_on_names_the_midnight_that_it_is_compared_with(house: House) -> None:
    house.report(*_day())
    house.evaluate()
    assert {c.parameters["compared_with"] for c in _scans(house)} == {
        f"cases known at the end of {YESTERDAY}"
    }


def test_midnight_is_compared_with_itself(house: House) -> None:
    house.report(*_day())
    house.now = datetime.combine(TODAY + timedelta(days=1), datetime.min.time(), house.now.tzinfo)
    house.now += timedelta(hours=5)
    with house.store.transaction() as tx:
        pending.request(tx, [pending.Request(USE_CASE, "north", TODAY)], house.now)
    house.evaluate()
    assert _scans(house)
    assert not any("compared_with" in c.parameters for c in _scans(house) if c.end == TODAY)


@pytest.mark.parametrize("looks", ["every_event", "daily"])
def test_only_what_looks_at_every_event_is_compared_with_the_midnight_before(
    looks: str, tmp_path_factory: pytest.TempPathFactory, house: House
) -> None:
    configuration = load_house(tmp_path_factory.mktemp("planet"), looks=looks)
    claim = pending.Claim(USE_CASE, "north", TODAY, None, None, house.now, house.now, 1, 1, "w")
    question = asking.ask(claim, configuration, house.now)
    assert (question.before is not None) == (looks == "every_event")
    if question.before is not None:
        assert question.before.as_of == YESTERDAY
        assert question.before.known_at.isoformat() == "2250-06-30T00:00:00-04:00"


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(11)), looks=st.sets(st.integers(0, 10)))
def test_the_order_of_a_days_events_and_looks_in_between_do_not_matter_at_its_end(
    new_house: NewHouse, order: Sequence[int], looks: set[int]
) -> None:
    sent = [message(1 + i, payload) for i, payload in enumerate(_day())]
    straight, shuffled = (_busy(new_house()) for _ in range(2))
    straight.ingest(*sent)
    for i in order:
        shuffled.ingest(sent[i])
        if i in looks:
            shuffled.evaluate()
    for house in (straight, shuffled):
        _forget()
        house.evaluate_everything()
    assert evidence(shuffled.alerts()) == evidence(straight.alerts())
    assert any(SCAN in one for one in evidence(straight.alerts()))
    for house in (straight, shuffled):
        house.store.close()


def test_a_worker_that_begins_in_mid_day_finds_what_the_other_finds(
    new_house: NewHouse,
) -> None:
    one, other = (_busy(new_house()) for _ in range(2))
    for payload in _day():
        one.report(payload)
        one.evaluate()
        _forget()  # the other one has just been started, each time
        other.report(payload)
        other.evaluate()
        assert evidence(other.alerts()) == evidence(one.alerts())


def test_what_was_received_before_midnight_but_stored_after_it_belongs_to_the_midnight(
    new_house: NewHouse,
) -> None:
    """The repair fetched it late: from then on the midnight is another for every look."""
    late = [
        message(500 + i, incident(f"late-{i}", days_ago=9, area="n4"), received_at=_before_midnight())
        for i in range(6)
    ]
    in_time, repaired = (_busy(new_house()) for _ in range(2))
    in_time.ingest(*late)
    for house in (in_time, repaired):
        house.report(*_day())
        house.evaluate()
    repaired.ingest(*late)
    for house in (in_time, repaired):
        house.evaluate_everything()
    assert evidence(repaired.alerts()) == evidence(in_time.alerts())


def _before_midnight() -> datetime:
    return datetime.fromisoformat("2250-06-29T20:00:00+00:00")


def test_after_drawing_ahead_no_look_of_the_day_draws_anything(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _forget()
    house.service.draw_ahead()
    monkeypatch.setattr(nulls.kernel, "scan_replicates", None)
    house.report(*_day())
    house.evaluate()
    assert _scans(house)


def test_drawing_ahead_changes_no_answer(new_house: NewHouse) -> None:
    ahead, not_ahead = (_busy(new_house()) for _ in range(2))
    _forget()
    pipeline.draw_ahead(ahead.configuration, ahead.store, ahead.now)
    for house in (ahead, not_ahead):
        house.report(*_day())
        house.evaluate()
        _forget()
    assert evidence(ahead.alerts()) == evidence(not_ahead.alerts())
