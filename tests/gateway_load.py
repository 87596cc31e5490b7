"""A steady stream of requests to a real gateway, and what became of each record in the database."""

import http.client
import json
import os
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import select

from small_house import incident, write_house
from surveillance.access.person import Grant
from surveillance.cli.stack import Stack
from surveillance.store.tables import records

THREADS = 32
LATEST_SECONDS = 180.0  # a busy machine starts slowly
_TIMES = {
    "occurred_from": "2024-03-01T06:00:00Z",
    "occurred_to": "2024-03-01T07:00:00Z",
    "reported_at": "2024-03-01T09:00:00Z",
}


@dataclass
class Load:
    """What was asked, what was answered, and what the database holds. Seconds run from when each was due."""

    accepted: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    took_seconds: float = 0.0
    stored: frozenset[str] = frozenset()
    cpu_seconds: float = 0.0

    @property
    def lost(self) -> frozenset[str]:
        """Records that were accepted and are not in the database."""
        return frozenset(self.accepted) - self.stored


def hold(directory: Path, rate: float, seconds: float) -> Load:
    """Sends `rate` records a second for so long, one a request; waits until the database has all it took."""
    load, lock = Load(), threading.Lock()
    with Stack(directory / "stack", write_house(directory / "house"), keep=False) as stack:
        token = _token(stack)
        stack.start("worker", "web")
        _wait_for(stack)
        web = stack._processes["web"].pid
        cpu, began = _cpu_seconds(web), time.monotonic()

        def send(thread: int) -> None:
            address = urlsplit(stack.settings.web_url)
            connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=30)
            for number in range(thread, int(rate * seconds), THREADS):
                due = began + number / rate
                time.sleep(max(0.0, due - time.monotonic()))
                status = _post(connection, token, f"r-{number}")
                with lock:
                    load.seconds.append(time.monotonic() - due)
                    load.statuses[status] += 1
                    load.accepted += [f"r-{number}"] if status in (200, 202) else []

        threads = [threading.Thread(target=send, args=(n,)) for n in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        load.took_seconds = time.monotonic() - began
        load.cpu_seconds = _cpu_seconds(web) - cpu
        load.stored = _stored(stack, len(load.accepted))
    return load


def _post(connection: http.client.HTTPConnection, token: str, record: str) -> int:
    body = json.dumps(incident(record, **_TIMES))
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    connection.request("POST", "/api/partners/alpha/incidents", body, headers)
    answer = connection.getresponse()
    answer.read()
    return answer.status


def _token(stack: Stack) -> str:
    stack.register.add("alpha-program", [Grant.parse("partner:*:*:alpha")], "test", "correct horse battery")
    return stack.register.make_token("alpha-program", "to hand in", "test")


def _wait_for(stack: Stack) -> None:
    address = urlsplit(stack.settings.web_url)
    deadline = time.monotonic() + LATEST_SECONDS
    while time.monotonic() < deadline:
        stack.check()
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=5)
        try:
            connection.request("GET", "/health/live")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError("the gateway did not start")


def _stored(stack: Stack, expected: int) -> frozenset[str]:
    """The records in the database, once there are as many as expected, or after a while."""
    deadline = time.monotonic() + LATEST_SECONDS
    while True:
        with stack.store.reading() as tx:
            found = frozenset(tx.scalars(select(records.c.record_id)))
        if len(found) >= expected or time.monotonic() > deadline:
            return found
        time.sleep(0.5)


def _cpu_seconds(process: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
