"""A new version is rolled out: workers and pages are replaced one after another while records arrive.

On real Apache Kafka and PostgreSQL: nothing is lost or doubled, and no request stays without an answer.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from accounts import (
    ask_for_final_evaluations,
    check_active_clusters_are_identical,
    check_alerts_are_one_per_cluster,
    check_every_change_rests_on_its_snapshot,
    check_every_event_is_stored_once,
    check_line_lists_are_identical,
    nothing_to_deliver,
    run_quietly,
)
from feed import make_mix, publish_over
from fleet import ROOT, SCOPE, Fleet, Timetable
from sqlalchemy import func, select

from plugins.kafka_harness import ApacheKafka
from small_house import incident
from surveillance.access.person import Grant
from surveillance.accounts import Register
from surveillance.kafka.ports import free_port
from surveillance.service import utc_now
from surveillance.store.tables import record_versions, records

EVENTS, PUBLISHING_SECONDS = 6_000, 45.0
SENDERS = 8
AUDIT_KEY = "an audit key that only this test knows"
PARTNER, ORGANISATION = "example-police", "EXAMPLE-POLICE"

pytestmark = [pytest.mark.kafka, pytest.mark.postgresql, pytest.mark.slow]


def test_workers_replaced_one_after_another_lose_and_double_nothing(
    apache_kafka: ApacheKafka,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = fresh_postgresql("template0")
    options = {"partitions": 4, "evaluation_lease_seconds": 30}
    with Fleet(tmp_path, apache_kafka.address, url, new_topic(""), options=options) as fleet:
        sent, truth = make_mix(fleet.configuration, EVENTS)
        # As a Deployment does it: the new one is ready before an old one is told to end.
        rollout = Timetable(
            (
                (8, "the first new one", lambda: fleet.start("new-1")),
                (8, "is ready", lambda: fleet.wait_until_reading("new-1", 240)),
                (8, "the first old one ends", lambda: fleet.stop("old-1")),
                (9, "the second new one", lambda: fleet.start("new-2")),
                (9, "is ready", lambda: fleet.wait_until_reading("new-2", 240)),
                (9, "the second old one ends", lambda: fleet.stop("old-2")),
            )
        )
        fleet.start("old-1")
        fleet.start("old-2")
        fleet.wait_until_reading("old-1", 240)
        rollout.start()
        publish_over(apache_kafka.address, fleet.prefix, sent, PUBLISHING_SECONDS)
        rollout.join(500)
        fleet.wait_until(fleet.all_handled, 240, "every offset is in the ledger")
        as_of = datetime.now(fleet.configuration.regions[SCOPE].zone).date()
        ask_for_final_evaluations(fleet.store, fleet.configuration, as_of)
        fleet.wait_until(fleet.nothing_pending, 240, "every evaluation is done")
        fleet.wait_until(lambda: nothing_to_deliver(fleet.store), 120, "every notice is sent")
        fleet.stop_all()
        assert fleet.topics_held() == EVENTS
        check_every_event_is_stored_once(fleet.store, sent, truth)
        assert fleet.lost() == 0
        quiet = run_quietly(fleet, tmp_path / "quiet.db", as_of)
        check_line_lists_are_identical(fleet.store, quiet)
        assert check_active_clusters_are_identical(fleet.store, quiet) > 0
        check_alerts_are_one_per_cluster(fleet.store)
        check_every_change_rests_on_its_snapshot(fleet.store)
        quiet.close()
        assert fleet.defects() == []
        with capsys.disabled():
            print(f"\n{EVENTS} events, two workers replaced; the repair fetched {fleet.repaired()}")


@dataclass
class Pages:
    """Processes of pages, one of which takes new requests: what an Ingress sees of a rollout."""

    fleet: Fleet
    token: str
    directory: Path
    port: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    accepted: set[str] = field(default_factory=set)
    unanswered: list[str] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> tuple[subprocess.Popen[bytes], int]:
        """One more process, once it is ready; each has a spool of its own."""
        port = free_port()
        chosen = {
            "web_port": port,
            "web_url": f"http://127.0.0.1:{port}",
            "audit_key": AUDIT_KEY,
            "spool_dir": self.directory / f"spool-{port}",
        }
        own = {f"SURVEILLANCE_{name.upper()}": str(value) for name, value in chosen.items()}
        with (self.directory / f"web-{port}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "surveillance", "web"],
                cwd=ROOT,
                env={**os.environ, **self.fleet._environment, **own},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 240
        while not _is_ready(port):
            assert process.poll() is None, (self.directory / f"web-{port}.log").read_text()
            assert time.monotonic() < deadline, "the pages are not ready"
            time.sleep(0.2)
        return process, port

    def send(self, sender: int) -> None:
        """Hands in records one after another, each slowly enough to be under way when a process ends."""
        number = 0
        while not self.done.is_set():
            record = f"gw-{sender}-{number}"
            number += 1
            try:
                status = _hand_in(self.port, self.token, record)
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    self.unanswered.append(f"{record}: {type(error).__name__}")
                continue
            with self.lock:
                self.answers[status] += 1
                if status in (200, 202):
                    self.accepted.add(record)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _hand_in(port: int, token: str, record: str) -> int:
    times: dict[str, Any] = {
        "occurred_from": "2024-03-01T06:00:00Z",
        "occurred_to": "2024-03-01T07:00:00Z",
        "reported_at": "2024-03-01T09:00:00Z",
    }
    area = {"residence_area": {"code": "E01006412"}, "incident_area": {"code": "E01006412"}}
    body = json.dumps(incident(record, **times) | area | {"reporter_org": ORGANISATION}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.putrequest("POST", f"/api/partners/{PARTNER}/incidents")
        connection.putheader("Authorization", f"Bearer {token}")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body[:10])
        time.sleep(0.3)
        connection.send(body[10:])
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def test_pages_replaced_while_records_are_handed_in_answer_every_request(
    apache_kafka: ApacheKafka,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = fresh_postgresql("template0")
    options = {"partitions": 4}
    with (
        ExitStack() as ending,
        Fleet(tmp_path, apache_kafka.address, url, new_topic(""), options=options) as fleet,
    ):
        register = Register(fleet.store, AUDIT_KEY.encode(), utc_now)
        register.add("program-1", [Grant.parse(f"partner:*:*:{PARTNER}")], "test", "correct horse battery")
        pages = Pages(fleet, register.make_token("program-1", "to hand in", "test"), tmp_path)
        fleet.start("worker")
        process, pages.port = pages.start()
        ending.callback(lambda: process.kill())
        ending.callback(pages.done.set)
        senders = [threading.Thread(target=pages.send, args=(n,), daemon=True) for n in range(SENDERS)]
        for sender in senders:
            sender.start()
        codes = []
        for _ in range(3):
            time.sleep(3)
            old = process
            process, port = pages.start()
            pages.port = port  # from here on nobody begins anything with the old one
            time.sleep(0.1)
            old.send_signal(signal.SIGTERM)  # in the midst of what was begun before
            codes.append(old.wait(60))
        time.sleep(2)
        pages.done.set()
        for sender in senders:
            sender.join(90)
        fleet.wait_until(fleet.all_handled, 240, "every offset is in the ledger")
        process.send_signal(signal.SIGTERM)
        codes.append(process.wait(60))
        fleet.stop_all()

        assert pages.unanswered == []
        assert set(pages.answers) <= {200, 202}, pages.answers
        assert codes == [0, 0, 0, 0]
        with fleet.store.reading() as tx:
            stored = list(tx.scalars(select(records.c.record_id)))
            versions = tx.scalar(select(func.count()).select_from(record_versions))
        assert set(stored) == pages.accepted, "every record that was accepted, and no other"
        assert len(stored) == len(pages.accepted) == versions
        assert fleet.defects() == []
        with capsys.disabled():
            print(f"\n{len(stored)} records handed in while the pages were replaced three times")
