"""How long an overview of 200,000 cases takes: pages of every level, live and as published.

Pages are asked in this process, without a network: p95 of 40 requests of each kind; a report arrives before
every tenth of them.
"""

import asyncio
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests")]

from overview_cases import store_cases  # noqa: E402
from surveillance.configuration import load_configuration  # noqa: E402
from surveillance.deciding import Desk  # noqa: E402
from surveillance.releasing import release_history  # noqa: E402
from surveillance.store.database import Store  # noqa: E402
from surveillance.web.app import make_web  # noqa: E402
from surveillance.web.reading import Reading  # noqa: E402

NOW, TODAY = datetime(2026, 3, 10, 14, 5, tzinfo=UTC), date(2026, 3, 10)
USE_CASE, KEY = "self-harm-admissions", b"a key of thirty-two bytes or more"
CASES, REQUESTS, LIMIT_MS = 200_000, 40, 300
KINDS = {
    "live, local authorities": "level=lad",
    "live, neighbourhoods": "level=msoa",
    "live, 1,562 smallest areas": "level=area",
    "as published, neighbourhoods": "numbers=published&level=msoa&first=2024-01-01&last=2025-12-31",
}


def main() -> None:
    """Prints one line per kind of page."""
    with tempfile.TemporaryDirectory() as folder:
        configuration = load_configuration(ROOT / "config")
        store = Store.open(f"sqlite:///{folder}/bench.db")
        store.upgrade()
        store_cases(store, configuration, USE_CASE, TODAY, days=799, number=int(CASES / 1.2))
        began = time.perf_counter()
        made = release_history(store, configuration, date(2024, 1, 1), NOW, KEY)
        print(f"{made} periods published in {time.perf_counter() - began:.1f} s")
        app = make_web(
            Reading(configuration, store), Desk(configuration, store), now=lambda: NOW, audit_key=KEY
        )
        began = time.perf_counter()
        app.state.warm()
        print(f"every use case counted once in {time.perf_counter() - began:.1f} s (when the pages start)")
        for kind, asked in KINDS.items():
            seconds = asyncio.run(_ask(app, store, configuration, f"/overview?use_case={USE_CASE}&{asked}"))
            p50, p95 = np.quantile(seconds, [0.5, 0.95]) * 1000
            print(f"{kind}: p50 {p50:.0f} ms, p95 {p95:.0f} ms (limit {LIMIT_MS})")
        store.close()


async def _ask(app: object, store: Store, configuration: object, path: str) -> list[float]:
    took = []
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as asking:
        for i in range(REQUESTS + 1):
            if i % 10 == 1:
                store_cases(store, configuration, USE_CASE, TODAY, days=30, number=1, seed=i)  # type: ignore[arg-type]
            began = time.perf_counter()
            response = await asking.get(path)
            took.append(time.perf_counter() - began)
            assert response.status_code == 200
    return took[1:]


if __name__ == "__main__":
    main()
