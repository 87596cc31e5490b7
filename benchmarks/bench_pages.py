"""How long the leads' pages take over 5,000 alerts and 200,000 cases, and their maps in Chromium.

    python -m benchmarks.bench_pages [--alerts 5000] [--cases 200000] [--requests 40] [--keep FOLDER]

A real server on loopback over an SQLite file, the shipped configuration, invented cases. Beside each page's
times stands the processor's time, which does not grow where others use the machine, and what a fixed piece of
work took between the requests: how noisy the machine is.
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
from datetime import timedelta
from pathlib import Path
from tempfile import mkdtemp

import httpx
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, sync_playwright

from benchmarks.filled import NOW, SCOPE, TODAY, USE_CASE, fill_alerts, fill_cases
from surveillance.configuration import load_configuration
from surveillance.deciding import Desk
from surveillance.releasing import release_history
from surveillance.store.database import Store
from surveillance.web.app import make_web
from surveillance.web.reading import Reading

KEY = b"a key of thirty-two bytes or more"
LIMIT_MS, DRAWN_LIMIT_MS = 300.0, 1500.0
SINCE = TODAY - timedelta(days=2 * 365)
CASES, OVERVIEW = f"/cases?use_case={USE_CASE}", f"/overview?use_case={USE_CASE}"
PAGES = {
    "queue, first page": "/",
    "queue, mine": "/?view=mine",
    "queue, overdue": "/?view=overdue",
    "queue, finished, page 60": "/?view=finished&page=60",
    "queue, filtered": f"/?use_case={USE_CASE}&severity=severe&state=open",
    "alert, 8 members": "/alerts/alert-0",
    "alert, 80 members in 300 areas": "/alerts/alert-1",
    "revision": "/alerts/alert-1/revisions/1",
    "line list, newest first": CASES,
    "line list, last received first": f"{CASES}&sort=-received",
    "line list, one authority": f"{CASES}&area=E08000012",
    "line list, ages 15 to 24, women": f"{CASES}&ages=15-24&sex=female",
    "line list, one partner and month": f"{CASES}&partner=example-coroner&first={TODAY - timedelta(days=90)}"
    f"&last={TODAY - timedelta(days=60)}",
    "line list, in no alert": f"{CASES}&in_alert=no",
    "line list, nothing meets it": f"{CASES}&ages=0-14&sex=other&in_alert=yes&partner=example-ambulance",
    "overview, local authorities": f"{OVERVIEW}&level=lad",
    "overview, neighbourhoods": f"{OVERVIEW}&level=msoa",
    "overview, 1,562 smallest areas": f"{OVERVIEW}&level=area",
    "overview, as published": f"{OVERVIEW}&numbers=published&level=msoa&first={SINCE}&last={TODAY}",
    "alerts as JSON": "/api/alerts",
    "alerts as GeoJSON": "/api/alerts.geojson",
    "line list as JSON": f"/api{CASES}",
    "areas as GeoJSON": f"/api/scopes/{SCOPE}/areas.geojson",
}
MAPS = {
    "overview, 1,562 areas": f"{OVERVIEW}&level=area",
    "overview, neighbourhoods": f"{OVERVIEW}&level=msoa",
    "alert, 300 areas": "/alerts/alert-1",
}
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)


def main() -> None:
    """Fill a database, ask for every page, print one row each; then draw every map."""
    options = _options()
    folder = Path(options.keep or mkdtemp())
    app, store = _prepared(folder, options.alerts, options.cases)
    _keep_what_is_loaded()
    with _served(app) as address:
        with httpx.Client(base_url=address, timeout=60) as client:
            _print_pages(client, options.requests)
        _print_maps(address)
    store.close()
    if not options.keep:
        shutil.rmtree(folder)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--alerts", type=int, default=5_000)
    parser.add_argument("--cases", type=int, default=200_000)
    parser.add_argument("--requests", type=int, default=40, help="for each page")
    parser.add_argument("--keep", help="a folder that keeps the database for another time")
    return parser.parse_args()


def _prepared(folder: Path, alerts: int, cases: int) -> tuple[FastAPI, Store]:
    """The pages over a database that is filled where it is not yet."""
    started = time.perf_counter()
    configuration = load_configuration(Path("config"))
    is_filled = (folder / "pages.db").exists()
    store = Store.open(f"sqlite:///{folder}/pages.db")
    if not is_filled:
        store.upgrade()
        rng = random.Random(1)
        fill_alerts(store, fill_cases(store, configuration, cases, rng), alerts, rng)
        release_history(store, configuration, SINCE, NOW, KEY)
    print(f"{alerts:,} alerts, {cases:,} cases: stored in {time.perf_counter() - started:.0f} s", flush=True)
    app = make_web(Reading(configuration, store), Desk(configuration, store), audit_key=KEY)
    started = time.perf_counter()
    app.state.warm()
    print(f"counted once, as when the pages start, in {time.perf_counter() - started:.0f} s", flush=True)
    return app, store


def _keep_what_is_loaded() -> None:
    """As the command that serves the pages does."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def _print_pages(client: httpx.Client, requests: int) -> None:
    print("page                                 p50 ms   p95 ms   worst   CPU p50   fixed work p50   p95 ms")
    for title, path in PAGES.items():
        taken, used, noise = _ask(client, path, requests)
        late = "  over the limit" if _p95(taken) > LIMIT_MS else ""
        print(
            f"{title:35} {statistics.median(taken):8.0f} {_p95(taken):8.0f} {max(taken):7.0f} "
            f"{statistics.median(used):9.0f} {statistics.median(noise):16.1f} {_p95(noise):8.1f}{late}",
            flush=True,
        )


def _ask(client: httpx.Client, path: str, requests: int) -> tuple[list[float], list[float], list[float]]:
    """Milliseconds of each request, of the processor in it, and of the fixed work after it."""
    client.get(path).raise_for_status()
    taken, used, noise = [], [], []
    for _ in range(requests):
        started, cpu = time.perf_counter(), time.process_time()
        client.get(path).raise_for_status()
        taken.append(1000 * (time.perf_counter() - started))
        used.append(1000 * (time.process_time() - cpu))
        started = time.perf_counter()
        sum(i * i for i in range(100_000))
        noise.append(1000 * (time.perf_counter() - started))
    return taken, used, noise


def _p95(values: Sequence[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _print_maps(address: str) -> None:
    """Milliseconds from the click to the map as it stays, without a graphics card."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        print("no Chromium here: no map was drawn")
        return
    print("\nmap in Chromium                      first   later p50    worst  (ms)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        _draw(browser, address + "/alerts/alert-0", 1)  # the browser itself is warm
        for title, page in MAPS.items():
            first, *later = _draw(browser, address + page, 8)
            late = "  over the limit" if statistics.median(later) > DRAWN_LIMIT_MS else ""
            print(
                f"{title:35} {first:7.0f} {statistics.median(later):11.0f} {max(later):8.0f}{late}",
                flush=True,
            )
        browser.close()


def _draw(browser: Browser, address: str, times: int) -> list[float]:
    """The first time with nothing kept, then as one who comes back."""
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    taken = []
    for _ in range(times):
        page = context.new_page()
        page.goto(address)
        drawn = page.wait_for_selector("[data-drawn-ms]", state="attached", timeout=60_000)
        taken.append(float(drawn.get_attribute("data-drawn-ms") or "nan"))
        page.close()
    context.close()
    return taken


@contextmanager
def _served(app: FastAPI) -> Iterator[str]:
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
