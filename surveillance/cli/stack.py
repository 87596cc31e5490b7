"""A whole service on this machine for as long as a command runs: broker, database, topics and a worker."""

import fcntl
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from surveillance.accounts import Register
from surveillance.cli.errors import Mistake
from surveillance.cli.keys import audit_key_of
from surveillance.cli.operate import topic_specs
from surveillance.configuration import Configuration, load_configuration
from surveillance.kafka.admin import create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port
from surveillance.settings import Settings
from surveillance.store.database import Store
from surveillance.web.house import utc_now

_STOP_SECONDS = 10.0
_MARKER = ".surveillance"


class StackFailed(RuntimeError):
    """A part of the service ended by itself; the text names its log."""


def _leave(_number: int, _frame: object) -> None:
    sys.exit(143)


@dataclass
class Stack:
    """Everything under one directory, which is emptied first. Leaves the context with nothing running."""

    directory: Path
    config_dir: Path
    options: dict[str, Any] = field(default_factory=dict)
    keep: bool = True

    def __enter__(self) -> Self:
        # Else the parts would outlive a command that is ended.
        self._handlers = {n: signal.signal(n, _leave) for n in (signal.SIGTERM, signal.SIGHUP)}
        self._empty_directory()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.broker = EmbeddedBroker()
        self.broker.start()
        try:
            self._prepare()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _empty_directory(self) -> None:
        """Only a directory that an earlier run made is emptied, never one with anything else in it."""
        marker = self.directory / _MARKER
        taken = self.directory.exists() and not marker.is_file()
        if taken and not (self.directory.is_dir() and not any(self.directory.iterdir())):
            raise Mistake(f"--directory {self.directory}: holds other things; name a new directory")
        self.directory.mkdir(parents=True, exist_ok=True)
        self._held = marker.open("ab")
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._held.close()
            raise Mistake(
                f"--directory {self.directory}: a service runs in it; end that, or name a new directory"
            ) from None
        for inside in set(self.directory.iterdir()) - {marker}:
            shutil.rmtree(inside) if inside.is_dir() and not inside.is_symlink() else inside.unlink()

    def _prepare(self) -> None:
        web_port = self.options.get("web_port") or free_port()
        chosen: dict[str, Any] = {
            "config_dir": self.config_dir.resolve(),
            "database_url": f"sqlite:///{(self.directory / 'surveillance.db').resolve()}",
            "brokers": self.broker.address,
            "kafka_security": "plaintext",  # whatever the environment says of another broker
            "dead_letter_key": secrets.token_hex(32),
            "audit_key": secrets.token_hex(32),
            "spool_dir": (self.directory / "spool").resolve(),
            "metrics_port": free_port(),
            "web_metrics_port": free_port(),
            "web_port": web_port,
            "web_url": f"http://127.0.0.1:{web_port}",
            "partitions": 1,
            "fetch_wait_ms": 20,  # the embedded broker answers only after this
            **self.options,
        }
        self.settings = Settings(**chosen)
        ours = {f"SURVEILLANCE_{name.upper()}": str(value) for name, value in chosen.items()}
        files = {f"{name}_FILE" for name in ours}  # of another service: a secret is given once
        self._environment = {k: v for k, v in os.environ.items() if k not in files} | ours
        self.configuration: Configuration = load_configuration(self.config_dir)
        self.store = Store.open(self.settings.database)
        self.store.upgrade()
        create_topics(self.broker.address, topic_specs(self.configuration, self.settings))

    @property
    def register(self) -> Register:
        """The accounts of its database."""
        return Register(self.store, audit_key_of(self.settings), utc_now)

    def start(self, *commands: str) -> None:
        """Starts `surveillance worker`, `surveillance web`: each in a process of its own, with its log."""
        for command in commands:
            with (self.directory / f"{command}.log").open("wb") as log:
                self._processes[command] = subprocess.Popen(
                    [sys.executable, "-m", "surveillance", command],
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # Ctrl-C is ours to handle: we end them in order
                )

    def check(self) -> None:
        """Raises StackFailed where a part has ended."""
        for command, process in self._processes.items():
            if process.poll() is not None:
                log = self.directory / f"{command}.log"
                raise StackFailed(f"surveillance {command} ended by itself; see {log}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + _STOP_SECONDS
        for process in self._processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if hasattr(self, "store"):
            self.store.close()
        self.broker.stop()
        if not self.keep:
            shutil.rmtree(self.directory, ignore_errors=True)
        self._held.close()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
