"""Metrics count messages by topic and outcome; no label holds anything of a person."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from small_house import House, incident, message
from surveillance import observe
from surveillance.events.refusal import RefusalCode
from surveillance.service import Outage

Read = Callable[[], float]
TOPIC = "incidents.v1.alpha"
LABELS = {
    "field",
    *("topic", "partition", "outcome", "code", "partner", "kind"),
    *("use_case", "state", "change", "channel", "receiver", "reason", "step", "le"),
    *("protocol", "answer", "disk", "result"),
}
SECRETS = ("very-private-record", "n1", "n2", "Crater", "dust-7", "1a1a1a", "poisoning", "CLINIC")


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def grown(name: str, **labels: str) -> Read:
    before = value(name, **labels)
    return lambda: value(name, **labels) - before


def samples() -> list[tuple[str, dict[str, str]]]:
    return [
        (sample.name, dict(sample.labels))
        for family in REGISTRY.collect()
        if family.name.startswith("surveillance_")
        for sample in family.samples
    ]


def live_through_a_lot(house: House) -> None:
    house.report(
        *(
            incident(f"very-private-record-{i}", days_ago=i % 3, person=1 + i, school="dust-7")
            for i in range(4)
        ),
        incident("very-private-record-9", area="n2", method_group="poisoning", age=34, sex="female"),
        {"unknown field of a partner": "very-private-record"},
    )
    house.evaluate()
    house.service.deliver_due()
    house.service.tick()


def test_every_message_is_counted_once_by_what_became_of_it(house: House) -> None:
    by_outcome = {
        outcome: grown("surveillance_messages_total", topic=TOPIC, outcome=outcome)
        for outcome in ("stored", "repeated", "superseded", "conflict", "refused")
    }
    invalid = grown("surveillance_refusals_total", topic=TOPIC, code="not_utf8")
    house.ingest(
        message(0, incident("a", version=2)),
        message(1, incident("a", version=1)),
        message(2, incident("a", version=2)),
        message(3, incident("a", version=2, age=1)),
        message(4, b"\xff"),
        message(5, b"\xfe"),
    )
    assert {outcome: read() for outcome, read in by_outcome.items()} == {
        "stored": 1,
        "superseded": 1,
        "repeated": 1,
        "conflict": 1,
        "refused": 2,
    }
    assert invalid() == 2


def test_a_batch_that_could_not_be_stored_is_not_counted(house: House) -> None:
    count = grown("surveillance_messages_total", topic=TOPIC, outcome="stored")
    with house.store.transaction() as tx:
        tx.exec_driver_sql("ALTER TABLE records RENAME TO away")
    outages = grown("surveillance_outages_total", step="ingest")
    for _ in range(2):
        with pytest.raises(Outage):
            house.ingest(message(0, incident("a")))
    assert (count(), outages()) == (0, 2)


def test_repaired_messages_are_counted(house: House) -> None:
    repaired = grown("surveillance_repaired_messages_total", topic=TOPIC)
    house.service.ingest([message(0, incident("a")), message(1, b"")], repaired=True)
    assert repaired() == 2


def test_the_report_delay_is_observed_in_days_by_partner(house: House) -> None:
    count = grown("surveillance_report_delay_days_count", partner="alpha")
    total = grown("surveillance_report_delay_days_sum", partner="alpha")
    house.ingest(message(0, incident("a")))
    assert count() == 1
    assert total() == 3 / 24


def test_report_delay_needs_both_times() -> None:
    assert observe.report_delay_days({"reported_at": "2024-03-01T00:00:00+00:00"}) is None
    arrived = {"arrived_at": "2024-03-01T00:00:00+00:00", "reported_at": "2024-03-03T12:00:00+00:00"}
    assert observe.report_delay_days(arrived) == 2.5


def test_evaluations_alerts_and_latency_are_counted_by_use_case(house: House) -> None:
    changed = grown("surveillance_evaluations_total", use_case="dune-fever", outcome="changed")
    opened = grown("surveillance_alert_changes_total", use_case="dune-fever", change="opened")
    waited = grown("surveillance_alert_latency_seconds_count", use_case="dune-fever")
    sent = grown("surveillance_deliveries_total", channel="alerts-topic", outcome="sent")
    live_through_a_lot(house)
    assert (changed(), opened(), waited(), sent()) == (1, 1, 1, 1)
    assert value("surveillance_alerts", use_case="dune-fever", state="candidate") == 1
    assert value("surveillance_evaluations_waiting") == 0


def test_a_silent_partner_shows(house: House) -> None:
    house.report(incident("a"))
    house.service.tick()
    labels = {"partner": "alpha", "kind": "incident"}
    assert value("surveillance_partner_silent", **labels) == 0
    house.now += timedelta(hours=73)
    house.service.tick()
    assert value("surveillance_partner_silent", **labels) == 1
    assert value("surveillance_partner_silence_seconds", **labels) == 73 * 3600


def test_the_age_of_what_is_not_delivered_shows(house: House) -> None:
    house.report(*(incident(f"r{i}", days_ago=i % 3) for i in range(3)))
    house.evaluate()
    house.now += timedelta(minutes=10)
    house.service.tick()
    assert value("surveillance_outbox_age_seconds") == 600


def test_no_label_holds_anything_of_a_person_or_a_place(house: House) -> None:
    live_through_a_lot(house)
    said = " ".join(label for _, labels in samples() for label in labels.values())
    assert not [secret for secret in SECRETS if secret in said]


def test_every_label_is_bounded_by_configuration_or_code(house: House) -> None:
    """A partner can send whatever it likes: the number of series stays the same."""
    live_through_a_lot(house)
    house.ingest(message(5000, b"\xff"), message(5001, incident("first")))
    before = len(samples())
    for i in range(50):
        odd = incident(f"odd-{i}", area=f"n{i}", category=f"kind_{i}", reporter_org=f"ORG-{i}")
        house.ingest(message(6000 + i, odd), message(7000 + i, {f"field-{i}": i}))
    assert len(samples()) - before <= 2 * len(RefusalCode)
    for name, labels in samples():
        assert set(labels) <= LABELS, name
        # A partner beside a use case or an area would make a count of few people.
        assert not {"partner", "use_case"} <= set(labels), name


def test_a_batch_is_timed() -> None:
    before = value("surveillance_batch_seconds_count")
    with observe.batch():
        pass
    assert value("surveillance_batch_seconds_count") == before + 1


def test_what_becomes_of_a_partners_messages_is_measured_by_reason_lateness_and_field(house: House) -> None:
    house.ingest(message(8000, incident("m1", days_ago=1, age=40)), message(8001, incident("m2", sex="m")))
    house.service.tick()
    of_alpha = {"partner": "alpha", "kind": "incident"}
    value = REGISTRY.get_sample_value
    assert value("surveillance_partner_messages_total", {**of_alpha, "outcome": "refused"})
    assert value("surveillance_partner_refusals_total", {**of_alpha, "code": "invalid_value"})
    assert value("surveillance_partner_delay_days_bucket", {**of_alpha, "le": "2.0"})
    assert value("surveillance_partner_refusals_open", {"partner": "alpha", "code": "invalid_value"}) == 1
    assert value("surveillance_partner_completeness", {**of_alpha, "field": "age"}) == 1
    assert value("surveillance_partner_completeness", {**of_alpha, "field": "links"}) == 0
