"""Real workers as processes, over a line to the database that can be cut: what fault tests are made of."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import make_url

from chaos.line import Line
from postgresql_server import PostgresqlServer
from surveillance.cli.operate import topic_specs
from surveillance.configuration import Configuration, fingerprint, load_configuration
from surveillance.kafka.admin import create_topics
from surveillance.offsets import TopicLogs, count
from surveillance.settings import Settings
from surveillance.store import ledger, pending
from surveillance.store.database import Store
from surveillance.store.ledger import Position

ROOT = Path(__file__).resolve().parents[2]
BYTECODE = ROOT / ".cache" / "bytecode"
SCOPE = "cheshire-merseyside"
STOP_SECONDS = 40.0  # it takes less than ten on a machine that does nothing else
# Whatever a worker logs so is a defect of the service, also where the repair cures what it did.
DEFECTS = ("defect", "batch failed", "message failed", "batch left to the repair", "evaluation failed")


@dataclass
class Fleet:
    """Workers that share one consumer group and one database. Leaves the context with none running.

    database_url: for this process. worker_url: for the workers, where their way is another one.
    """

    directory: Path
    brokers: str
    database_url: str
    prefix: str
    worker_url: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    _running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _log_starts: dict[str, int] = field(default_factory=dict)

    def __enter__(self) -> Self:
        chosen: dict[str, Any] = {
            "config_dir": ROOT / "config",
            "database_url": self.worker_url or self.database_url,
            "brokers": self.brokers,
            "topic_prefix": self.prefix,
            "consumer_group": self.prefix,
            "dead_letter_key": "a key that only this test knows",
            "log_format": "json",
            "metrics_port": 0,
            "web_metrics_port": 0,
            **self.options,
        }
        self._environment = {f"SURVEILLANCE_{name.upper()}": str(value) for name, value in chosen.items()}
        # An installed service has its bytecode beside it; a checkout may not, and would start for seconds.
        self._environment |= {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(BYTECODE)}
        self._environment |= self.environment
        self.settings = Settings(**chosen)
        directory = self.settings.config_dir
        self.configuration = _configuration(directory, fingerprint(directory))
        create_topics(self.brokers, topic_specs(self.configuration, self.settings))
        self.store = Store.open(self.database_url)
        self.store.upgrade()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait()
        self.store.close()

    def start(
        self, name: str, command: str = "worker", module: str = "surveillance", **settings: object
    ) -> None:
        """Starts a worker, or another of the service's processes, or one that was killed again; its log goes
        on. `settings` are its own."""
        with self._log_of(name).open("ab") as output:
            self._log_starts[name] = output.tell()
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", module, command],
                cwd=ROOT,
                env={**os.environ, **self.of_process(**settings)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )

    @property
    def running(self) -> dict[str, int]:
        """The processes that were started and not ended, by name."""
        return {name: process.pid for name, process in self._running.items()}

    def kill(self, name: str) -> None:
        """SIGKILL: the worker has no time for anything."""
        process = self._running.pop(name)
        assert process.poll() is None, f"worker {name} had ended by itself: {self.log_tail(name)}"
        process.kill()
        process.wait()

    def run(self, *command: str, **settings: object) -> None:
        """Runs a command of the service to its end; `settings` are its own."""
        environment = {**os.environ, **self.of_process(**settings)}
        subprocess.run(
            [sys.executable, "-m", "surveillance", *command], cwd=ROOT, env=environment, check=True
        )

    def of_process(self, **settings: object) -> dict[str, str]:
        """The environment of a process with settings of its own; one that is None it does without."""
        own = {f"SURVEILLANCE_{name.upper()}": value for name, value in settings.items()}
        kept = {name: value for name, value in self._environment.items() if name not in own}
        return kept | {name: str(value) for name, value in own.items() if value is not None}

    @property
    def of_workers(self) -> dict[str, str]:
        """The environment that workers are started with, beside that of this process."""
        return dict(self._environment)

    def pid(self, name: str) -> int:
        """The process of a running worker."""
        return self._running[name].pid

    def wait_until_reading(self, name: str, seconds: float = 60.0, every_s: float = 0.25) -> None:
        """Returns once a worker was assigned partitions after its last start."""
        self.wait_until(lambda: self.has_begun(name), seconds, f"worker {name} reads", every_s)

    def has_begun(self, name: str) -> bool:
        """Whether a worker was assigned partitions, or the pages answer, after the last start."""
        said = self._log_of(name).read_bytes()[self._log_starts[name] :]
        return b"partitions assigned" in said or b"Uvicorn running" in said

    def stop(self, name: str) -> None:
        """SIGTERM: the worker ends by itself, with exit code 0."""
        self.end(name, (0,))

    def end(self, name: str, codes: Sequence[int]) -> None:
        """SIGTERM, after which the process ends with one of these exit codes."""
        process = self._running.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            code = process.wait(STOP_SECONDS)
        finally:
            process.kill()
        assert code in codes, f"worker {name} ended with {code}: {self.log_tail(name)}"

    def stop_all(self) -> None:
        for name in list(self._running):
            self.stop(name)

    def check(self) -> None:
        """Fails where a worker has ended by itself."""
        for name, process in self._running.items():
            assert process.poll() is None, f"worker {name} ended by itself: {self.log_tail(name)}"

    def wait_until(self, true: Callable[[], bool], seconds: float, what: str, every_s: float = 0.25) -> None:
        """Returns once it is true; fails after `seconds`, or once a worker ends by itself."""
        deadline = time.monotonic() + seconds
        while not true():
            self.check()
            assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s\n{self.log_tails()}"
            time.sleep(every_s)

    def topics_held(self) -> int:
        """How many messages the partners' topics hold."""
        return sum(offsets.end for offsets in self.logs().ends().values())

    def gaps(self) -> dict[str, int]:
        """Offsets below the end that the ledger lacks, per topic and partition where there are any."""
        ends = self.logs().ends()
        positions = self._positions(ends)
        unhandled = {
            place: count(ledger.gaps(positions[place], offsets.end)) if place in positions else offsets.end
            for place, offsets in ends.items()
        }
        return {f"{place.topic}/{place.partition}": gap for place, gap in unhandled.items() if gap}

    def repaired(self) -> int:
        """How many messages the repair had to fetch."""
        return sum(position.repaired for position in self._positions(self.logs().ends()).values())

    def lost(self) -> int:
        return sum(position.lost for position in self._positions(self.logs().ends()).values())

    def all_handled(self) -> bool:
        return not self.gaps()

    def nothing_pending(self) -> bool:
        """Whether every evaluation that was asked for is done."""
        with self.store.reading() as tx:
            return pending.waiting(tx) == 0

    def defects(self) -> list[dict[str, Any]]:
        """The log lines of all workers that tell of a defect of the service."""
        return [line for line in self.log_lines() if any(word in line["event"] for word in DEFECTS)]

    def log_lines(self) -> Iterator[dict[str, Any]]:
        """All that the workers logged; an interpreter's last words as well."""
        for path in sorted(self.directory.glob("worker-*.log")):
            for text in path.read_text(errors="replace").splitlines():
                yield _log_line(path.stem, text)

    def log_tail(self, name: str) -> str:
        return self._log_of(name).read_text(errors="replace")[-3000:]

    def log_tails(self) -> str:
        return "\n".join(f"--- {name}\n{self.log_tail(name)}" for name in self._running)

    def _log_of(self, name: str) -> Path:
        return self.directory / f"worker-{name}.log"

    def logs(self) -> TopicLogs:
        return TopicLogs(self.brokers, self.configuration.topics(self.prefix))

    def _positions(self, places: Collection[ledger.LogPlace]) -> dict[ledger.LogPlace, Position]:
        with self.store.reading() as tx:
            return ledger.positions(tx, places)


@cache
def _configuration(directory: Path, _content: str) -> Configuration:
    """Schedules have the same one after another, and half a second goes into loading it."""
    return load_configuration(directory)


def _log_line(worker: str, text: str) -> dict[str, Any]:
    try:
        line = json.loads(text)
    except ValueError:
        line = None
    if not isinstance(line, dict) or "event" not in line:
        return {"event": text, "worker": worker}
    return {**line, "event": str(line["event"]), "worker": worker}


@contextmanager
def fleet_over_line(
    server: PostgresqlServer, directory: Path, brokers: str, url: str, prefix: str, options: dict[str, Any]
) -> Iterator[tuple[Fleet, Line]]:
    """Workers whose way to the database is a line that can be cut; this process has one of its own."""
    with Line(server.directory / ".s.PGSQL.5432") as line:
        over = f"postgresql+psycopg://postgres@127.0.0.1:{line.port}/{make_url(url).database}"
        with Fleet(directory, brokers, url, prefix, over, options) as fleet:
            yield fleet, line


@dataclass
class Timetable:
    """Faults at their seconds after the start, in a thread of their own; `join` raises what went wrong."""

    steps: Sequence[tuple[float, str, Callable[[], None]]]
    _errors: list[BaseException] = field(default_factory=list)

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        assert not self._thread.is_alive(), "the faults did not end in time"
        if self._errors:
            raise self._errors[0]

    def _run(self) -> None:
        began = time.monotonic()
        try:
            for at, _, step in self.steps:
                time.sleep(max(0.0, began + at - time.monotonic()))
                step()
        except BaseException as error:
            self._errors.append(error)
