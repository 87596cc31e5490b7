"""Real Apache Kafka and PostgreSQL, two workers, and everything that can be taken away from them."""

import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from accounts import (
    ask_for_final_evaluations,
    check_active_clusters_are_identical,
    check_alerts_are_one_per_cluster,
    check_evaluations_say_when_they_ended,
    check_every_change_rests_on_its_snapshot,
    check_every_event_is_stored_once,
    check_line_lists_are_identical,
    check_notices_are_in_order,
    nothing_to_deliver,
    run_quietly,
)
from feed import make_mix, publish_over
from fleet import SCOPE, Timetable, fleet_over_line

from plugins.kafka_harness import ApacheKafka
from postgresql_server import PostgresqlServer

EVENTS = 20_000
PUBLISHING_SECONDS = 70.0
DATABASE_AWAY_SECONDS = 20.0

pytestmark = [pytest.mark.kafka, pytest.mark.postgresql, pytest.mark.slow]


def test_nothing_is_lost_or_doubled_whatever_fails(
    apache_kafka: ApacheKafka,
    postgresql_server: PostgresqlServer,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    url = fresh_postgresql("template0")
    brokers = apache_kafka.address
    # A killed worker's evaluation waits for as long as its lease.
    options = {"partitions": 4, "evaluation_lease_seconds": 30}
    with fleet_over_line(postgresql_server, tmp_path, brokers, url, new_topic(""), options) as (fleet, line):
        sent, truth = make_mix(fleet.configuration, EVENTS)
        faults = Timetable(
            (
                (10, "a second worker joins", lambda: fleet.start("second")),
                (22, "the first one is killed", lambda: fleet.kill("first")),
                (25, "and started again", lambda: fleet.start("first")),
                (25, "which takes some seconds", lambda: fleet.wait_until_reading("first")),
                (36, "the database is away", line.cut),
                (36 + DATABASE_AWAY_SECONDS, "and back", line.mend),
                (62, "the broker restarts", apache_kafka.restart),
            )
        )
        began = time.monotonic()
        fleet.start("first")
        faults.start()
        publish_over(apache_kafka.address, fleet.prefix, sent, PUBLISHING_SECONDS)
        faults.join(60)
        assert fleet.topics_held() == EVENTS
        fleet.wait_until(fleet.all_handled, 120, "every offset is in the ledger")
        handled_after = time.monotonic() - began
        as_of = datetime.now(fleet.configuration.regions[SCOPE].zone).date()
        ask_for_final_evaluations(fleet.store, fleet.configuration, as_of)
        fleet.wait_until(fleet.nothing_pending, 120, "every evaluation is done")
        fleet.wait_until(lambda: nothing_to_deliver(fleet.store), 120, "every notice is sent")
        fleet.stop_all()

        check_every_event_is_stored_once(fleet.store, sent, truth)
        assert fleet.lost() == 0
        quiet = run_quietly(fleet, tmp_path / "quiet.db", as_of)
        check_line_lists_are_identical(fleet.store, quiet)
        clusters = check_active_clusters_are_identical(fleet.store, quiet)
        assert clusters > 0
        check_alerts_are_one_per_cluster(fleet.store)
        changes = check_every_change_rests_on_its_snapshot(fleet.store)
        check_notices_are_in_order(fleet)
        quiet.close()
        with capsys.disabled():
            print(
                f"\n{EVENTS} events, all handled {handled_after:.0f} s after the start; the repair fetched "
                f"{fleet.repaired()}; {clusters} active clusters, {changes} changes of alerts"
            )
        assert fleet.defects() == []
        check_evaluations_say_when_they_ended(fleet.store)
