"""A PostgreSQL server of our own for a test session, on a socket in a directory of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

import psycopg

SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",  # a test's database need not outlast a power cut
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "60",
}


def find_programs() -> Path | None:
    """The directory of PostgreSQL's server programs: from PATH, or where Debian puts them; None: absent."""
    on_path = shutil.which("pg_ctl")
    if on_path:
        return Path(on_path).resolve().parent
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda p: float(p.parts[4]))
    return found[-1].parent if found else None


@dataclass(frozen=True)
class PostgresqlServer:
    """A running server. It refuses to run as root, so root starts it as the user `postgres`."""

    programs: Path
    directory: Path
    user: str | None
    settings: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def create(
        cls, programs: Path, settings: Mapping[str, str] = MappingProxyType({}), archive: bool = False
    ) -> "PostgresqlServer":
        """A new server, with these settings beside SETTINGS; `archive`: its log is copied to `wal/`, for a
        restore to a moment."""
        user = "postgres" if os.geteuid() == 0 else None
        directory = Path(tempfile.mkdtemp(prefix="surveillance-pg-"))
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(directory, account.pw_uid, account.pw_gid)
        copied = f"cp %p {directory}/wal/%f"
        archiving = {"archive_mode": "on", "archive_command": copied, "full_page_writes": "on"}
        server = cls(programs, directory, user, {**settings, **archiving} if archive else settings)
        server.run("mkdir", str(directory / "wal"))
        server.run(
            "initdb", "-D", str(server.cluster), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        server.start()
        return server

    def _own_settings(self) -> dict[str, str]:
        """What this kind of server has otherwise; asked before each start."""
        return {}

    @property
    def pid(self) -> int:
        """The server's first process, the parent of all others."""
        return int((self.cluster / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        chosen = {**SETTINGS, **self.settings, **self._own_settings()}
        settings = " ".join(f"-c {key}={value!r}" for key, value in chosen.items())
        options = f"-k {self.directory} {settings}"
        log = str(self.directory / "log")
        self.run("pg_ctl", "-D", str(self.cluster), "-l", log, "-o", options, "-w", "-t", "30", "start")

    def stop(self, mode: str = "immediate") -> None:
        """Breaks every connection and ends: `immediate` as a crash does, `fast` in good order."""
        self.run("pg_ctl", "-D", str(self.cluster), "-m", mode, "-w", "stop")

    def answers(self) -> bool:
        """Whether it takes connections now."""
        try:
            self.execute("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.directory}"

    def execute(self, statement: str) -> None:
        """One statement outside any transaction."""
        address = f"dbname=postgres user=postgres host={self.directory}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement.encode())

    @property
    def cluster(self) -> Path:
        """What the server keeps on the disk."""
        return self.directory / "cluster"

    def run(self, program: str, *arguments: str) -> None:
        """Runs a program, PostgreSQL's or the system's, as the server's user."""
        own = self.programs / program
        done = subprocess.run(
            [str(own if own.exists() else program), *arguments],
            user=self.user,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{program} ended with {done.returncode}: {done.stderr or ''}")
