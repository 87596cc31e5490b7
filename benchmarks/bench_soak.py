"""Whether a worker's memory stays flat: messages without end through a real worker, Kafka and PostgreSQL.

    python -m benchmarks.bench_soak --messages 2000000 [--looks daily|"every event"]

The mix of bench_throughput in slices whose records are all new; the next one is published when the worker is
less than one slice behind. After each the worker's resident memory is read. Printed: the slope of memory over
messages with its 95 % interval, fitted without the first fifth, in which caches and pools fill; messages a
second; bytes that a record takes in the database. Stops where a message is lost or stored twice. Ctrl-C ends
it sooner and reports what was run.
"""

import argparse
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from scipy import stats
from sqlalchemy import text

from benchmarks.bench_latency import servers
from benchmarks.bench_throughput import PREFIX, Track, handled
from benchmarks.processes import cpu_seconds, resident_mb
from surveillance.simulation.load import load_mix
from surveillance.store import line_list

from feed import make_world, publish_over  # isort: skip
from fleet import Fleet  # isort: skip

SLICE = 10_000
START_SECONDS = 600.0
SLICE_SECONDS = 1_800.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--looks", choices=("daily", "every event"), default="daily")
    asked = parser.parse_args()
    with (
        servers() as (kafka, server),
        tempfile.TemporaryDirectory() as directory,
        Track(kafka, server, Path(directory)).fleet(asked.looks) as fleet,
    ):
        soak(fleet, asked.messages)


def soak(fleet: Fleet, messages: int) -> None:
    fleet.start("only")
    fleet.wait_until_reading("only", START_SECONDS)
    samples = [(0, resident_mb(fleet.pid("only")))]
    records, began, cpu = 0, time.monotonic(), cpu_seconds(fleet.pid("only"))
    with suppress(KeyboardInterrupt):
        for sent in range(SLICE, messages + 1, SLICE):
            records += publish_slice(fleet, sent // SLICE)
            wait_until_handled(fleet, sent - SLICE)
            samples.append((handled(fleet), resident_mb(fleet.pid("only"))))
            print(f"{samples[-1][0]:9} messages, {samples[-1][1]:.1f} MB", flush=True)
    last = len(samples[1:]) * SLICE
    wait_until_handled(fleet, last)
    report(samples, last / (time.monotonic() - began), (cpu_seconds(fleet.pid("only")) - cpu) / last)
    check(fleet, records)
    fleet.stop_all()


def publish_slice(fleet: Fleet, number: int) -> int:
    """Publishes messages about records that no other slice is about; returns how many records they store."""
    world = make_world(fleet.configuration, tag=f"{number}-")
    sent, truth = load_mix(world, np.random.default_rng(number), SLICE, datetime.now(UTC))
    publish_over(fleet.brokers, PREFIX, sent, 0.1)
    return len(truth.highest)


def wait_until_handled(fleet: Fleet, messages: int) -> None:
    fleet.wait_until(lambda: handled(fleet) >= messages, SLICE_SECONDS, f"{messages} messages are stored")


def check(fleet: Fleet, records: int) -> None:
    """Says how many records are stored and how many bytes each takes, all tables and indexes together."""
    with fleet.store.reading() as tx:
        stored = line_list.count_records(tx)
        size = tx.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    print(f"{stored} records of {records} in the database, {size / stored:.0f} bytes each, logs not counted")
    print(f"ledger: gaps {fleet.gaps()}, lost {fleet.lost()}, repaired {fleet.repaired()}")
    if stored != records or fleet.gaps() or fleet.lost() or fleet.defects():
        raise SystemExit(f"something was lost or stored twice; defects: {fleet.defects()[:3]}")


def report(samples: list[tuple[int, float]], rate: float, cpu_s: float) -> None:
    """The slope of memory over messages."""
    kept = np.array(samples[len(samples) // 5 :])
    print(f"{samples[-1][0]} messages, {rate:.0f} a second, {cpu_s * 1e6:.0f} microseconds of CPU each")
    print(f"memory {kept[0, 1]:.0f} MB after the first fifth, {kept[-1, 1]:.0f} MB at the end")
    if len(kept) < 4:
        return
    fit = stats.linregress(kept[:, 0] / 100_000, kept[:, 1])
    margin = stats.t.ppf(0.975, len(kept) - 2) * fit.stderr
    low, high = fit.slope - margin, fit.slope + margin
    print(f"slope {fit.slope:+.2f} MB per 100,000 messages (95 % interval {low:+.2f} to {high:+.2f})")


if __name__ == "__main__":
    main()
