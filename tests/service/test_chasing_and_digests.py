"""Late alerts are told and passed on, days are summed up: each once, whatever restarts meanwhile."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from small_house import NOW, House, incident
from surveillance.alerting.alert import Alert, Change
from surveillance.alerting.workflow import Act
from surveillance.deciding import Decision, Desk
from surveillance.store import alerts
from surveillance.store.tables import outbox as outbox_table
from surveillance.use_case.receiver import Receiver

HOUR = timedelta(hours=1)


def receiver(name: str, **entry: Any) -> Receiver:
    return Receiver.model_validate(
        {"id": name, "channel": "alerts-topic", "time_zone": "America/New_York"} | entry
    )


def staffed(house: House, *receivers: Receiver, **of_use_case: Any) -> House:
    """The house with these receivers; its use case tells the first one."""
    (use_case,) = house.configuration.use_cases.values()
    told = use_case.model_copy(update={"receivers": (receivers[0].id,)} | of_use_case)
    house.configuration = replace(
        house.configuration,
        receivers={one.id: one for one in receivers},
        use_cases={told.id: told},
    )
    return house


def team(**entry: Any) -> tuple[Receiver, ...]:
    on_call = [{"receivers": ["deputy", "director"]}]
    return receiver("team", on_call=on_call, **entry), receiver("deputy"), receiver("director")


def open_alert(house: House) -> Alert:
    """An alert that must be acknowledged in four hours, assessed in a day; what it began with is sent."""
    house.report(*(incident(f"r{i}", days_ago=i % 3) for i in range(3)))
    house.evaluate()
    (candidate,) = house.alerts()
    alert = Desk(house.configuration, house.store).move(candidate.id, Act.OPEN, decision(house))
    due = replace(
        alert,
        revision=alert.revision + 1,
        acknowledge_due=house.now + 4 * HOUR,
        assess_due=house.now + 24 * HOUR,
    )
    with house.store.transaction() as tx:
        last = alerts.history(tx, alert.id)[-1].change
        alerts.save(tx, [replace(last, alert=due)])
    deliver(house)
    house.told.messages.clear()
    return due


def decision(house: House) -> Decision:
    return Decision("lead-1", house.now, "a reason")


def deliver(house: House) -> None:
    service = house.service
    while service.deliver_due():
        pass


def told(house: House) -> list[tuple[str, str]]:
    """Receiver and change of everything sent so far, from the keys."""
    return [
        (str(message["idempotency_key"]).split("/")[1], str(message["change"]))
        for _, message in house.told.messages
        if "change" in message
    ]


def tick(house: House, after: timedelta) -> None:
    """Time passes; the clock ticks several times, each in a service that has just started."""
    house.now += after
    for _ in range(3):
        house.service.tick()
    deliver(house)


def test_an_alert_that_nobody_acknowledges_is_told_late_and_passed_on_step_by_step(house: House) -> None:
    staffed(house, *team())
    alert = open_alert(house)
    tick(house, 3 * HOUR)
    assert told(house) == []
    tick(house, 1.5 * HOUR)
    assert told(house) == [("team", "overdue"), ("deputy", "escalated")]
    tick(house, HOUR / 2)
    assert len(told(house)) == 2
    tick(house, HOUR)
    assert told(house)[2:] == [("director", "escalated")]
    tick(house, 3 * HOUR)
    assert len(told(house)) == 3  # nobody is left to call
    with house.store.reading() as tx:
        steps = [r.change for r in alerts.history(tx, alert.id) if r.change.change is Change.ESCALATED]
    assert [step.reason.rpartition(", ")[2] for step in steps] == ["to deputy", "to director"]
    assert all(step.told and step.by == "service" for step in steps)


def test_who_acknowledges_ends_it(house: House) -> None:
    staffed(house, *team())
    alert = open_alert(house)
    tick(house, 5 * HOUR)
    Desk(house.configuration, house.store).move(alert.id, Act.ACKNOWLEDGE, decision(house))
    tick(house, 9 * HOUR)
    assert [one for one in told(house) if one[1] == "escalated"] == [("deputy", "escalated")]


def test_an_escalation_that_could_not_be_sent_before_somebody_acknowledged_is_dropped(house: House) -> None:
    staffed(house, *team())
    alert = open_alert(house)
    house.now += 5 * HOUR
    for _ in range(2):
        house.service.tick()
    Desk(house.configuration, house.store).move(alert.id, Act.ACKNOWLEDGE, decision(house))
    deliver(house)
    assert told(house) == []
    with house.store.reading() as tx:
        of = select(outbox_table.c.receiver, outbox_table.c.suppressed_reason)
        rows = {(r.receiver, r.suppressed_reason) for r in tx.execute(of)}
    assert {("team", "settled"), ("deputy", "settled")} <= rows


def test_in_shadow_mode_nobody_is_called(house: House) -> None:
    staffed(house, *team(), shadow=True)
    open_alert(house)
    tick(house, 9 * HOUR)
    assert told(house) == []


# --- digests


def digests(house: House) -> list[tuple[str, Any]]:
    return [(m["digest"], m["counts"]) for _, m in house.told.messages if "digest" in m]


def test_a_receiver_gets_one_digest_a_day_at_its_hour_with_counts_only(house: House) -> None:
    staffed(house, *team(digest_at="08:00"))
    house.service.tick()
    open_alert(house)
    tick(house, 13 * HOUR)  # 3:00 in New York
    assert digests(house) == []
    tick(house, 6 * HOUR)
    ((day, counts),) = digests(house)
    assert day == "2250-07-01"
    (line,) = counts
    assert set(line) == {"use_case", "severity", "open", "unacknowledged", "overdue"}
    assert (line["open"], line["unacknowledged"], line["overdue"]) == (1, 1, 1)
    tick(house, 12 * HOUR)
    assert len(digests(house)) == 1
    tick(house, 12 * HOUR)
    assert [day for day, _ in digests(house)] == ["2250-07-01", "2250-07-02"]


def test_after_a_stop_of_days_one_digest_tells_how_things_stand_now(house: House) -> None:
    staffed(house, *team(digest_at="08:00"))
    house.service.tick()
    tick(house, timedelta(days=5))
    assert [day for day, _ in digests(house)] == ["2250-07-05"]
    tick(house, timedelta(days=1))
    assert [day for day, _ in digests(house)] == ["2250-07-05", "2250-07-06"]


def test_a_digest_that_cannot_be_sent_stays_owed_under_the_key_of_its_day(house: House) -> None:
    staffed(house, *team(digest_at="08:00"))
    house.service.tick()
    house.told.failures = [RuntimeError("away")]
    tick(house, timedelta(days=1))
    assert digests(house) == []
    tick(house, timedelta(minutes=5))
    keys = [m["idempotency_key"] for _, m in house.told.messages if "digest" in m]
    assert keys == ["alerts-topic/team/digest/2250-07-01"]


@pytest.mark.parametrize("hour", ["08:00", "02:30"])
def test_digests_come_daily_when_the_clocks_change(house: House, hour: str) -> None:
    staffed(house, *team(digest_at=hour))
    house.now = NOW.replace(month=11, day=1, hour=10)  # New York's clocks go back on 3 November 2250
    house.service.tick()
    for _ in range(6 * 4):
        tick(house, 6 * HOUR)
    days = [day for day, _ in digests(house)]
    assert days == sorted(set(days))
    assert len(days) == 6
