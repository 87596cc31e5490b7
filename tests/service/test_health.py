"""What a supervisor is told of a worker and of the pages: do they live, do they do their work."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry

from chaos.line import Line
from plugins.kafka_harness import ROOT
from postgresql_server import PostgresqlServer
from small_house import House, incident
from surveillance.cli.operate import topic_specs
from surveillance.configuration import load_configuration
from surveillance.health import Checks, Pulse, serve
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port
from surveillance.offsets import TopicLogs
from surveillance.service import LIVE_SECONDS, READY_SECONDS, Outage
from surveillance.settings import Settings
from surveillance.store import audit

SECRETS = (
    "hunter2-of-the-database",
    "hunter2-of-the-broker",
    "hunter2-of-the-letters",
    "hunter2-of-the-chain",
)


def said(checks: Checks) -> dict[str, str | None]:
    return {name: check() for name, check in checks.items()}


def ask(port: int, path: str) -> tuple[int, dict[str, Any]]:
    """The status and the answer of a process; 0 where nobody listens."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        return refused.code, json.load(refused)
    except OSError:
        return 0, {}


def wait_for(true: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:g} s: {what}"
        time.sleep(0.2)


@pytest.fixture
def served() -> Iterator[Callable[..., int]]:
    """Serves checks on a port of loopback."""
    ends = []

    def start(live: Checks, ready: Checks) -> int:
        port = free_port()
        ends.append(serve("127.0.0.1", port, CollectorRegistry(), live, ready))
        return port

    yield start
    for end in ends:
        end()


def test_every_check_is_answered_and_one_that_fails_makes_it_unready(served: Callable[..., int]) -> None:
    def breaks() -> str | None:
        raise ConnectionError("postgresql://somebody:hunter2@host")

    port = served({}, {"database": breaks, "broker": lambda: None, "clock": lambda: "not for 90 s"})
    assert ask(port, "/healthz") == (200, {"ok": True, "checks": {}})
    assert ask(port, "/readyz") == (
        503,
        {"ok": False, "checks": {"database": "ConnectionError", "broker": "ok", "clock": "not for 90 s"}},
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        assert answer.status == 200


def test_a_step_is_quiet_from_its_last_end_on() -> None:
    now = 100.0
    pulse = Pulse(lambda: now)
    assert pulse.within("tick", 5) == "not yet"
    pulse.beat("tick")
    now = 105.0
    assert pulse.within("tick", 5) is None
    now = 105.1
    assert pulse.within("tick", 5) == "not for 5 s"


def test_a_worker_is_ready_once_clock_and_repair_came_round_and_not_when_they_stop(house: House) -> None:
    now = 0.0
    service = house.service
    service.pulse.clock = lambda: now
    assert said(service.ready) == {
        "database": None,
        "keys": None,
        "broker": "not yet",
        "ledger": "not yet",
        "clock": "not yet",
    }
    service.tick()
    assert service.ready["clock"]() is None
    now = READY_SECONDS + 1
    assert service.ready["clock"]() == "not for 61 s"


def test_a_worker_whose_steps_fail_lives_and_one_whose_loops_stand_still_does_not(house: House) -> None:
    now = 0.0
    service = house.service
    service.pulse.clock = lambda: now
    assert said(service.live) == {"loops": None}, "it is still starting"
    with house.store.transaction() as tx:
        tx.exec_driver_sql("ALTER TABLE ticks RENAME TO away")
    with pytest.raises(Exception, match="OperationalError"):
        service.tick()
    assert said(service.live) == {"loops": None}
    now = LIVE_SECONDS + 1
    assert said(service.live) == {"loops": "not for 301 s"}


def test_a_worker_far_behind_the_topics_is_not_ready(house: House) -> None:
    service = house.service
    service.repairs.unhandled = 10_000
    assert service.ready["ledger"]() is None
    service.repairs.unhandled = 10_001
    assert service.ready["ledger"]() == "10001 messages wait"


def test_a_worker_is_not_ready_before_the_broker_has_answered(
    house: House, embedded_broker: EmbeddedBroker, new_topic: Callable[[str], str]
) -> None:
    topic = new_topic("incidents.v1.alpha")
    create_topics(embedded_broker.address, [TopicSpec(topic, 1, 1)])
    service = house.service
    service.repairs.logs = TopicLogs("127.0.0.1:1", (topic,))
    with pytest.raises(Outage):
        service.repair()
    assert (service.ready["broker"](), service.ready["ledger"]()) == ("not yet", "not yet")
    service.repairs.logs = TopicLogs(embedded_broker.address, (topic,))
    service.repair()
    assert (service.ready["broker"](), service.ready["ledger"]()) == (None, None)


def test_the_audit_chain_is_verified_once_a_day_and_what_is_wrong_with_it_is_told(house: House) -> None:
    key = "a key of the chain that is long enough"
    house.settings = type(house.settings)(
        config_dir=Path("/nowhere"), dead_letter_key="a key for tests only", audit_key=key
    )

    def add(number: int) -> None:
        with house.store.transaction() as tx:
            audit.append(
                tx, key.encode(), audit.Entry("lead@example.org", "look", f"alert/{number}", house.now)
            )

    def broken() -> float | None:
        return REGISTRY.get_sample_value("surveillance_audit_broken")

    add(1)
    add(2)
    service = house.service
    service.tick()
    assert broken() == 0
    with house.store.transaction() as tx:
        tx.exec_driver_sql("UPDATE audit SET act = 'none' WHERE sequence = 2")
    service.tick()
    assert broken() == 0, "once a day"
    house.now += timedelta(days=1)
    service.tick()
    assert broken() == 1


def test_what_is_late_and_how_long_work_waits_is_measured(house: House) -> None:
    house.report(*(incident(f"r{i}", days_ago=i % 3) for i in range(3)))
    house.now += timedelta(minutes=7)
    house.service.tick()
    assert REGISTRY.get_sample_value("surveillance_evaluations_oldest_age_seconds") == 420
    labels = {"use_case": "dune-fever", "state": "open"}
    assert REGISTRY.get_sample_value("surveillance_alerts_overdue", labels) == 0
    assert REGISTRY.get_sample_value("surveillance_disk_free_ratio", {"disk": "database"})


# --- as processes


@contextmanager
def process(command: str, log: Path, **settings: object) -> Iterator[int]:
    """A process of the service with these settings; its metrics port."""
    port = free_port()
    chosen = {"config_dir": ROOT / "config", "log_format": "json", "metrics_port": port, **settings}
    environment = {f"SURVEILLANCE_{name.upper()}": str(value) for name, value in chosen.items()}
    with log.open("wb") as output:
        running = subprocess.Popen(
            [sys.executable, "-m", "surveillance", command],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    try:
        yield port
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            running.wait(20)
        finally:
            running.kill()


@pytest.mark.slow
@pytest.mark.postgresql
def test_a_worker_says_what_is_away_goes_on_living_and_is_ready_again_and_logs_no_secret(
    postgresql_server: PostgresqlServer,
    postgresql_template: str,
    fresh_postgresql: Callable[[str], str],
    embedded_broker: EmbeddedBroker,
    new_topic: Callable[[str], str],
    tmp_path: Path,
) -> None:
    name = fresh_postgresql(postgresql_template).split("?")[0].split("/")[-1]
    log, line = tmp_path / "worker.log", Line(postgresql_server.directory / ".s.PGSQL.5432")
    prefix = new_topic("health.")
    specs = topic_specs(load_configuration(ROOT / "config"), Settings(partitions=1, topic_prefix=prefix))
    create_topics(embedded_broker.address, specs)
    settings = {
        "database_url": f"postgresql+psycopg://postgres:{SECRETS[0]}@127.0.0.1:{line.port}/{name}",
        "brokers": embedded_broker.address,
        "topic_prefix": prefix,
        "consumer_group": prefix,
        "kafka_password": SECRETS[1],
        "dead_letter_key": SECRETS[2],
        "audit_key": SECRETS[3] + "-which-is-long-enough",
    }
    with line:
        line.cut()
        with process("worker", log, **settings) as port:
            wait_for(lambda: ask(port, "/healthz")[0] == 200, 60, "it lives without a database")
            assert ask(port, "/readyz")[1]["checks"] == {
                "database": "OperationalError",
                "keys": "OperationalError",
                "broker": "not yet",
                "ledger": "not yet",
                "clock": "not yet",
            }
            line.mend()
            wait_for(lambda: ask(port, "/readyz")[0] == 200, 120, "it is ready")
            line.cut()
            status, answer = ask(port, "/readyz")
            assert (status, answer["checks"]["database"]) == (503, "OperationalError")
            assert ask(port, "/healthz")[0] == 200
            line.mend()
            wait_for(lambda: ask(port, "/readyz")[0] == 200, 60, "it is ready again")
    text = log.read_text()
    assert "waiting for the database" in text
    assert not [secret for secret in SECRETS if secret in text]


@pytest.mark.slow
def test_the_pages_say_where_their_database_is_away(sqlite_template: Path, tmp_path: Path) -> None:
    database, ports = tmp_path / "pages.db", (free_port(), free_port())
    shutil.copyfile(sqlite_template, database)
    settings = {
        "database_url": f"sqlite:///{database}",
        "brokers": "127.0.0.1:1",
        "spool_dir": tmp_path / "spool",
        "audit_key": "a key of the chain that is long enough",
        "dead_letter_key": "a key for tests only",
        "web_port": ports[0],
        "web_metrics_port": ports[1],
        "web_url": f"http://127.0.0.1:{ports[0]}",
    }
    with process("web", tmp_path / "web.log", **settings):
        wait_for(lambda: ask(ports[1], "/readyz")[0] == 200, 60, "the pages are ready")
        assert ask(ports[1], "/readyz")[1]["checks"] == {"database": "ok", "spool": "ok"}
        with sqlite3.connect(database) as direct:
            direct.execute("ALTER TABLE alembic_version RENAME TO away")
        wait_for(lambda: ask(ports[1], "/readyz")[0] == 503, 30, "there is nothing to read")
        assert ask(ports[1], "/healthz")[0] == 200
