"""What time alone brings about: midnights of each scope, and alerts that nobody took up."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import pytest
import structlog
from prometheus_client import REGISTRY
from sqlalchemy import select

from small_house import House, incident, load_house, message
from surveillance import clockwork
from surveillance.alerting.alert import Alert, Change
from surveillance.configuration import Configuration, Region
from surveillance.events.envelope import as_test
from surveillance.geography.area import AreaTable
from surveillance.store import alerts, audit, partners, test_records
from surveillance.store.database import Store
from surveillance.store.tables import pending_evaluations
from surveillance.store.tables import ticks as ticks_table
from surveillance.use_case.model import Scope
from surveillance.web.partners import partner_rows
from surveillance.web.reading import Reading

NO_AREAS = cast(AreaTable, None)


def configured(zones: Mapping[str, str]) -> Configuration:
    """Scopes by id and time zone, each with one use case; all that the clock looks at."""
    regions = {
        scope: Region(Scope(id=scope, title=scope, time_zone=zone, areas="x"), NO_AREAS, NO_AREAS)
        for scope, zone in zones.items()
    }
    use_cases = {f"count-{s}": SimpleNamespace(id=f"count-{s}", scopes=(s,)) for s in zones}
    return cast(Configuration, SimpleNamespace(regions=regions, use_cases=use_cases, receivers={}))


def asked_days(house: House) -> list[tuple[str, date]]:
    with house.store.reading() as tx:
        rows = tx.execute(select(pending_evaluations.c.scope, pending_evaluations.c.as_of))
        return sorted((row.scope, row.as_of) for row in rows)


def planned(house: House) -> list[tuple[str, datetime]]:
    with house.store.reading() as tx:
        rows = tx.execute(select(ticks_table.c.name, ticks_table.c.due_at))
        return sorted((row.name, row.due_at) for row in rows)


@pytest.mark.parametrize(
    ("zone", "now", "midnights"),
    [
        # The clocks went forward on 31 March 2024 in London, back on 27 October.
        ("Europe/London", datetime(2024, 3, 29, 12), ["2024-03-30T00:00"]),
        ("Europe/London", datetime(2024, 3, 30, 12), ["2024-03-31T00:00"]),
        ("Europe/London", datetime(2024, 3, 31, 12), ["2024-03-31T23:00"]),
        ("Europe/London", datetime(2024, 10, 26, 12), ["2024-10-26T23:00"]),
        ("Europe/London", datetime(2024, 10, 27, 12), ["2024-10-28T00:00"]),
        # In New York on 10 March and on 3 November.
        ("America/New_York", datetime(2024, 3, 9, 12), ["2024-03-10T05:00"]),
        ("America/New_York", datetime(2024, 3, 10, 12), ["2024-03-11T04:00"]),
        ("America/New_York", datetime(2024, 11, 2, 12), ["2024-11-03T04:00"]),
        ("America/New_York", datetime(2024, 11, 3, 12), ["2024-11-04T05:00"]),
        # A zone whose clocks change at midnight: that day begins at 01:00.
        ("Africa/Cairo", datetime(2024, 4, 25, 12), ["2024-04-25T22:00"]),
    ],
)
def test_the_next_midnight_is_that_of_the_scope_whatever_the_clocks_do(
    house: House, zone: str, now: datetime, midnights: list[str]
) -> None:
    clockwork.tick(house.store, configured({"here": zone}), now.replace(tzinfo=UTC))
    expected = [datetime.fromisoformat(m).replace(tzinfo=UTC) for m in midnights]
    assert planned(house) == [("midnight:here", due_at) for due_at in expected]


@pytest.mark.parametrize("zone", ["Europe/London", "America/New_York", "Pacific/Auckland"])
def test_over_a_year_of_ticks_every_day_is_evaluated_once_after_its_end(house: House, zone: str) -> None:
    configuration = configured({"here": zone})
    now = datetime(2024, 1, 1, 12, tzinfo=UTC)
    due = 0
    while now < datetime(2025, 1, 1, 12, tzinfo=UTC):
        due += clockwork.tick(house.store, configuration, now)
        now += timedelta(hours=23)
    days = [day for _, day in asked_days(house)]
    assert days == [days[0] + timedelta(days=n) for n in range(len(days))]
    assert len(days) == due >= 364


def test_a_midnight_asks_for_the_day_that_ended_in_each_scope(house: House) -> None:
    configuration = configured({"east": "Europe/London", "west": "America/New_York"})
    start = datetime(2024, 6, 1, 12, tzinfo=UTC)
    assert clockwork.tick(house.store, configuration, start) == 0
    assert clockwork.tick(house.store, configuration, datetime(2024, 6, 1, 23, 1, tzinfo=UTC)) == 1
    assert asked_days(house) == [("east", date(2024, 6, 1))]
    assert clockwork.tick(house.store, configuration, datetime(2024, 6, 2, 4, 1, tzinfo=UTC)) == 1
    assert asked_days(house) == [("east", date(2024, 6, 1)), ("west", date(2024, 6, 1))]


def test_midnights_that_were_missed_are_caught_up_and_done_once(house: House) -> None:
    configuration = configured({"here": "Europe/London"})
    start = datetime(2024, 3, 25, 12, tzinfo=UTC)
    clockwork.tick(house.store, configuration, start)
    later = start + timedelta(days=10)
    assert clockwork.tick(house.store, configuration, later) == 10
    assert [day for _, day in asked_days(house)] == [date(2024, 3, 25) + timedelta(days=n) for n in range(10)]
    assert clockwork.tick(house.store, configuration, later) == 0


def test_after_a_long_stop_only_the_last_weeks_are_caught_up(house: House) -> None:
    configuration = configured({"here": "Europe/London"})
    clockwork.tick(house.store, configuration, datetime(2024, 1, 1, 12, tzinfo=UTC))
    assert 31 <= clockwork.tick(house.store, configuration, datetime(2024, 7, 1, 12, tzinfo=UTC)) <= 33


def test_a_new_scope_begins_today(house: House) -> None:
    now = datetime(2024, 6, 1, 12, tzinfo=UTC)
    clockwork.tick(house.store, configured({"old": "Europe/London"}), now)
    both = configured({"old": "Europe/London", "new": "Europe/London"})
    assert clockwork.tick(house.store, both, now + timedelta(days=3)) == 3
    assert {scope for scope, _ in asked_days(house)} == {"old"}


def test_a_scope_that_left_the_configuration_asks_for_nothing(house: House) -> None:
    now = datetime(2024, 6, 1, 12, tzinfo=UTC)
    clockwork.tick(house.store, configured({"gone": "Europe/London"}), now)
    assert clockwork.tick(house.store, configured({"here": "Europe/London"}), now + timedelta(days=1)) == 1
    assert asked_days(house) == []


def _open_alert(house: House) -> Alert:
    house.report(*(incident(f"r{i}", days_ago=i % 3) for i in range(3)))
    house.evaluate()
    (alert,) = house.alerts()
    due = replace(
        alert,
        revision=alert.revision + 1,
        state=alert.state.OPEN,
        acknowledge_due=house.now + timedelta(hours=4),
        assess_due=house.now + timedelta(hours=24),
    )
    with house.store.transaction() as tx:
        (row,) = alerts.history(tx, alert.id)
        alerts.save(tx, [replace(row.change, change=Change.MOVED, alert=due)])
    return due


def _overdue(house: House, alert: Alert) -> list[str]:
    with house.store.reading() as tx:
        rows = alerts.history(tx, alert.id)
    return [row.change.reason for row in rows if row.change.change is Change.OVERDUE]


def test_each_target_that_an_alert_misses_is_marked_once(house: House) -> None:
    alert = _open_alert(house)
    marks: list[int] = []
    for _ in range(4):
        house.now += timedelta(hours=8)
        for _ in range(3):
            house.service.tick()
        marks.append(len(_overdue(house, alert)))
    assert marks == [1, 1, 1, 2]  # 4 hours to acknowledge, 24 to assess; ticks at 8, 16, 24 and 32
    acknowledge, assess = _overdue(house, alert)
    assert acknowledge.startswith("not acknowledged by")
    assert assess.startswith("not assessed by")


def test_a_candidate_is_never_overdue(house: House) -> None:
    house.report(*(incident(f"r{i}", days_ago=i % 3) for i in range(3)))
    house.evaluate()
    house.now += timedelta(days=9)
    house.service.tick()
    (alert,) = house.alerts()
    assert _overdue(house, alert) == []


def test_an_alert_is_looked_at_again_every_midnight_and_ends_when_its_window_passed(house: House) -> None:
    house.report(*(incident(f"r{i}", days_ago=i % 3) for i in range(3)))
    house.evaluate()
    for _ in range(12):
        house.service.tick()
        house.evaluate()
        house.now += timedelta(days=1)
    (alert,) = house.alerts()
    assert not alert.alive
    assert len(alert.members) == 3


def test_a_replay_has_no_clock(house: House) -> None:
    house.settings = house.settings.model_copy(update={"replay": True})
    assert not house.service.tick()
    house.now += timedelta(days=3)
    assert not house.service.tick()
    assert planned(house) == []


def test_ticks_of_two_workers_are_done_once(house: House) -> None:
    first, second = house.service, house.service
    first.tick()
    house.now += timedelta(days=1)
    answers: list[Any] = [first.tick(), second.tick()]
    assert answers == [True, False]


def _reports(house: House, weeks: int, until: int = 0) -> None:
    """Three records a day for so many weeks up to `until` days ago, received when they happened."""
    batch = [
        message(
            10_000 + 10 * days_ago + n,
            incident(f"daily-{days_ago}-{n}", days_ago=days_ago, area="n4", category="sunstroke"),
            received_at=house.now - timedelta(days=days_ago),
        )
        for days_ago in range(until, 7 * weeks)
        for n in range(3)
    ]
    house.ingest(*batch)


def _midnight_of(house: House) -> None:
    house.service.tick()
    house.now += timedelta(days=1)
    assert house.service.tick()


def _shown_as_quiet() -> float | None:
    labels = {"partner": "alpha", "kind": "incident"}
    return REGISTRY.get_sample_value("surveillance_partner_quiet", labels)


def test_at_midnight_a_partner_that_sends_less_than_it_used_to_is_stored_and_shown(house: House) -> None:
    _reports(house, weeks=12, until=5)
    _midnight_of(house)
    with house.store.reading() as tx:
        as_of, found = partners.judged(tx)["alpha", "incident"]
    assert found.quiet
    assert as_of == (house.now - timedelta(days=1)).date()
    assert _shown_as_quiet() == 1
    (row,) = (t for t in Reading(house.configuration, house.store).timeliness() if t.partner.id == "alpha")
    assert row.quietness == found
    page = partner_rows([row], house.now, ZoneInfo("UTC"))
    assert "would be usual" in page[0].quiet_words
    assert page[0].warning


def test_a_partner_that_sends_as_it_always_did_is_not_quiet(house: House) -> None:
    _reports(house, weeks=12)
    _midnight_of(house)
    with house.store.reading() as tx:
        assert not partners.judged(tx)["alpha", "incident"][1].quiet
    assert _shown_as_quiet() == 0
    assert house.service.tick() is False  # judged once a midnight, not at every tick


def test_a_partner_with_a_short_past_is_not_judged(house: House) -> None:
    _reports(house, weeks=5)
    _midnight_of(house)
    with house.store.reading() as tx:
        assert partners.judged(tx) == {}


def test_every_midnight_says_outside_the_database_how_the_audit_chain_ends(house: House) -> None:
    with house.store.transaction() as tx:
        head = audit.append(tx, b"a" * 32, audit.Entry("lead", "noted", "alert/1", house.now))
    clockwork.tick(house.store, house.configuration, house.now)
    house.now += timedelta(days=1)
    with structlog.testing.capture_logs() as logged:
        house.service.tick()
        house.service.tick()
    assert [line["head"] for line in logged if line["event"] == "audit head"] == [str(head)]
    assert REGISTRY.get_sample_value("surveillance_audit_entries") == 1


def test_answers_to_test_records_go_after_their_time(house: House) -> None:
    tried = message(5000, as_test(incident("r1"), "incident", "alpha", 1))
    house.service.ingest([tried])

    def kept() -> int:
        with house.store.reading() as tx:
            return len(test_records.listed(tx, "alpha"))

    house.service.tick()
    assert kept() == 1
    house.now += timedelta(days=house.service.settings.test_record_days + 1)
    house.service.tick()
    assert kept() == 0
    house.service.ingest([tried])
    assert kept() == 0, "the ledger knows its message as handled"


def test_a_partner_that_was_added_is_told_to_need_a_restart(tmp_path: Path, store: Store) -> None:
    worker = House(load_house(tmp_path), store).service

    def changed() -> float | None:
        worker.tick()
        return REGISTRY.get_sample_value("surveillance_configuration_changed")

    assert changed() == 0
    added = tmp_path / "partners" / "gamma.yaml"
    added.write_text((tmp_path / "partners" / "beta.yaml").read_text().replace("beta", "gamma"))
    with structlog.testing.capture_logs() as logs:
        assert changed() == 1
        assert changed() == 1
    assert [entry["event"] for entry in logs if "configuration" in entry["event"]] == [
        "the configuration was changed: restart this worker"
    ]
    added.unlink()
    assert changed() == 0
