"""A worker that is started while its database is away, as after a power cut of both."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from feed import make_mix, publish_over
from fleet import Fleet, fleet_over_line
from sqlalchemy import make_url

from postgresql_server import PostgresqlServer
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port


@pytest.mark.postgresql
@pytest.mark.slow
def test_a_worker_started_without_its_database_waits_for_it(
    embedded_broker: EmbeddedBroker,
    postgresql_server: PostgresqlServer,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
) -> None:
    url, options = fresh_postgresql("template0"), {"partitions": 1}
    brokers = embedded_broker.address
    with fleet_over_line(postgresql_server, tmp_path, brokers, url, new_topic(""), options) as (fleet, line):
        sent, _ = make_mix(fleet.configuration, 50)
        publish_over(brokers, fleet.prefix, sent, 0.5)
        line.cut()
        fleet.start("only")
        time.sleep(8)
        fleet.check()
        line.mend()
        fleet.wait_until(fleet.all_handled, 60, "every offset is in the ledger")
        fleet.stop_all()


@pytest.mark.postgresql
@pytest.mark.slow
def test_pages_started_without_their_database_wait_for_it(
    embedded_broker: EmbeddedBroker,
    postgresql_server: PostgresqlServer,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
) -> None:
    url, port, brokers = fresh_postgresql("template0"), free_port(), embedded_broker.address
    options = {
        "web_port": port,
        "web_url": f"http://127.0.0.1:{port}",
        "audit_key": "known to this test " * 3,
        "spool_dir": tmp_path / "spool",
    }
    with fleet_over_line(postgresql_server, tmp_path, brokers, url, new_topic(""), options) as (fleet, line):
        line.cut()
        fleet.start("pages", "web")
        fleet.wait_until(lambda: "waiting for the database" in fleet.log_tail("pages"), 60, "they wait")
        fleet.check()
        line.mend()
        fleet.wait_until_reading("pages")
        fleet.end("pages", (0,))


@pytest.mark.postgresql
@pytest.mark.slow
def test_a_worker_started_on_a_database_that_may_only_be_read_waits_until_it_may_be_written(
    embedded_broker: EmbeddedBroker,
    postgresql_server: PostgresqlServer,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
) -> None:
    url = fresh_postgresql("template0")
    database = make_url(url).database
    options = {"partitions": 1}
    with Fleet(tmp_path, embedded_broker.address, url, new_topic(""), options=options) as fleet:
        # As a standby does. A first start has to write under which definitions it counts.
        postgresql_server.execute(f"ALTER DATABASE {database} SET default_transaction_read_only = on")
        fleet.start("only")
        fleet.wait_until(lambda: "waiting for the database" in fleet.log_tail("only"), 60, "it waits")
        time.sleep(2)
        fleet.check()
        postgresql_server.execute(f"ALTER DATABASE {database} RESET default_transaction_read_only")
        end_connections = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
        postgresql_server.execute(f"{end_connections}'{database}'")
        fleet.wait_until_reading("only")
        fleet.stop_all()
