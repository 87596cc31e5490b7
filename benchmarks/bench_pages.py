"""How long the leads' pages take, with 5,000 alerts and 200,000 cases behind them.

    python -m benchmarks.bench_pages [--alerts 5000] [--cases 200000] [--requests 40]

A real server on loopback over an SQLite file, the shipped configuration, invented cases. Beside each page's
times stands what a fixed piece of work took between the requests: how noisy the machine is.
"""

import argparse
import gc
import random
import shutil
import socket
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp

import httpx
import uvicorn

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.configuration import Configuration, load_configuration
from surveillance.deciding import Desk
from surveillance.detection.cluster import Cluster
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import alerts, line_list
from surveillance.store.database import Store
from surveillance.store.tables import record_versions, records
from surveillance.web.app import make_web
from surveillance.web.reading import Reading

NOW = datetime.now(UTC)
TODAY = NOW.date()
USE_CASE, SCOPE = "suspected-suicide", "cheshire-merseyside"
LIMIT_MS = 300.0
STATES = [*[State.OPEN] * 2, State.CANDIDATE, State.ACKNOWLEDGED, State.ASSESSING, State.RESPONDING]
FINISHED = [State.CLOSED, State.NOT_A_CLUSTER, State.MERGED]


def main() -> None:
    """Fill a database, ask for every page, print one row each."""
    options = _options()
    folder = Path(options.keep or mkdtemp())
    started = time.perf_counter()
    configuration = load_configuration(Path("config"))
    is_filled = (folder / "pages.db").exists()
    store = Store.open(f"sqlite:///{folder}/pages.db")
    if not is_filled:
        store.upgrade()
        rng = random.Random(1)
        cases = _fill_cases(store, configuration, options.cases, rng)
        _fill_alerts(store, cases, options.alerts, rng)
    taken = time.perf_counter() - started
    print(f"{options.alerts:,} alerts, {options.cases:,} cases, ready after {taken:.0f} s", flush=True)
    _keep_what_is_loaded()
    with _served(configuration, store) as address, httpx.Client(base_url=address, timeout=60) as client:
        _print_pages(client, options.requests)
    store.close()
    if not options.keep:
        shutil.rmtree(folder)


def _keep_what_is_loaded() -> None:
    """As the command that serves the pages does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--alerts", type=int, default=5_000)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=40, help="for each page")
    parser.add_argument("--keep", help="a folder that keeps the database for another time")
    return parser.parse_args()


def _print_pages(client: httpx.Client, requests: int) -> None:
    small, large = "alert-0", "alert-1"
    pages = {
        "queue, first page": "/",
        "queue, mine": "/?view=mine",
        "queue, overdue": "/?view=overdue",
        "queue, finished, page 60": "/?view=finished&page=60",
        "queue, filtered": f"/?use_case={USE_CASE}&severity=severe&state=open",
        "alert, 8 members": f"/alerts/{small}",
        "alert, 80 members in 300 areas": f"/alerts/{large}",
        "revision": f"/alerts/{large}/revisions/1",
        "areas as GeoJSON": f"/api/scopes/{SCOPE}/areas.geojson",
    }
    print("page                                 p50 ms   p95 ms   worst   fixed work p50   p95 ms")
    for title, path in pages.items():
        taken, noise = _ask(client, path, requests)
        late = "  over the limit" if _p95(taken) > LIMIT_MS else ""
        print(
            f"{title:35} {statistics.median(taken):8.0f} {_p95(taken):8.0f} {max(taken):7.0f} "
            f"{statistics.median(noise):16.1f} {_p95(noise):8.1f}{late}",
            flush=True,
        )


def _ask(client: httpx.Client, path: str, requests: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each request, and of the fixed work between them."""
    client.get(path).raise_for_status()
    taken, noise = [], []
    for _ in range(requests):
        started = time.perf_counter()
        client.get(path).raise_for_status()
        taken.append(1000 * (time.perf_counter() - started))
        started = time.perf_counter()
        sum(i * i for i in range(100_000))
        noise.append(1000 * (time.perf_counter() - started))
    return taken, noise


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _fill_cases(store: Store, configuration: Configuration, count: int, rng: random.Random) -> list[Case]:
    """Cases of the last three years in every area; one person in twenty was reported twice."""
    codes = configuration.regions[SCOPE].read.codes
    places = [place.name for place in configuration.use_cases[USE_CASE].places]
    cases: list[Case] = []
    while len(cases) < count:
        number = len(cases)
        day = TODAY - timedelta(days=rng.randrange(3 * 365))
        received = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=rng.uniform(1, 9))
        person = number - 1 if number and rng.random() < 0.05 else number
        key = RecordKey(rng.choice(("police", "coroner")), "incident", f"r{number}")
        cases.append(
            Case(
                key, 1, USE_CASE, places[0], rng.choice(codes), day, min(received, NOW),
                person_keys=(f"invented:{person}",), age=rng.randrange(12, 90), sex="female",
                tokens=(f"link:{key}",),
            )
        )  # fmt: skip
    for start in range(0, count, 20_000):
        _store_cases(store, cases[start : start + 20_000], start)
    return cases


def _store_cases(store: Store, cases: Sequence[Case], first: int) -> None:
    numbered = list(enumerate(cases, first + 1))
    with store.transaction() as tx:
        tx.execute(records.insert(), [{"record": n, **c.key._asdict()} for n, c in numbered])
        tx.execute(
            record_versions.insert(),
            [
                {
                    "record": n,
                    "version": 1,
                    "content_hash": str(n),
                    "received_at": c.received_at,
                    "content": {},
                }
                for n, c in numbered
            ],
        )
        rows = [line_list.ListedRow(c, c.received_at, None) for c in cases]
        line_list.replace_rows(tx, [c.key for c in cases], rows)


def _fill_alerts(store: Store, cases: Sequence[Case], count: int, rng: random.Random) -> None:
    """Half of them are finished. The first has 8 members; the second, 80 in 300 areas, and 30 revisions."""
    recent = sorted((c for c in cases if (TODAY - c.day).days < 30), key=lambda c: c.key)
    made: list[Alert] = []
    with store.transaction() as tx:
        for number in range(count):
            members = rng.sample(recent, 80 if number == 1 else 8)
            made.append(
                _alert(number, members, [c.area for c in rng.sample(recent, 300 if number == 1 else 20)], rng)
            )
            alerts.save(
                tx, [AlertChange(Change.OPENED, made[-1], made[-1].opened_at, "service", "8 records", True)]
            )
        for revision in range(2, 31):
            grown = _revised(made[1], revision)
            alerts.save(tx, [AlertChange(Change.STRENGTHENED, grown, NOW, "service", "records: 1", True)])


def _alert(number: int, members: Sequence[Case], areas: Sequence[str], rng: random.Random) -> Alert:
    within = tuple(dict.fromkeys([*(c.area for c in members), *areas]))
    days: list[date] = [c.day for c in members]
    finished = number > 1 and rng.random() < 0.5
    opened = NOW - timedelta(hours=rng.uniform(1, 9_000 if finished else 100))
    cluster = Cluster(
        "permutation-scan", "1", "residence", tuple(sorted(c.id for c in members)), within, within[0], 4.0,
        min(days), max(days), len(members), len(members) / 3, 3.0, 9.0, 0.002, 400.0,
        {"replicates": 999, "max_radius_km": 20}, "cases in these areas over the past year",
    )  # fmt: skip
    return Alert(
        id=f"alert-{number}", revision=1, use_case=USE_CASE, scope=SCOPE,
        state=rng.choice(FINISHED if finished else STATES),
        severity=rng.choice(("severe", "raised", "watch")),
        members=tuple(sorted(c.member for c in members)), areas=within, start=min(days), end=max(days),
        clusters=(cluster, cluster), alive=not finished, as_of=TODAY, opened_at=opened, changed_at=opened,
        acknowledge_due=opened + timedelta(hours=4), assess_due=opened + timedelta(hours=24),
        owner=rng.choice((None, "local", "lead-2")),
    )  # fmt: skip


def _revised(alert: Alert, revision: int) -> Alert:
    values = {name: getattr(alert, name) for name in Alert.__slots__}
    return Alert(**values | {"revision": revision, "changed_at": NOW})


@contextmanager
def _served(configuration: Configuration, store: Store) -> Iterator[str]:
    app = make_web(
        Reading(configuration, store), Desk(configuration, store), audit_key=b"for benchmarks only"
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        while not server.started:
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


if __name__ == "__main__":
    main()
