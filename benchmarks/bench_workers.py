"""One to four workers on one Kafka and one PostgreSQL: throughput and latency by their number.

    python -m benchmarks.bench_workers [--messages 20000] [--a-second 100] [--seconds 20] [--workers 1 2 3 4]

For each number of workers, with a consumer group and a database of their own: first the backlog of
bench_throughput, shared by all of them; then live messages at a steady rate, whose latency runs from Kafka's
timestamp to the moment at which an observer sees the record stored. Configured as shipped: evaluations run
beside. At the end the ledger must have no gap, every message must be stored once, and no evaluation may have
been done by two workers at once: claims that were lost, and looks of one scope that overlap, are counted.
"""

import argparse
import tempfile
import threading
from collections import defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from sqlalchemy import select

from benchmarks.bench_latency import Observer, servers
from benchmarks.bench_throughput import PREFIX, Track, check, handled, run_workers
from surveillance.simulation.load import Truth, load_mix
from surveillance.store import tables

from feed import make_mix, make_world, publish_over  # isort: skip
from fleet import Fleet  # isort: skip

SETTLE_SECONDS = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--a-second", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3, 4])
    asked = parser.parse_args()
    for number in asked.workers:
        with servers() as (kafka, server), tempfile.TemporaryDirectory() as directory:
            track = Track(kafka, server, Path(directory))
            with track.fleet("every event") as fleet:
                _measure(track, fleet, number, asked)


def _measure(track: Track, fleet: Fleet, number: int, asked: argparse.Namespace) -> None:
    sent, backlog = make_mix(fleet.configuration, asked.messages)
    publish_over(fleet.brokers, PREFIX, sent, asked.messages / 20_000)
    race = run_workers(track, fleet, [f"worker-{n}" for n in range(number)], asked.messages)
    print(f"{number} workers: {race.rate:.0f} messages a second", end="; ", flush=True)
    latencies, live = _latencies(fleet, asked)
    p50, p99 = np.percentile(latencies, [50, 99]) * 1000
    fleet.wait_until(fleet.nothing_pending, SETTLE_SECONDS, "everything is evaluated")
    fleet.stop_all()
    check(fleet, _both(backlog, live))
    looks, overlapping = _looks(fleet)
    print(
        f"{asked.a_second} a second: stored after p50 {p50:.0f} ms, p99 {p99:.0f} ms; ledger without gap, "
        f"{fleet.repaired()} repaired; {looks} evaluations, {overlapping} of them while their scope had one",
        flush=True,
    )


def _latencies(fleet: Fleet, asked: argparse.Namespace) -> tuple[np.ndarray, Truth]:
    """Seconds from Kafka's timestamp to a stored record, of live messages."""
    events = asked.a_second * asked.seconds
    world = make_world(fleet.configuration, tag="live-")
    sent, live = load_mix(world, np.random.default_rng(2), events, datetime.now(UTC))
    observer = Observer(fleet)
    watching = threading.Thread(target=observer.watch)
    watching.start()
    try:
        publish_over(fleet.brokers, PREFIX, sent, asked.seconds)
        wanted = asked.messages + events
        fleet.wait_until(lambda: handled(fleet) >= wanted, SETTLE_SECONDS, "the live messages are stored")
    finally:
        observer.stop()
        watching.join()
    return np.array([seen - received for received, seen in observer.records]), live


def _both(first: Truth, second: Truth) -> Truth:
    refused = {code: first.refused.get(code, 0) + second.refused.get(code, 0) for code in first.refused}
    return Truth({**first.highest, **second.highest}, {**second.refused, **refused}, frozenset())


def _looks(fleet: Fleet) -> tuple[int, int]:
    """How many evaluations were done, and how many began before another of their scope was at its end."""
    row = tables.evaluations.c
    by_scope: defaultdict[tuple[str, str], list[tuple[datetime, datetime]]] = defaultdict(list)
    with fleet.store.reading() as tx:
        query = select(row.use_case, row.scope, row.started_at, row.finished_at).order_by(row.started_at)
        for use_case, scope, began, ended in tx.execute(query):
            by_scope[use_case, scope].append((began, ended))
    spans = list(by_scope.values())
    return sum(map(len, spans)), sum(
        later[0] < earlier[1] for of_scope in spans for earlier, later in pairwise(of_scope)
    )


if __name__ == "__main__":
    main()
