"""A PostgreSQL server of our own for a test session, on a socket in a directory of its own."""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

_SETTINGS = {
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

    @classmethod
    def create(cls, programs: Path) -> "PostgresqlServer":
        user = "postgres" if os.geteuid() == 0 else None
        directory = Path(tempfile.mkdtemp(prefix="surveillance-pg-"))
        if user is not None:
            account = pwd.getpwnam(user)
            os.chown(directory, account.pw_uid, account.pw_gid)
        server = cls(programs, directory, user)
        server._run(
            "initdb", "-D", server._cluster, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-sync"
        )
        server.start()
        return server

    @property
    def _cluster(self) -> str:
        return str(self.directory / "cluster")

    @property
    def pid(self) -> int:
        """The server's first process, the parent of all others."""
        return int((Path(self._cluster) / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        settings = " ".join(f"-c {key}={value!r}" for key, value in _SETTINGS.items())
        options = f"-k {self.directory} {settings}"
        log = str(self.directory / "log")
        self._run("pg_ctl", "-D", self._cluster, "-l", log, "-o", options, "-w", "-t", "30", "start")

    def stop(self) -> None:
        """Breaks every connection and ends at once."""
        self._run("pg_ctl", "-D", self._cluster, "-m", "immediate", "-w", "stop")

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

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
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
