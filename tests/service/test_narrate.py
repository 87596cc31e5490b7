"""One record can be followed through the log, and nothing that a partner sent stands in it."""

import io
import json
import logging
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import structlog
from sqlalchemy import exc as sa_exc

from small_house import House, incident, message
from surveillance import pipeline
from surveillance.alerting.workflow import Act
from surveillance.deciding import Desk
from surveillance.deciding.decision import Decision
from surveillance.delivery.parcel import NotTaken
from surveillance.line_list.record import RecordKey
from surveillance.log import configure_logging
from surveillance.service import Outage
from surveillance.store import audit, erasures

Line = dict[str, Any]
Lines = Callable[[], list[Line]]
# The key is the house's: what stands for a record is known to whoever has it, and to nobody else.
KEY = b"a key for tests only"
SENT = ("very-private-record", "n1", "Crater", "dust-7", "1a1a1a", "poisoning", "CLINIC", "dune_fever", "34")


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """What was logged as JSON since the last call, in order."""
    written = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", written)
        configure_logging("json", role="worker")

    def since() -> list[Line]:
        said = written.getvalue().splitlines()
        written.seek(0)
        written.truncate()
        return [json.loads(line) for line in said]

    return since


def stand_in(record: str) -> str:
    return erasures.token(KEY, RecordKey("alpha", "incident", record))


def only(found: list[Line], event: str, **values: Any) -> Line:
    """The one line of an event that has these values."""
    (line,) = [one for one in found if one["event"] == event and values.items() <= one.items()]
    return line


def report_cluster(house: House) -> None:
    house.ingest(
        *(message(i, incident(f"very-private-record-{i}", days_ago=i, person=1 + i)) for i in range(3))
    )


def test_a_record_is_followed_from_its_offset_to_the_notice_of_its_alert(house: House, lines: Lines) -> None:
    report_cluster(house)
    house.evaluate()
    while house.service.deliver_due():
        pass
    said = lines()
    received = only(said, "message handled", topic="incidents.v1.alpha", partition=0, offset=2)
    assert received["outcome"] == "stored"
    assert received["record"] == stand_in("very-private-record-2")
    evaluated = only(said, "evaluated", look=received["looks"][0])
    changed = only(said, "alert changed", evaluation=evaluated["evaluation"])
    assert received["record"] in changed["joined"]
    about = {"alert": changed["alert"], "revision": changed["revision"]}
    owed = only(said, "notice owed", **about)
    sent = only(said, "notice handled", delivery=owed["delivery"])
    assert (sent["outcome"], sent["attempt"], sent["receiver"]) == ("sent", 1, "alerts-topic")
    (alert,) = house.alerts()
    assert (alert.id, alert.revision) == (changed["alert"], changed["revision"])
    assert {one["role"] for one in said} == {"worker"}


def test_each_attempt_to_tell_of_an_alert_is_a_line_with_its_error(house: House, lines: Lines) -> None:
    report_cluster(house)
    house.evaluate()
    house.told.failures.append(NotTaken("ConnectError"))
    house.service.deliver_due()
    house.now += timedelta(minutes=5)
    house.service.deliver_due()
    tried = [one for one in lines() if one["event"] == "notice handled"]
    assert [(one["attempt"], one["outcome"], one["error"]) for one in tried] == [
        (1, "failed", "ConnectError"),
        (2, "sent", None),
    ]
    assert len({one["delivery"] for one in tried}) == 1


def test_what_a_lead_does_is_a_line_that_names_the_entry_of_the_audit_chain_and_not_the_lead(
    house: House, lines: Lines
) -> None:
    report_cluster(house)
    house.evaluate()
    (alert,) = house.alerts()
    lines()
    desk = Desk(house.configuration, house.store, b"a key of the chain that is long enough", KEY)
    desk.move(alert.id, Act.ACKNOWLEDGE, Decision("lead@example.org", house.now, "seen by the lead"))
    said = lines()
    act = only(said, "act", act="acknowledge", subject=f"alert/{alert.id}")
    changed = only(said, "alert changed", alert=alert.id, entry=act["entry"])
    assert (changed["state"], changed["revision"]) == ("acknowledged", alert.revision + 1)
    with house.store.reading() as tx:
        ((sequence, entry),) = audit.listed(tx, subject=f"alert/{alert.id}")
    assert (sequence, entry.by) == (act["entry"], "lead@example.org")
    assert "lead@example.org" not in json.dumps(said)
    assert "seen by the lead" not in json.dumps(said)


def test_a_late_alert_is_a_line_of_its_own(house: House, lines: Lines) -> None:
    report_cluster(house)
    house.evaluate()
    (alert,) = house.alerts()
    desk = Desk(house.configuration, house.store, b"a key of the chain that is long enough", KEY)
    desk.move(alert.id, Act.OPEN, Decision("lead@example.org", house.now, "worth a look"))
    house.now += timedelta(days=5)
    lines()
    house.service.tick()
    only(lines(), "alert changed", alert=alert.id, change="overdue")


def test_a_record_that_a_later_version_withdraws_is_said_to_leave(house: House, lines: Lines) -> None:
    report_cluster(house)
    house.evaluate()
    lines()
    gone = incident("very-private-record-2", days_ago=2, version=2, action="withdrawn", status="withdrawn")
    house.ingest(message(9, gone))
    house.evaluate()
    changed = next(one for one in lines() if one["event"] == "alert changed")
    assert changed["left"] == [stand_in("very-private-record-2")]


def test_refused_messages_and_those_sent_again_are_told_by_place_and_reason(
    house: House, lines: Lines
) -> None:
    payload = incident("very-private-record-1")
    house.ingest(message(0, payload), message(1, b"\xff"), message(2, {**payload, "category": 7}))
    house.ingest(message(0, payload), message(3, payload))
    found = {
        (one["offset"], one["outcome"], one.get("code"))
        for one in lines()
        if one["event"] == "message handled"
    }
    assert found == {
        (0, "stored", None),
        (1, "refused", "not_utf8"),
        (2, "refused", "invalid_value"),
        (3, "repeated", None),
    }


def live_through_a_lot(house: House) -> None:
    """Everything that can go wrong with messages that hold something private, and an alert of some."""
    private = {"school": "dust-7", "method_group": "poisoning", "age": 34}
    house.report(
        *(incident(f"very-private-record-{i}", days_ago=i % 3, person=1 + i, **private) for i in range(4)),
        incident("very-private-record-9", area="very-private-record"),
        {"very-private-record": "very-private-record"},
    )
    house.ingest(message(900, b"very-private-record"))
    house.evaluate()
    house.service.deliver_due()
    house.service.tick()
    with house.store.transaction() as tx:
        tx.exec_driver_sql("ALTER TABLE records RENAME TO away")
    with pytest.raises(Outage):
        house.ingest(message(901, incident("very-private-record-a", **private)))


def test_nothing_of_a_payload_stands_in_any_line(house: House, lines: Lines) -> None:
    live_through_a_lot(house)
    found = [
        (secret, line["event"])
        for line in lines()
        for secret in SENT
        # Times, offsets and stand-ins may hold the digits of an age by chance: the other texts may not.
        if secret in json.dumps({k: v for k, v in line.items() if isinstance(v, str) and not _is_digits(k)})
    ]
    assert found == []


def _is_digits(key: str) -> bool:
    return key in ("timestamp", "received_at", "record", "alert", "delivery")


def test_a_defect_in_storing_is_told_by_place_without_the_values(
    house: House, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(_: object, incoming: Sequence[object], *rest: Any) -> Any:
        if not incoming:  # what is a dead letter by now revises nothing
            return revise(_, incoming, *rest)  # type: ignore[arg-type]
        raise sa_exc.IntegrityError("INSERT very-private-record", {}, ValueError("very-private-record"))

    revise = pipeline.revise_line_list
    monkeypatch.setattr(pipeline, "revise_line_list", fails)
    house.ingest(message(5, incident("very-private-record-1")))
    text = json.dumps(said := lines())
    assert only(said, "batch failed")["offsets"] == {"incidents.v1.alpha/0": "5-5"}
    assert only(said, "message handled", offset=5)["code"] == "unstorable"
    assert "very-private" not in text


def test_messages_need_not_be_told_one_by_one(house: House, lines: Lines) -> None:
    house.settings = house.settings.model_copy(update={"log_messages": False})
    report_cluster(house)
    house.evaluate()
    events = {one["event"] for one in lines()}
    assert "message handled" not in events
    assert events >= {"evaluated", "alert changed"}


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("logger_of", [logging.getLogger, structlog.get_logger])
def test_an_exception_is_told_by_class_and_place_and_an_address_without_its_password(
    log_format: str, logger_of: Callable[[str], Any], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format)
    log = logger_of("somebody.speaks")
    try:
        raise ValueError("very-private-record")
    except ValueError:
        log.exception("it failed")
    log.error("cannot reach postgresql://somebody:hunter2@host/name")
    said = capsys.readouterr().err
    assert "somebody.speaks" in said
    assert "ValueError" in said
    assert "test_narrate.py" in said
    assert "very-private-record" not in said
    assert "hunter2" not in said
    assert "postgresql://***@host/name" in said


def test_a_log_that_cannot_be_written_stops_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    with monkeypatch.context() as patched:
        patched.setattr(sys, "stderr", stream)
        configure_logging("json")
    log = structlog.get_logger("somebody.speaks")
    log.info("heard")
    said = stream.getvalue()
    stream.close()
    log.info("not heard")
    assert '"heard"' in said


def test_lines_below_the_level_are_left_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json", logging.WARNING)
    log = structlog.get_logger("somebody.speaks")
    log.info("too little")
    log.warning("enough")
    assert [json.loads(line)["event"] for line in capsys.readouterr().err.splitlines()] == ["enough"]


def test_a_message_handled_twice_is_told_once(house: House, lines: Lines) -> None:
    one = message(0, incident("very-private-record-1"))
    house.ingest(one)
    house.ingest(replace(one))
    assert len([line for line in lines() if line["event"] == "message handled"]) == 1


@pytest.mark.parametrize(
    ("library", "level"),
    [("kafka.cluster", "warning"), ("aiokafka.consumer", "warning"), ("faust.app", "error")],
)
def test_a_brokers_client_that_reconnects_makes_no_error_that_somebody_has_to_look_at(
    library: str, level: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging("json")
    logging.getLogger(library).error("connection lost")
    assert [json.loads(line)["level"] for line in capsys.readouterr().err.splitlines()] == [level]
