"""A year of England's emergency attendances, some days of it: real Kafka, workers, PostgreSQL and all areas.

    nice python -m benchmarks.bench_england --days 3 [--workers 2] [--history 365] [--a-year 25000000]

About 68,000 attendances a day, by population over England's 32,844 areas (the shipped area file, which has a
population for each), by weekday, season and hour; bank holidays are days like others. Seven partners publish
them on topics of their own, a fifth as admissions, and the codes of some of those a day later. Each day is
sent as fast as it is taken, two slices ahead at most. The topics are those of history, on which an event
counts as received when it was reported: so the looks of a day know what was known at its midnight. These are
asked for once the day is stored: every shipped use case that counts admissions, England as one scope.

With --history the line list begins with the cases, not the messages, of so many days before, so that a look
has the past that it asks for (182 days of older people, 365 of the others); without it a look sees the days
that were sent and no others, and its seconds say nothing about a year's.

Stops where a message is lost or stored twice. What is printed of a year at the end is arithmetic.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlalchemy import func, select, text

from benchmarks.bench_latency import servers
from benchmarks.bench_throughput import Track, handled
from benchmarks.england import A_YEAR, SCOPE, ZONE, England, attendances_of, write_config
from benchmarks.england_past import store_past
from benchmarks.processes import peak_mb, resident_mb
from surveillance.configuration import Configuration
from surveillance.events.topics import topic_name
from surveillance.kafka.producer import Publisher
from surveillance.simulation.published import Published
from surveillance.store import line_list, pending, tables

from fleet import Fleet  # isort: skip

PREFIX = "england."
SLICE = 5_000
START_SECONDS, SLICE_SECONDS, LOOK_SECONDS = 600.0, 1_800.0, 7_200.0
LEASE_SECONDS = 3_600.0
"""A look at England may take longer than a claim lasts as shipped; nobody else is to begin it meanwhile."""


@dataclass(frozen=True)
class LookTaken:
    """A use case's look: how long it took, and how many cases there were at its end, all days together."""

    use_case: str
    seconds: float
    cases: int


@dataclass(frozen=True)
class Day:
    """What a day took. cpu: seconds by process until its messages were stored; growth: of the database in
    bytes; lag: the most messages that were published and not stored."""

    day: date
    messages: int
    seconds: float
    cpu: dict[str, float]
    growth: int
    lag: int
    looks: tuple[LookTaken, ...]


def main() -> None:
    asked = _asked()
    until = datetime.now(ZONE).date()
    days = [until - timedelta(days=n) for n in range(asked.days, 0, -1)]
    with servers() as (kafka, server), tempfile.TemporaryDirectory() as directory:
        since = days[0] - timedelta(days=asked.history)
        server.execute("CREATE DATABASE england")
        options = {
            "consumer_group": "england",
            "config_dir": write_config(Path(directory) / "config", since),
            "evaluation_lease_seconds": LEASE_SECONDS,
        }
        track = Track(kafka, server, Path(directory))
        with Fleet(Path(directory), kafka.address, server.url("england"), PREFIX, options=options) as fleet:
            england = England(fleet.configuration, asked.a_year)
            began = time.monotonic()
            past = store_past(fleet.store, england, since, asked.history)
            print(
                f"past of {asked.history} days: {past} records in {time.monotonic() - began:.0f} s",
                flush=True,
            )
            start(fleet, asked.workers)
            taken = [run(track, fleet, england, day) for day in days]
            fleet.stop_all()
            check(fleet, sum(day.messages for day in taken), england.attended)
            extrapolate(taken, fleet.configuration, england.a_year, asked.history)


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--days", type=int, default=1, help="how many, the last of them yesterday")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--history", type=int, default=0, help="days before, whose cases are there already")
    parser.add_argument("--a-year", type=int, default=A_YEAR, help="attendances; fewer for a try")
    return parser.parse_args()


def start(fleet: Fleet, workers: int) -> None:
    names = [f"worker-{number}" for number in range(1, workers + 1)]
    for name in names:
        fleet.start(name)
    for name in names:
        fleet.wait_until_reading(name, START_SECONDS)


def run(track: Track, fleet: Fleet, england: England, day: date) -> Day:
    """Sends a day, waits until all of it is stored, and has its looks done."""
    sent, size, before = england.day(day), _size(fleet), handled(fleet)
    cpu, began = track.cpu(fleet.running), time.monotonic()
    lag = send(fleet, sent, before)
    seconds, after = time.monotonic() - began, track.cpu(fleet.running)
    used = {name: after[name] - cpu[name] for name in cpu}
    growth = _size(fleet) - size
    done = Day(day, len(sent), seconds, used, growth, lag, take_looks(fleet, day))
    _print(done, fleet)
    return done


def send(fleet: Fleet, messages: Sequence[Published], before: int) -> int:
    """Publishes all in order, less than two slices ahead of the workers; returns how far ahead it was."""
    failures: list[str] = []
    lag = 0
    with Publisher(fleet.brokers, delivery_seconds=60) as publisher:
        for first in range(0, len(messages), SLICE):
            for message in messages[first : first + SLICE]:
                topic = topic_name(message.kind, message.partner, PREFIX, backfill=True)
                publisher.publish(
                    topic, message.key.encode(), message.value, lambda e: failures.append(e) if e else None
                )
            publisher.flush()
            sent = before + min(first + SLICE, len(messages))
            lag = max(lag, sent - handled(fleet))
            _wait(fleet, sent - SLICE)
    _wait(fleet, before + len(messages))
    if failures:
        raise SystemExit(f"{len(failures)} messages were not published: {failures[0]}")
    return lag


def _wait(fleet: Fleet, messages: int) -> None:
    fleet.wait_until(
        lambda: handled(fleet) >= messages, SLICE_SECONDS, f"{messages} are stored", every_s=0.05
    )


def take_looks(fleet: Fleet, day: date) -> tuple[LookTaken, ...]:
    """The looks of the midnight that ends a day, by every use case."""
    wanted = [pending.Request(use_case, SCOPE, day) for use_case in fleet.configuration.use_cases]
    with fleet.store.transaction() as tx:
        pending.request(tx, wanted, datetime.now(UTC))
    fleet.wait_until(fleet.nothing_pending, LOOK_SECONDS, f"the looks of {day} are done")
    row = tables.evaluations.c
    of_day = select(row.use_case, row.seconds).where(row.as_of == day).order_by(row.id)
    with fleet.store.reading() as tx:
        cases = {one.use_case: one.records for one in line_list.count_entries(tx) if one.reason is None}
        seconds = {name: sum(stages.values()) for name, stages in tx.execute(of_day)}
    if set(seconds) != set(fleet.configuration.use_cases):
        raise SystemExit(f"only these had their look of {day}: {sorted(seconds)}")
    return tuple(LookTaken(name, seconds[name], cases.get(name, 0)) for name in sorted(seconds))


def check(fleet: Fleet, messages: int, records: int) -> None:
    """Stops where a message was lost, refused or stored twice: every one is one version of one record.

    Records of the past have no versions and are not counted.
    """
    with fleet.store.reading() as tx:
        found = {
            "records": line_list.count_records(tx),
            "versions": tx.execute(select(func.count()).select_from(tables.record_versions)).scalar_one(),
            "refused": tx.execute(select(func.count()).select_from(tables.dead_letters)).scalar_one(),
        }
    found |= {"handled": handled(fleet), "gaps": sum(fleet.gaps().values()), "lost": fleet.lost()}
    wanted = {
        "records": records,
        "versions": messages,
        "refused": 0,
        "handled": messages,
        "gaps": 0,
        "lost": 0,
    }
    if found != wanted or fleet.defects():
        raise SystemExit(f"stored {found}, wanted {wanted}; defects {fleet.defects()[:3]}")
    print(f"every message stored once: {found}; repaired {fleet.repaired()}")


def extrapolate(days: Sequence[Day], configuration: Configuration, a_year: int, history: int) -> None:
    """What a year would take if each of its messages took what these took."""
    messages, sent = sum(day.messages for day in days), sum(attendances_of(day.day, a_year) for day in days)
    share, past = a_year / sent, history + len(days)
    print(f"\nrun: {len(days)} days, {messages} messages, past of {past} days")
    print(f"NOT RUN but arithmetic: a year of {a_year:,} attendances, whose messages take what these took")
    print(f"  {messages * share:,.0f} messages, stored in {_hours(sum(day.seconds for day in days) * share)}")
    for name in days[0].cpu:
        print(f"  {_hours(sum(day.cpu[name] for day in days) * share)} of CPU of {name}")
    print(f"  {sum(day.growth for day in days) * share / 1e9:.1f} GB in the database, logs not counted")
    longest = max(sum(look.seconds for look in day.looks) for day in days)
    print(f"  {_hours(365 * longest)} of looks, if each midnight's take as long as the longest here")
    for look in days[-1].looks:
        asked = configuration.use_cases[look.use_case].baseline_days
        cases = f"{look.cases * asked / past:,.0f} cases in the {asked} days that a look asks for"
        short = "" if past >= asked else f"; to time such a look, run with --history {asked}"
        print(f"  {look.use_case}: {cases}{short}")


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours"


def _print(day: Day, fleet: Fleet) -> None:
    used = ", ".join(f"{name} {seconds / day.messages * 1e6:.0f}" for name, seconds in day.cpu.items())
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"{day.day:%A %d %B %Y}: {day.messages} messages in {day.seconds:.1f} s, ", end="")
    print(
        f"{day.messages / day.seconds:.0f} a second; at most {day.lag} published and not stored; load {load}"
    )
    print(f"  CPU microseconds a message: {used}; database {day.growth / day.messages:.0f} bytes a message")
    for look in day.looks:
        print(f"  look {look.use_case}: {look.seconds:.2f} s, {look.cases} cases in the line list")
    for name, pid in fleet.running.items():
        print(f"  memory of {name}: {resident_mb(pid):.0f} MB now, {peak_mb(pid):.0f} MB at most", flush=True)


def _size(fleet: Fleet) -> int:
    with fleet.store.reading() as tx:
        return int(tx.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


if __name__ == "__main__":
    main()
