"""What changes is told at once to all who may know it: one look for all, nothing missed, a clean end."""

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from invented import DESK, NOW, InventedSource, one_alert, opened

from served import served
from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.accounts import Register
from surveillance.alerting.alert import Alert, AlertChange, Change
from surveillance.store import alerts
from surveillance.store.database import Store
from surveillance.store.queue import Revision
from surveillance.web.app import make_web
from surveillance.web.house import OpenDoor
from surveillance.web.live import Changed, Watcher

KEY = "a key for tests only, long enough for them"


class Looks:
    """Stands for the database: what it holds, and how often it was asked."""

    def __init__(self) -> None:
        self.held: dict[str, Revision] = {}
        self.asked = 0
        self.away = False

    def __call__(self, known: Mapping[str, int]) -> Mapping[str, Revision]:
        self.asked += 1
        if self.away:
            raise ConnectionError
        return {one: now for one, now in self.held.items() if known.get(one) != now.revision}


async def first(changes: AsyncIterator[Changed | None]) -> Changed | None:
    async with aclosing(changes) as listening:  # type: ignore[type-var]
        return await anext(listening)  # type: ignore[arg-type]


def test_a_hundred_who_listen_cost_one_look_at_a_time_and_all_of_them_hear_it() -> None:
    looks = Looks()
    looks.held["old"] = Revision(4, "u", "s")

    async def listen() -> list[Changed | None]:
        watcher = Watcher(looks, every_seconds=0.05)
        heard = [asyncio.create_task(first(watcher.changes())) for _ in range(100)]
        await asyncio.sleep(0.3)
        assert looks.asked <= 8
        looks.held["new"] = Revision(1, "u", "s")
        return await asyncio.wait_for(asyncio.gather(*heard), 5)

    assert asyncio.run(listen()) == [("new", Revision(1, "u", "s"))] * 100


def test_nobody_looks_while_nobody_listens() -> None:
    looks = Looks()

    async def listen() -> int:
        watcher = Watcher(looks, every_seconds=0.01)
        task = asyncio.create_task(first(watcher.changes()))
        while looks.asked <= 2:
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.sleep(0.05)
        asked = looks.asked
        await asyncio.sleep(0.1)
        return looks.asked - asked

    assert asyncio.run(asyncio.wait_for(listen(), 30)) == 0


def test_what_changes_while_the_database_is_away_is_told_when_it_is_back() -> None:
    looks = Looks()

    async def listen() -> Changed | None:
        watcher = Watcher(looks, every_seconds=0.01)
        heard = asyncio.create_task(first(watcher.changes()))
        await asyncio.sleep(0.05)
        looks.away, looks.held["meanwhile"] = True, Revision(2, "u", "s")
        await asyncio.sleep(0.1)
        looks.away = False
        return await asyncio.wait_for(heard, 5)

    assert asyncio.run(listen()) == ("meanwhile", Revision(2, "u", "s"))


def test_a_stream_ends_after_a_while_so_that_who_listens_is_asked_again() -> None:
    async def listen() -> list[Changed | None]:
        watcher = Watcher(Looks(), every_seconds=0.01)
        return [changed async for changed in watcher.changes(stream_seconds=0.1)]

    assert asyncio.run(asyncio.wait_for(listen(), 5)) == []


def test_a_change_is_told_whether_it_comes_before_or_after_the_first_look() -> None:
    looks = Looks()
    looks.held["old"] = Revision(1, "u", "s")
    shown = dict(looks.held)

    async def listen(watcher: Watcher) -> Changed | None:
        return await asyncio.wait_for(first(watcher.changes(lambda: looks.held != shown)), 5)

    async def both() -> tuple[Changed | None, Changed | None]:
        watcher = Watcher(looks, every_seconds=0.05)
        late = asyncio.create_task(listen(watcher))
        while not looks.asked:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        looks.held["new"] = Revision(1, "u", "s")
        return await late, await listen(Watcher(looks, every_seconds=60))

    assert asyncio.run(both()) == (("new", Revision(1, "u", "s")), None)


def test_who_cannot_be_told_whether_something_was_missed_reads_again() -> None:
    def away() -> bool:
        raise ConnectionError

    async def listen() -> Changed | None:
        return await asyncio.wait_for(first(Watcher(Looks(), every_seconds=60).changes(away)), 5)

    assert asyncio.run(listen()) is None


@contextmanager
def listening(source: InventedSource, *grants: Grant) -> Iterator[Iterator[str]]:
    """The lines of a stream that a person listens to, from its beginning."""
    app = make_web(source, DESK, now=lambda: NOW, door=OpenDoor(Person("lead-9", grants)))  # type: ignore[arg-type]
    with served(app) as address, httpx.stream("GET", f"{address}/events", timeout=10) as stream:
        assert stream.headers["Content-Type"].startswith("text/event-stream")
        assert stream.headers["Cache-Control"] == "no-store"
        lines = stream.iter_lines()
        assert next(lines) == ": listening"
        time.sleep(1.5)  # the watcher knows by now what there was
        yield lines


def told(lines: Iterator[str]) -> dict[str, object]:
    return json.loads(next(line for line in lines if line.startswith("data: ")).removeprefix("data: "))


def strengthened(alert: Alert) -> AlertChange:
    grown = replace(alert, revision=alert.revision + 1)
    return AlertChange(Change.STRENGTHENED, grown, NOW, "service", "records that joined: 1", True)


def test_a_change_is_told_by_its_id_and_revision_and_nothing_else() -> None:
    source = one_alert()
    with listening(source, Grant(Role.LEAD)) as lines:
        with source.stored.store.transaction() as tx:
            alerts.save(tx, [strengthened(source.changes[0].alert)])
        assert told(lines) == {"id": "alert-1", "revision": 2}


def test_a_change_out_of_reach_is_not_told() -> None:
    source = one_alert()
    (change,) = source.changes
    theirs = replace(change.alert, id="theirs", scope="new-york")
    with listening(source, Grant(Role.ANALYST, scopes=frozenset({"new-york"}))) as lines:
        with source.stored.store.transaction() as tx:
            alerts.save(tx, [strengthened(change.alert)])
        time.sleep(1.2)
        with source.stored.store.transaction() as tx:
            alerts.save(tx, [opened(theirs)])
        assert told(lines) == {"id": "theirs", "revision": 1}


def page_and_stream(source: InventedSource, grants: Grant, between: AlertChange) -> str:
    """The first words of the stream of a queue, where an alert is stored between the two."""
    app = make_web(source, DESK, now=lambda: NOW, door=OpenDoor(Person("lead-9", (grants,))))  # type: ignore[arg-type]
    with served(app) as address:
        stream_of = re.search(r'sse-connect="([^"]+)"', httpx.get(address).text)
        assert stream_of is not None
        with source.stored.store.transaction() as tx:
            alerts.save(tx, [between])
        with httpx.stream("GET", f"{address}{stream_of[1]}", timeout=3) as stream:
            assert stream.status_code == 200
            try:
                return next(line for line in stream.iter_lines() if line.startswith("event: "))
            except httpx.ReadTimeout:
                return "nothing"


def test_an_alert_stored_after_the_page_and_before_its_stream_is_told() -> None:
    source = one_alert()
    change = strengthened(source.changes[0].alert)
    assert page_and_stream(source, Grant(Role.LEAD), change) == "event: missed"


def test_that_something_changed_out_of_reach_is_not_told_either() -> None:
    source = one_alert()
    change = strengthened(source.changes[0].alert)
    theirs = Grant(Role.ANALYST, scopes=frozenset({"new-york"}))
    assert page_and_stream(source, theirs, change) == "nothing"


@pytest.mark.slow
def test_the_pages_end_at_once_although_somebody_listens(tmp_path: Path) -> None:
    store = Store.open(f"sqlite:///{tmp_path}/pages.db")
    store.upgrade()
    password = Register(store, KEY.encode(), lambda: datetime.now(UTC)).add(
        "lead", [Grant(Role.LEAD)], "test"
    )
    store.close()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {
        "SURVEILLANCE_DATABASE_URL": f"sqlite:///{tmp_path}/pages.db",
        "SURVEILLANCE_AUDIT_KEY": KEY,
        "SURVEILLANCE_DEAD_LETTER_KEY": KEY,
        "SURVEILLANCE_WEB_PORT": str(port),
        "SURVEILLANCE_WEB_METRICS_PORT": "0",
        "SURVEILLANCE_WEB_URL": f"http://127.0.0.1:{port}",
    }
    process = subprocess.Popen([sys.executable, "-m", "surveillance", "web"], env=os.environ | settings)
    try:
        asking = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        with asking, _signed_in(asking, "lead", password, process).stream("GET", "/events") as stream:
            next(stream.iter_lines())
            asked_to_end = time.monotonic()
            process.send_signal(signal.SIGTERM)
            process.wait(10)
            assert time.monotonic() - asked_to_end < 5
    finally:
        process.kill()


def _signed_in(
    asking: httpx.Client, name: str, password: str, process: "subprocess.Popen[bytes]"
) -> httpx.Client:
    deadline = time.monotonic() + 180
    while True:
        try:
            page = asking.get("/sign-in").text
        except httpx.ConnectError:
            assert process.poll() is None, "the pages did not start"
            assert time.monotonic() < deadline, "the pages did not start within 3 minutes"
            time.sleep(0.2)
        else:
            token = re.search(r'name="csrf" value="([^"]*)"', page)
            assert token is not None
            form = {"name": name, "password": password, "csrf": token[1], "next": "/"}
            answer = asking.post("/sign-in", data=form, headers={"origin": str(asking.base_url).rstrip("/")})
            assert answer.status_code == 303
            return asking
