"""From the partner's event to the stored answer: latency of a worker on Apache Kafka and PostgreSQL.

50 reports a second in Cheshire and Merseyside, and about 5,000 cases within the year that every evaluation
looks at: counted at one place by the scan and links, as admissions for self-harm are, and at two places by
three detectors, as suspected suicides are (of which there are 290 a year, not 5,000). Each without a cluster,
and with a strong one going on, where no look can end before the last replicate.

An event's latency runs from the timestamp that Kafka gave it to the moment at which an observer sees the
evaluation committed that began after the event was stored: what is observed late counts as late.
"""

import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import yaml
from sqlalchemy import select

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "integration")]

from feed import make_world, publish_over  # noqa: E402
from fleet import SCOPE, Fleet  # noqa: E402
from stored import USE_CASE, store_cases  # noqa: E402

import postgresql_server  # noqa: E402
from plugins.kafka_harness import ApacheKafka, fetch_jars  # noqa: E402
from surveillance.simulation.injected import InjectedCluster, choose_centre  # noqa: E402
from surveillance.simulation.load import load_mix  # noqa: E402
from surveillance.store import tables  # noqa: E402

EVENTS_A_SECOND, SECONDS, WARM_UP_SECONDS = 50, 40, 5
CASES = 5000
CLUSTERS = {"no cluster": 0, "a cluster of 10": 10}
ONE_PLACE = {"places": ["residence"], "detectors": ["permutation-scan", "links"]}
SETUPS: dict[str, dict[str, list[str]]] = {
    "one place, scan and links": ONE_PLACE,
    "two places, scan, proximity and links": {},
}
OBSERVED_EVERY_S = 0.01
LIMIT_SECONDS = 1.0


@dataclass
class Observer:
    """Sees from outside when a record and an evaluation are stored. Times are seconds since 1970.

    records: when received by Kafka, when seen. evaluations: when claimed, when seen, seconds by stage.
    """

    fleet: Fleet
    records: list[tuple[float, float]] = field(default_factory=list)
    evaluations: list[tuple[float, float, dict[str, float]]] = field(default_factory=list)
    longest_pause: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        record, evaluation = self._last()
        before = time.monotonic()
        while not self._stop.wait(OBSERVED_EVERY_S):
            record, evaluation = self._look(record, evaluation)
            now = time.monotonic()
            self.longest_pause = max(self.longest_pause, now - before)
            before = now

    def stop(self) -> None:
        self._stop.set()

    def _last(self) -> tuple[int, int]:
        records, evaluations = tables.record_versions.c.record, tables.evaluations.c.id
        with self.fleet.store.reading() as tx:
            last = [
                tx.execute(select(c).order_by(c.desc()).limit(1)).scalar_one_or_none() or 0
                for c in (records, evaluations)
            ]
        return last[0], last[1]

    def _look(self, record: int, evaluation: int) -> tuple[int, int]:
        versions, done = tables.record_versions.c, tables.evaluations.c
        with self.fleet.store.reading() as tx:
            new = tx.execute(
                select(versions.record, versions.received_at).where(versions.record > record)
            ).all()
            found = tx.execute(
                select(done.id, done.started_at, done.seconds).where(
                    done.id > evaluation, done.use_case == USE_CASE
                )
            ).all()
        seen = time.time()
        self.records += [(row.received_at.timestamp(), seen) for row in new]
        self.evaluations += [(row.started_at.timestamp(), seen, row.seconds) for row in found]
        return (
            max([record, *(row.record for row in new)]),
            max([evaluation, *(row.id for row in found)]),
        )

    def latencies(self, since: float) -> np.ndarray:
        """Seconds, per event received after `since`; infinite for one that no evaluation has looked at."""
        looked = sorted((began, seen) for began, seen, _ in self.evaluations)
        begins = np.array([began for began, _ in looked])
        ends = np.array([seen for _, seen in looked] + [np.inf])
        events = np.array([pair for pair in self.records if pair[0] >= since])
        return ends[np.searchsorted(begins, events[:, 1])] - events[:, 0]


@contextmanager
def servers() -> Iterator[tuple[ApacheKafka, postgresql_server.PostgresqlServer]]:
    """A real Kafka, and a PostgreSQL that writes to disk before it says so."""
    programs = postgresql_server.find_programs()
    if programs is None:
        raise SystemExit("PostgreSQL's server programs are not installed")
    fetch_jars()
    durable = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
    server = postgresql_server.PostgresqlServer.create(programs, durable)
    try:
        with ApacheKafka() as kafka:
            yield kafka, server
    finally:
        server.remove()


def main() -> None:
    setups = [(*setup, *cluster) for setup in SETUPS.items() for cluster in CLUSTERS.items()]
    with servers() as (kafka, server):
        for number, (what, kept, clusters, deaths) in enumerate(setups):
            database = f"latency_{number}"
            server.execute(f"CREATE DATABASE {database}")
            print(f"{what}; {clusters}:")
            with tempfile.TemporaryDirectory() as directory:
                config = write_config(Path(directory) / "config", kept)
                options = {"partitions": 4, "config_dir": config}
                prefix = f"bench-{number}."
                with Fleet(
                    Path(directory), kafka.address, server.url(database), prefix, options=options
                ) as fleet:
                    report(measure(fleet, deaths))
                    if fleet.defects():
                        raise SystemExit(f"the worker logged defects: {fleet.defects()[:3]}")


def write_config(directory: Path, kept: dict[str, list[str]]) -> Path:
    """The shipped configuration, whose suspected suicides keep only these places and detectors."""
    shutil.copytree(ROOT / "config", directory)
    file = directory / "use_cases" / f"{USE_CASE}.yaml"
    use_case = yaml.safe_load(file.read_text())
    for key, names in kept.items():
        use_case[key] = [one for one in use_case[key] if one["name"] in names]
    found = {one["name"] for one in use_case["detectors"]}
    for band in use_case["bands"]:
        band["any_of"] = [one for one in band["any_of"] if one["detector"] in found]
    file.write_text(yaml.safe_dump(use_case))
    return directory


def measure(fleet: Fleet, deaths: int) -> Observer:
    """Publishes at the rate; the cases grow from a little under to a little over CASES meanwhile."""
    events = EVENTS_A_SECOND * (WARM_UP_SECONDS + SECONDS)
    world = make_world(fleet.configuration, tag="live-")
    rng = np.random.default_rng(1)
    cluster = InjectedCluster(choose_centre(world, rng), deaths=deaths) if deaths else None
    sent, truth = load_mix(world, rng, events, datetime.now(UTC), incidents=1.0, cluster=cluster)
    today = datetime.now(fleet.configuration.regions[SCOPE].zone).date()
    added = len(truth.highest) - len(truth.shared)  # one case a person
    store_cases(fleet.store, fleet.configuration, CASES - added // 2, 365, today - timedelta(days=1))
    fleet.start("only")
    fleet.wait_until_reading("only")
    observer = Observer(fleet)
    watching = threading.Thread(target=observer.watch)
    watching.start()
    publish_over(fleet.brokers, fleet.prefix, sent, WARM_UP_SECONDS + SECONDS)
    fleet.wait_until(lambda: fleet.all_handled() and fleet.nothing_pending(), 60, "everything is evaluated")
    time.sleep(5 * OBSERVED_EVERY_S)
    observer.stop()
    watching.join()
    fleet.stop_all()
    return observer


def report(observer: Observer) -> None:
    began = min(received for received, _ in observer.records)
    latencies = observer.latencies(began + WARM_UP_SECONDS)
    stored = np.array(
        [seen - received for received, seen in observer.records if received >= began + WARM_UP_SECONDS]
    )
    print(f"  {len(latencies)} events at {EVENTS_A_SECOND} a second, about {CASES} cases in the window")
    print(f"  event to stored record:     p50 {_ms(stored, 50)}  p99 {_ms(stored, 99)}")
    print(f"  event to stored evaluation: p50 {_ms(latencies, 50)}  p99 {_ms(latencies, 99)}")
    for stage in observer.evaluations[0][2]:
        seconds = np.array([stages[stage] for _, _, stages in observer.evaluations])
        print(f"    of {len(seconds)} evaluations, {stage}: p50 {_ms(seconds, 50)}  p99 {_ms(seconds, 99)}")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"  {os.cpu_count()} processors, load {load}; longest pause of the observer "
        f"{observer.longest_pause * 1000:.0f} ms"
    )
    met = np.percentile(latencies, 99) < LIMIT_SECONDS
    print(f"  p99 under {LIMIT_SECONDS:g} s: {'yes' if met else 'NO'}", flush=True)


def _ms(seconds: Sequence[float] | np.ndarray, percentile: float) -> str:
    return f"{np.percentile(seconds, percentile) * 1000:6.0f} ms"


if __name__ == "__main__":
    main()
