"""A worker that is started while its database is away, as after a power cut of both."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from feed import make_mix, publish_over
from fleet import Fleet, Line
from sqlalchemy import make_url

from postgresql_server import PostgresqlServer
from surveillance.kafka.broker import EmbeddedBroker


@pytest.mark.postgresql
@pytest.mark.slow
def test_a_worker_started_without_its_database_waits_for_it(
    embedded_broker: EmbeddedBroker,
    postgresql_server: PostgresqlServer,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
) -> None:
    url = fresh_postgresql("template0")
    with (
        Line(postgresql_server.directory / ".s.PGSQL.5432") as line,
        Fleet(
            tmp_path,
            embedded_broker.address,
            url,
            new_topic(""),
            worker_url=f"postgresql+psycopg://postgres@127.0.0.1:{line.port}/{make_url(url).database}",
            options={"partitions": 1},
        ) as fleet,
    ):
        sent, _ = make_mix(fleet.configuration, 50)
        publish_over(embedded_broker.address, fleet.prefix, sent, 0.5)
        line.cut()
        fleet.start("only")
        time.sleep(8)
        fleet.check()
        line.mend()
        fleet.wait_until(fleet.all_handled, 60, "every offset is in the ledger")
        fleet.stop_all()
