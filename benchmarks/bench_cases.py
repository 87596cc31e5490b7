"""The line list of 200,000 cases: how long its pages take, from the request to the last byte.

Cheshire and Merseyside (1,562 areas), counted at two places, five years, 5,000 alerts; nobody in it exists.
Each question is asked many times through the whole application, the entry in the audit chain included.
"""

import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]

from surveillance.alerting.alert import Alert, AlertChange, Change, State  # noqa: E402
from surveillance.configuration import Configuration, load_configuration  # noqa: E402
from surveillance.deciding import Desk  # noqa: E402
from surveillance.events.canonical import canonical_hash  # noqa: E402
from surveillance.line_list.record import Case, Exclusion, RecordKey, RecordVersion  # noqa: E402
from surveillance.store import alerts, line_list  # noqa: E402
from surveillance.store.database import Store  # noqa: E402
from surveillance.store.line_list import ListedRow  # noqa: E402
from surveillance.web.app import make_web  # noqa: E402
from surveillance.web.reading import Reading  # noqa: E402

CASES, ALERTS, YEARS = 200_000, 5_000, 5
USE_CASE, SCOPE = "suspected-suicide", "cheshire-merseyside"
TODAY = date(2025, 11, 22)
NOW = datetime(2025, 11, 22, 14, tzinfo=UTC)
TIMES = 40
AREA = "E01006706"
QUESTIONS = {
    "newest first": "",
    "oldest first": "sort=day",
    "last received first": "sort=-received",
    "one authority": "area=E08000012",
    "one small area": f"area={AREA}",
    "ages 15 to 24, women": "ages=15-24&sex=female",
    "one partner, one month": "partner=example-coroner&first=2024-03-01&last=2024-03-31",
    "in an alert": "in_alert=yes",
    "in no alert": "in_alert=no",
    "withdrawn": "reason=withdrawn",
    "by place of incident": "place=incident",
    "nothing meets it": "ages=0-14&sex=other&in_alert=yes&partner=example-ambulance",
}


def main() -> None:
    configuration = load_configuration(ROOT / "config")
    with tempfile.TemporaryDirectory() as directory:
        store = Store.open(f"sqlite:///{directory}/cases.db")
        store.upgrade()
        began = time.perf_counter()
        fill(store, configuration)
        print(
            f"{CASES:,} cases and {ALERTS:,} alerts stored in {time.perf_counter() - began:.0f} s", flush=True
        )
        app = make_web(
            Reading(configuration, store), Desk(configuration, store), now=lambda: NOW, audit_key=b"k" * 32
        )
        asyncio.run(ask_all(app))
        store.close()


async def ask_all(app: object) -> None:
    """Prints per question the 50th and 95th percentile of its times, in milliseconds."""
    print(f"{'page':28}{'p50':>8}{'p95':>8}  ms")
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
        for form in ("/cases", "/api/cases"):
            for what, query in QUESTIONS.items():
                url = f"{form}?use_case={USE_CASE}&{query}"
                times = [await clocked(client, url) for _ in range(TIMES)]
                p50, p95 = np.percentile(times, [50, 95])
                print(f"{what + (', JSON' if 'api' in form else ''):28}{p50:8.0f}{p95:8.0f}", flush=True)


async def clocked(client: httpx.AsyncClient, url: str) -> float:
    began = time.perf_counter()
    found = await client.get(url)
    assert found.status_code == 200, found.text
    return (time.perf_counter() - began) * 1000


def fill(store: Store, configuration: Configuration) -> None:
    rng = random.Random(7)
    codes = configuration.regions[SCOPE].inside.codes
    rest = records(rng, codes)
    keys: list[RecordKey] = []
    while some := list(islice(rest, 5_000)):
        keys += [version.key for version, _ in some]
        with store.transaction() as tx:
            line_list.lock(tx, [version.key for version, _ in some])
            line_list.save_versions(tx, [version for version, _ in some])
            line_list.replace_rows(tx, [v.key for v, _ in some], [row for _, rows in some for row in rows])
    changes = [opened(f"alert-{i}", rng.sample(keys, rng.randint(3, 12)), codes) for i in range(ALERTS)]
    with store.transaction() as tx:
        alerts.save(tx, changes)


def records(rng: random.Random, codes: tuple[str, ...]) -> Iterator[tuple[RecordVersion, list[ListedRow]]]:
    """Records with what is known of each at two places; one in twenty was withdrawn."""
    partners = ("example-police", "example-coroner")
    for i in range(CASES + CASES // 20):
        key = RecordKey(rng.choice(partners), "incident", f"r-{i:07}")
        day = TODAY - timedelta(days=rng.randrange(365 * YEARS))
        received = datetime(day.year, day.month, day.day, 9, tzinfo=UTC) + timedelta(days=rng.randrange(1, 9))
        content = {"status": "suspected", "occurred_from": f"{day}T01:00:00Z", "age": rng.randrange(95)}
        version = RecordVersion(key, 1, canonical_hash(content | {"i": i}), received, content)
        at = [
            Case(key, 1, USE_CASE, place, rng.choice(codes), day, received, (), content["age"],  # type: ignore[arg-type]
                 rng.choice(("female", "male")), (f"school:s-{i % 900}",) if i % 9 == 0 else ())
            for place in ("residence", "incident")
        ]  # fmt: skip
        ended = received + timedelta(days=2) if i >= CASES else None
        rows = [ListedRow(case, received, ended) for case in at]
        gone = [Exclusion(key, 1, USE_CASE, case.place, "withdrawn") for case in at]
        yield version, [*rows, *(ListedRow(one, ended, None) for one in gone if ended)]


def opened(name: str, members: list[RecordKey], codes: tuple[str, ...]) -> AlertChange:
    alert = Alert(
        id=name, revision=1, use_case=USE_CASE, scope=SCOPE, state=State.OPEN, severity="watch",
        members=tuple(sorted(f"{key}@1" for key in members)), areas=codes[:3],
        start=TODAY - timedelta(days=20), end=TODAY, clusters=(), alive=True, as_of=TODAY,
        opened_at=NOW, changed_at=NOW,
    )  # fmt: skip
    return AlertChange(Change.OPENED, alert, NOW, "service", "a cluster", True)


if __name__ == "__main__":
    sys.exit(main())
