"""One worker on the embedded broker and SQLite: killed, started again, and kept from its database."""

import sqlite3
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
from fleet import SCOPE, Fleet, Timetable

from surveillance.kafka.broker import EmbeddedBroker

EVENTS = 4000
PUBLISHING_SECONDS = 25.0
LOCKED_SECONDS = 6.0

pytestmark = pytest.mark.slow


def test_one_killed_worker_and_a_locked_file_lose_and_double_nothing(
    embedded_broker: EmbeddedBroker,
    new_topic: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "surveillance.db"
    options = {"partitions": 1, "evaluation_lease_seconds": 15}
    with Fleet(
        tmp_path, embedded_broker.address, f"sqlite:///{file}", new_topic(""), options=options
    ) as fleet:
        sent, truth = make_mix(fleet.configuration, EVENTS)
        fleet.start("only")
        fleet.wait_until_reading("only")
        faults = Timetable(
            (
                (5, "another program writes for long", lambda: hold_write_lock(file)),
                (15, "the worker is killed", lambda: fleet.kill("only")),
                (16, "and started again", lambda: fleet.start("only")),
            )
        )
        faults.start()
        publish_over(embedded_broker.address, fleet.prefix, sent, PUBLISHING_SECONDS)
        faults.join(60)
        assert fleet.topics_held() == EVENTS
        fleet.wait_until(fleet.all_handled, 90, "every offset is in the ledger")
        as_of = datetime.now(fleet.configuration.regions[SCOPE].zone).date()
        ask_for_final_evaluations(fleet.store, fleet.configuration, as_of)
        fleet.wait_until(fleet.nothing_pending, 60, "every evaluation is done")
        fleet.wait_until(lambda: nothing_to_deliver(fleet.store), 90, "every notice is sent")
        fleet.stop_all()

        check_every_event_is_stored_once(fleet.store, sent, truth)
        assert fleet.lost() == 0
        quiet = run_quietly(fleet, tmp_path / "quiet.db", as_of)
        check_line_lists_are_identical(fleet.store, quiet)
        assert check_active_clusters_are_identical(fleet.store, quiet) > 0
        quiet.close()
        check_alerts_are_one_per_cluster(fleet.store)
        assert check_every_change_rests_on_its_snapshot(fleet.store) > 0
        check_notices_are_in_order(fleet)
        with capsys.disabled():
            print(f"\n{EVENTS} events on the embedded broker; the repair fetched {fleet.repaired()}")
        assert fleet.defects() == []
        check_evaluations_say_when_they_ended(fleet.store)


def hold_write_lock(file: Path) -> None:
    """SQLite has one writer: everyone else finds the database locked meanwhile."""
    connection = sqlite3.connect(file, isolation_level=None, timeout=20)
    connection.execute("BEGIN IMMEDIATE")
    time.sleep(LOCKED_SECONDS)
    connection.execute("ROLLBACK")
    connection.close()
