"""Copies of the whole database, made while it is in use, and put back: one file each, readable by its owner.

SQLite copies itself page by page (its online backup); PostgreSQL's own programs dump and load. A password
goes to them in a file that only this user reads, and is gone when they end: never in arguments or words.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from surveillance.store.database import NOT_ALLOWED, Store

_SUFFIX = {"sqlite": ".sqlite", "postgresql": ".dump"}
_ENVIRONMENT = {  # what libpq reads from the environment, by the name that a URL gives it
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "connect_timeout": "PGCONNECT_TIMEOUT",
}
_DEBIAN = "/usr/lib/postgresql/{major}/bin"


class CopyFault(RuntimeError):
    """A copy cannot be made or put back; the text says why, and repeats no secret."""


def back_up(store: Store, to: Path, now: datetime) -> Path:
    """Copies the database into a new file, or into a directory under a name that holds the time (UTC).

    Nobody has to stop meanwhile. Raises CopyFault; a file that is there is complete and was read back.
    """
    to = new_file(to, now, _SUFFIX[store.dialect])
    part = to.with_name(f".{to.name}.part")
    part.unlink(missing_ok=True)
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        (_copy_sqlite if store.dialect == "sqlite" else _dump)(store, part)
        part.rename(to)
    finally:
        part.unlink(missing_ok=True)
    return to


def new_file(to: Path, now: datetime, suffix: str) -> Path:
    """`to`, or in a directory a name that holds the time (UTC). Raises CopyFault where that is there."""
    if to.is_dir():
        to = to / f"surveillance-{now:%Y%m%dT%H%M%SZ}{suffix}"
    if to.exists():
        raise CopyFault(f"{to} exists already; name a new file, or a directory")
    return to


def restore(store: Store, source: Path, over: bool = False) -> None:
    """Puts a copy back as the whole database. Stop workers and pages first.

    Raises CopyFault where the database holds anything, unless what it holds may go (`over`).
    """
    if not source.is_file():
        raise CopyFault(f"there is no file {source}")
    if not over and (held := _tables(store)):
        raise CopyFault(
            f"the database is not empty: it has {held} tables. Restore into an empty one, or say --over to "
            "replace all that is in it"
        )
    (_load_sqlite if store.dialect == "sqlite" else _load)(store, source)


def _tables(store: Store) -> int:
    if store.dialect == "sqlite" and not _file_of(store).exists():
        return 0
    with store.engine.connect() as connection:
        return len(sa.inspect(connection).get_table_names())


# --- SQLite -----------------------------------------------------------------------------------------------


def _file_of(store: Store) -> Path:
    return Path(str(store.engine.url.database))


def _copy_sqlite(store: Store, to: Path) -> None:
    if not _file_of(store).exists():
        raise CopyFault(f"there is no database {_file_of(store)}")
    with closing(sqlite3.connect(_file_of(store))) as source, closing(sqlite3.connect(to)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode=DELETE")  # one file, without a log beside it
    _check_sqlite(to)


def _load_sqlite(store: Store, source: Path) -> None:
    _check_sqlite(source)
    store.close()
    path = _file_of(store)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    with closing(sqlite3.connect(source)) as copy, closing(sqlite3.connect(path)) as target:
        copy.backup(target)


def _check_sqlite(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as copy:
            sound = copy.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
            known = copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    except sqlite3.DatabaseError:
        raise CopyFault(f"{path} is no SQLite database") from None
    if not sound or not known:
        raise CopyFault(f"{path} is {'no database of this service' if sound else 'damaged'}")


# --- PostgreSQL -------------------------------------------------------------------------------------------


def _dump(store: Store, to: Path) -> None:
    options = ("--format=custom", "--no-owner", "--no-privileges", "--lock-wait-timeout=20s")
    _run(store, "pg_dump", *options, f"--file={to}")
    _list(store, to)


def _load(store: Store, source: Path) -> None:
    _list(store, source)
    _drop_all(store)
    with store.engine.connect() as connection:
        database = str(connection.engine.url.database)
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    _run(store, "pg_restore", *options, f"--dbname={database}", str(source))


def _list(store: Store, dump: Path) -> None:
    """Reads a dump's table of contents. Raises CopyFault where it is none, or not of this service."""
    if " alembic_version " not in _run(store, "pg_restore", "--list", str(dump)):
        raise CopyFault(f"{dump} is no dump of this service")


def _drop_all(store: Store) -> None:
    """Every table goes, also one that the copy does not know: it would not fit what is put back."""
    with store.transaction(alone=True) as tx:
        there = sa.MetaData()
        there.reflect(tx)
        there.drop_all(tx)


def _run(store: Store, program: str, *arguments: str) -> str:
    """Runs one of PostgreSQL's programs against the store's database. Returns what it printed."""
    path = _program(store, program)
    with _environment(store) as environment:
        done = subprocess.run(
            [str(path), *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
    if done.returncode:
        why = NOT_ALLOWED if "permission denied" in done.stderr else done.stderr.strip()[-500:]
        raise CopyFault(f"{program} ended with {done.returncode}: {why}")
    return done.stdout


def _program(store: Store, name: str) -> Path:
    """The program in the server's own version: another one's dump may not be loadable here."""
    with store.reading() as tx:
        major = int(tx.execute(sa.text("SHOW server_version_num")).scalar_one()) // 10_000
    for found in (shutil.which(name, path=_DEBIAN.format(major=major)), shutil.which(name)):
        if found and _major(found) == major:
            return Path(found)
    raise CopyFault(
        f"{name} of PostgreSQL {major} is not installed here: install postgresql-client-{major}, or run it "
        "where the server is (docs/operators/backup.md)"
    )


def _major(program: str) -> int | None:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    return int(found[1]) if found else None


@contextmanager
def _environment(store: Store) -> Iterator[dict[str, str]]:
    """The environment of a child: how to reach the database, and the password in a file of its own."""
    _, given = store.engine.dialect.create_connect_args(store.engine.url)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SURVEILLANCE_")}
    environment |= {_ENVIRONMENT[key]: str(value) for key, value in given.items() if key in _ENVIRONMENT}
    with tempfile.TemporaryDirectory(prefix="surveillance-") as directory:
        if password := given.get("password"):
            file = Path(directory) / "pgpass"
            file.touch(mode=0o600)
            file.write_text("*:*:*:*:" + re.sub(r"([\\:])", r"\\\1", str(password)) + "\n", encoding="utf-8")
            environment["PGPASSFILE"] = str(file)
            environment.pop("PGPASSWORD", None)  # libpq would rather take it
        yield environment
