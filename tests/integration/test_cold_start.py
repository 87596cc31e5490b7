"""How long a partner waits for a worker that has just been started."""

import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from feed import make_world, publish_over
from fleet import SCOPE, Fleet
from sqlalchemy import select
from stored import USE_CASE, store_cases

from benchmarks.processes import cpu_seconds
from plugins.kafka_harness import ApacheKafka
from surveillance.simulation.deaths import draw_deaths, police_report
from surveillance.simulation.published import Published
from surveillance.store import line_list, tables

STORED = 100_000
DAYS = 20 * 365  # 5,000 of them are within a year, which is what an evaluation looks at
LIMIT_RATIO = 3.3
"""Of the CPU time of `surveillance warm` where nothing is to be compiled. An event that takes 2.3 of it has
taken 4.8 seconds of CPU, so that this is seven; to compile takes ten of it."""


@pytest.mark.slow
@pytest.mark.kafka
@pytest.mark.postgresql
def test_a_worker_with_100_000_cases_evaluates_its_first_event_without_compiling_or_reading_all_of_them(
    apache_kafka: ApacheKafka,
    fresh_postgresql: Callable[[str], str],
    new_topic: Callable[[str], str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    address, url = apache_kafka.address, fresh_postgresql("template0")
    with Fleet(tmp_path, address, url, new_topic(""), options={"partitions": 1}) as fleet:
        today = datetime.now(fleet.configuration.regions[SCOPE].zone).date()
        store_cases(fleet.store, fleet.configuration, STORED, DAYS, today - timedelta(days=1))
        event = one_death(fleet)
        publish_over(address, fleet.prefix, [event], 0.1)
        fleet.run("warm")  # perhaps compiles
        measure = cpu_of(lambda: fleet.run("warm"))
        began = time.monotonic()
        fleet.start("only")
        fleet.wait_until(lambda: is_evaluated(fleet), 60, "the event is evaluated")
        seconds, used = time.monotonic() - began, cpu_seconds(fleet.pid("only"))
        with fleet.store.reading() as tx:
            assert line_list.versions_of(tx, [event.record_key])
        with capsys.disabled():
            print(f"\nfirst event evaluated {seconds:.1f} s after the worker's start, {used:.1f} s of CPU")
            print(f"{used / measure:.2f} of what warming up takes")
        fleet.stop_all()
        assert used / measure < LIMIT_RATIO


def cpu_of(run: Callable[[], None]) -> float:
    """CPU seconds of the processes that it starts and waits for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def one_death(fleet: Fleet) -> Published:
    """A report of now, about a death of yesterday."""
    world = make_world(fleet.configuration)
    now = datetime.now(UTC)
    start, end = now - timedelta(days=2), now - timedelta(days=1)
    [death] = draw_deaths(world, np.random.default_rng(1), 1, start, end, 1)
    return police_report(world, death, now, "background")


def is_evaluated(fleet: Fleet) -> bool:
    """Whether an evaluation is stored; only the event asks for one."""
    done = select(tables.evaluations.c.id).where(tables.evaluations.c.use_case == USE_CASE).limit(1)
    with fleet.store.reading() as tx:
        return tx.execute(done).scalar_one_or_none() is not None
