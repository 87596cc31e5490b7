"""One schedule's service: its own database and topics, its workers and gateway, its disk and clock."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Self

from accounts import ask_for_final_evaluations, messages_of, nothing_to_deliver
from fleet import SCOPE, Fleet
from sqlalchemy import func, select

from chaos import ROOT, clock
from chaos.disk import SmallDisk
from chaos.schedule import MOST_WORKERS, Schedule
from chaos.servers import Servers
from surveillance.accounts import Register
from surveillance.cli.operate import topic_specs
from surveillance.events.topics import ALERTS_TOPIC
from surveillance.kafka.admin import delete_topics
from surveillance.kafka.ports import free_port
from surveillance.service import build_service, utc_now
from surveillance.settings import Settings
from surveillance.store import tables
from surveillance.store.database import Store
from surveillance.submitting.spool import Spool

AUDIT_KEY = "a key of the audit chain that only this test knows"
DEAD_LETTER_KEY = "a key of dead letters that only this test knows"
PARTNERS = ("example-police", "example-coroner", "example-emergency-department")
USE_CASES = ("suspected-suicide", "self-harm-admissions")
HANDLED_SECONDS, EVALUATED_SECONDS, TOLD_SECONDS = 240.0, 240.0, 10.0
GATEWAY = "gateway"
LATER = timedelta(hours=2)  # beyond every lease and retry of the outbox, of a clock that was ahead as well


def write_config(directory: Path) -> Path:
    """The shipped configuration as far as schedules need it: fewer topics and looks, the rest as it is."""
    shutil.copytree(ROOT / "config", directory)
    for folder, kept in (("partners", PARTNERS), ("use_cases", USE_CASES)):
        for path in (directory / folder).glob("*.yaml"):
            if path.stem not in kept:
                path.unlink()
    return directory


@dataclass
class House:
    """The service while a schedule runs. Leaves the context with nothing of it left on the servers."""

    schedule: Schedule
    servers: Servers
    directory: Path
    config_dir: Path
    _stack: ExitStack = field(default_factory=ExitStack)
    _busy: set[str] = field(default_factory=set)
    _picking: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self.servers.mend()
        with self._stack:
            self.name = f"s{self.schedule.seed}_{self.schedule.number}_{int(time.time())}"
            self.clock_file = self.directory / "clock"
            clock.set_offset(self.clock_file, 0.0)
            self.disk = self._stack.enter_context(SmallDisk(self.directory / "disk", self._writers))
            self.spool = self._stack.enter_context(SmallDisk(self.directory / "spool-disk", self._gateways))
            self.fleet = self._stack.enter_context(self._make_fleet())
            self._stack.callback(delete_topics, self.fleet.brokers, self._topics())
            # What acts on it meets the same faults as the workers.
            self.faulty_store = Store.open(self.fleet.worker_url)
            self._stack.callback(self.faulty_store.close)
            self._stack.callback(self.servers.mend)
            self._kept = self._stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._kept.close()

    def _make_fleet(self) -> Fleet:
        url, over_line = self._databases()
        self.web_port = free_port()
        options = {
            "config_dir": self.config_dir,
            "brokers": self.servers.kafka.line.address,
            "partitions": MOST_WORKERS,
            "dead_letter_key": DEAD_LETTER_KEY,
            "audit_key": AUDIT_KEY,
            "repair_after_seconds": 2,
            "evaluation_lease_seconds": 10,
            "spool_dir": self.spool.directory / "spool",
            "web_port": self.web_port,
            "web_url": f"http://127.0.0.1:{self.web_port}",
        }
        return Fleet(
            self.directory,
            self.servers.kafka.address,
            url,
            f"{self.name}.",
            over_line,
            options,
            {clock.VARIABLE: str(self.clock_file)},
        )

    def _databases(self) -> tuple[str, str]:
        """The URL past all faults, and the one that the service has."""
        if self.schedule.database == "sqlite":
            copy = self.disk.directory / "surveillance.db"
            shutil.copyfile(self.servers.sqlite_template, copy)
            return f"sqlite:///{copy}", f"sqlite:///{copy}"
        url = self.servers.postgresql.make_database(self.name)
        self._stack.callback(self.servers.postgresql.drop_database, self.name)
        return url, self.servers.postgresql.over_line(self.name)

    def _topics(self) -> list[str]:
        return [spec.name for spec in topic_specs(self.fleet.configuration, self.fleet.settings)]

    @property
    def seconds(self) -> float:
        """Since it was entered."""
        return round(time.monotonic() - self._began, 1)

    @property
    def register(self) -> Register:
        """The accounts, past all faults."""
        return Register(self.fleet.store, AUDIT_KEY.encode(), utc_now)

    # --- processes

    def start(self, name: str) -> None:
        """Starts a worker, or the gateway."""
        if name == GATEWAY:
            self.fleet.start(name, "web")
        else:
            self.fleet.start(name, module="chaos.clock" if self.schedule.jumping else "surveillance")

    def workers(self) -> list[str]:
        """The names of the workers that run."""
        return sorted(name for name in self.fleet.running if name != GATEWAY)

    @contextmanager
    def one_worker(self, which: int) -> Iterator[str | None]:
        """A worker to which nothing else happens meanwhile; None where there is no such."""
        with self._picking:
            free = [name for name in self.workers() if name not in self._busy]
            name = free[which % len(free)] if free else None
            self._busy |= {name} if name else set()
        try:
            yield name
        finally:
            with self._picking:
                self._busy.discard(name or "")

    def join(self) -> None:
        """One worker more, up to the most."""
        with self._picking:
            running = self.workers()
            spare = [
                f"w{n}" for n in range(MOST_WORKERS) if f"w{n}" not in running and f"w{n}" not in self._busy
            ]
            if len(running) < MOST_WORKERS and spare:
                self.start(spare[0])

    def leave(self, name: str) -> None:
        """SIGTERM. What had not yet begun dies of it, everything else ends by itself."""
        self.fleet.end(name, (0,) if self.fleet.has_begun(name) else (0, -signal.SIGTERM))

    def signal(self, name: str, number: signal.Signals) -> None:
        """Sends a worker a signal."""
        os.kill(self.fleet.running[name], number)

    def _writers(self) -> list[int]:
        return list(self.fleet.running.values())

    def _gateways(self) -> list[int]:
        return [process for name, process in self.fleet.running.items() if name == GATEWAY]

    # --- afterwards

    def settle(self) -> date:
        """Waits until everything is handled and looked at once more; returns the day of that look."""
        if not self.workers():
            self.start("w0")
        if GATEWAY in self.fleet.running:
            what = "the gateway has published what it took"
            self.fleet.wait_until(lambda: not self._held_by_gateway(), HANDLED_SECONDS, what)
        self.fleet.wait_until(self.fleet.all_handled, HANDLED_SECONDS, "every offset is in the ledger")
        as_of = self._last_day()
        ask_for_final_evaluations(self.fleet.store, self.fleet.configuration, as_of)
        self.fleet.wait_until(self.fleet.nothing_pending, EVALUATED_SECONDS, "every evaluation is done")
        return as_of

    def _held_by_gateway(self) -> list[str]:
        return Spool(self.spool.directory / "spool", 0).waiting()

    def _last_day(self) -> date:
        """Today, or the day of a look that a clock which was ahead brought about."""
        today = datetime.now(self.fleet.configuration.regions[SCOPE].zone).date()
        with self.fleet.store.reading() as tx:
            looked: date | None = tx.scalar(select(func.max(tables.evaluations.c.as_of)))
        return max(today, looked or today)

    def send_the_rest(self) -> int:
        """Ends the workers. A notice that a killed one was sending is owed until its lease ends: sends these
        as if that time had passed. Returns how many there were."""
        deadline = time.monotonic() + TOLD_SECONDS
        while not nothing_to_deliver(self.fleet.store) and time.monotonic() < deadline:
            time.sleep(0.2)
        with ThreadPoolExecutor() as pool:
            list(pool.map(self.leave, self.fleet.running))
        late = 0
        if not nothing_to_deliver(self.fleet.store):
            settings = self.fleet.settings
            chosen = {"brokers": self.fleet.brokers, "database_url": self.fleet.database_url}
            service = build_service(Settings(**{**settings.model_dump(), **chosen}), self.fleet.configuration)
            service.clock = lambda: utc_now() + LATER
            while service.deliver_due():
                late += 1
            service.close()
        return late

    def told(self) -> list[tuple[str, int]]:
        """Alert and revision of each message of the alerts topic, each alert's in order."""
        found = [
            json.loads(m.value or b"{}") for m in messages_of(self.fleet, [f"{self.name}.{ALERTS_TOPIC}"])
        ]
        return [(notice["id"], notice["revision"]) for notice in found]
