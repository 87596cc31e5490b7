"""The servers that schedules take turns on: a broker and a database server, with the lines to them."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from chaos.line import Line
from plugins.kafka_harness import ApacheKafka, fetch_jars
from postgresql_server import PostgresqlServer, find_programs
from surveillance.kafka.ports import free_port
from surveillance.store.database import Store

TEMPLATE = "upgraded"
START_ATTEMPTS = 10
# A client hears that its transaction is stored only when it outlasts a crash of the server.
DURABLE = {"synchronous_commit": "on", "max_connections": "100"}

LISTENERS = """\
listeners=PLAINTEXT://127.0.0.1:{{port}},LINE://127.0.0.1:{behind},CONTROLLER://127.0.0.1:{{controller_port}}
advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},LINE://{line}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,LINE:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""


class ServersAbsent(RuntimeError):
    """This machine cannot run the servers; the text says what is missing."""


class LinedKafka(ApacheKafka):
    """A broker with a second way in, over a line that can be slow or cut."""

    def __init__(self) -> None:
        self._behind = free_port()
        self.line = Line(self._behind)
        super().__init__()

    def _listeners(self) -> str:
        return LISTENERS.format(behind=self._behind, line=self.line.address)


@dataclass(frozen=True)
class LinedPostgresql:
    """A database server, the line to it, and what an operator or a crash can do to it."""

    server: PostgresqlServer
    line: Line

    @property
    def _cluster(self) -> Path:
        return self.server.directory / "cluster"

    def over_line(self, database: str) -> str:
        """The URL of a database over the line."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.line.port}/{database}"

    def kill(self) -> None:
        """SIGKILL of every process of the server at once."""
        postmaster = int((self._cluster / "postmaster.pid").read_text().split()[0])
        for process in (postmaster, *_children(postmaster)):
            _end(process)

    def start(self) -> None:
        """Starts it on the data it had; processes that were killed may take a moment to be gone."""
        for attempt in reversed(range(START_ATTEMPTS)):
            try:
                self.server.start()
                return
            except RuntimeError:
                if not attempt:
                    raise
                time.sleep(0.5)

    def set_read_only(self, on: bool) -> None:
        """Every transaction of every client, those connected included, may only read."""
        self._ask(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}")
        self._ask("SELECT pg_reload_conf()")

    def become_standby(self) -> None:
        """Restarts in recovery, as a standby that one failed over to too early: it answers, read-only."""
        self.server.stop("fast")
        (self._cluster / "standby.signal").touch()
        if self.server.user is not None:
            os.chmod(self._cluster / "standby.signal", 0o666)
        self.server.start()

    def promote(self) -> None:
        """The standby becomes the primary, on a timeline of its own; a primary stays one."""
        self._ask("SELECT pg_promote(true, 30) WHERE pg_is_in_recovery()")

    def make_database(self, name: str) -> str:
        """A database with the schema and no rows; the URL that leads there past the line."""
        self.server.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return self.server.url(name)

    def drop_database(self, name: str) -> None:
        self.server.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def _ask(self, statement: str) -> None:
        address = f"dbname=postgres user=postgres host={self.server.directory}"
        options = "-c default_transaction_read_only=off"
        with psycopg.connect(address, autocommit=True, options=options) as connection:
            connection.execute(statement.encode())


class Servers:
    """Both, started once. Each schedule has topics and a database of its own on them."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        programs = find_programs()
        if programs is None:
            raise ServersAbsent("PostgreSQL's server programs (initdb, pg_ctl) are not installed")
        fetch_jars()  # raises KafkaAbsent
        with ExitStack() as stack:
            self.kafka = LinedKafka()
            stack.callback(self.kafka.close)
            self.kafka.start()
            stack.enter_context(self.kafka.line)
            server = PostgresqlServer.create(programs, DURABLE)
            stack.callback(server.remove)
            line = stack.enter_context(Line(server.directory / ".s.PGSQL.5432"))
            self.postgresql = LinedPostgresql(server, line)
            self._make_templates()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def sqlite_template(self) -> Path:
        """A file with the schema and no rows, to be copied."""
        return self._directory / "upgraded.db"

    def mend(self) -> None:
        """Everything runs, writes and answers again, whatever a schedule left behind."""
        self.kafka.line.mend()
        self.postgresql.line.mend()
        if not self.kafka.running:
            self.kafka.start()
        if not self.postgresql.server.answers():
            self.postgresql.start()
        self.postgresql.promote()
        self.postgresql.set_read_only(False)

    def _make_templates(self) -> None:
        self.postgresql.server.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0")
        for url in (self.postgresql.server.url(TEMPLATE), f"sqlite:///{self.sqlite_template}"):
            store = Store.open(url)
            store.upgrade()
            store.close()


def _children(process: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == process:
            yield int(path.parent.name)


def _end(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
