"""One database, SQLite or PostgreSQL: how it is opened, what one transaction is, and what an outage is."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy import exc as sa_exc
from sqlalchemy.engine import URL, make_url

from surveillance.database_address import Address
from surveillance.sealing import SealFault
from surveillance.store import key_rows, schema
from surveillance.store.json_text import dump_json
from surveillance.store.sealed import use_keys

Transaction = Connection

_BUSY_SECONDS = 30
_READ_ONLY = "surveillance_read_only"
_WRITERS = 7_310_151_203  # advisory lock that PostgreSQL's writers share, and who must be alone has
# SQLSTATE classes that tell of the statement's own values, whatever the state of the server.
_DEFECT_CLASSES = ("22", "23", "54")
_SQLITE_DEFECTS = (sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG)
_POSTGRESQL = {
    "connect_timeout": 5,
    "application_name": "surveillance",
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # A worker that freezes in mid-transaction holds up the others for a minute, not for ever. A plan that was
    # made for no keys in particular searches a thousand of them one by one for each row.
    "options": "-c lock_timeout=20s -c idle_in_transaction_session_timeout=60s "
    "-c plan_cache_mode=force_custom_plan",
    "tcp_user_timeout": 15_000,  # ms; a server that vanished is noticed in seconds, not in minutes
}

NOT_ALLOWED = (
    "this user may not do that. Give in database_url the user whose work it is: surveillance_migrator for "
    "`surveillance db`, surveillance_web for accounts and tokens, surveillance_worker for a worker; for "
    "`surveillance db roles --apply`, which a new database needs first, an administrator of the server"
)
_INSUFFICIENT_PRIVILEGE = "42501"
# What libpq says of a server that will not have us, or that we will not have -> what to do about it. Its own
# words hold names of users and hosts.
_REFUSALS = {
    "certificate verify failed": "database_ca_file does not vouch for the server's certificate. Set it "
    "(SURVEILLANCE_DATABASE_CA_FILE) to the CA file that whoever runs the database gave you",
    "does not match host name": "the server's certificate is for another name. Give in database_url the name "
    "that the certificate has",
    "server does not support SSL": "the server speaks no TLS, and database_tls is set. Whoever runs the "
    "database sets ssl = on there",
    "password authentication failed": "the server does not know this user with this password. Check the user "
    "in database_url, and database_password_file (SURVEILLANCE_DATABASE_PASSWORD_FILE)",
    "no password supplied": "the server wants a password. Set database_password_file "
    "(SURVEILLANCE_DATABASE_PASSWORD_FILE)",
    "no pg_hba.conf entry": "the server lets this user in from nowhere here, or with TLS only. Set "
    "database_tls, or whoever runs the database mends its pg_hba.conf",
    "permission denied": NOT_ALLOWED,
    '" does not exist': "the server has no such database or user. Check both in database_url, or make them: "
    "CREATE DATABASE, then surveillance db roles --apply",
}


class UrlFault(ValueError):
    """The database's URL is none that this service can use; the text repeats nothing secret of it."""


@dataclass(frozen=True, eq=False)
class Store:
    """The database of one process; safe to share between threads.

    Every step of the pipeline is one `transaction()`: all of it is stored, or none.
    """

    engine: Engine
    # SQLite has one writer. Threads of this process wait for it here, in turn; its own wait polls.
    _writer: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(cls, address: Address | str) -> "Store":
        """An address, or its URL alone; connects only when used. Raises UrlFault."""
        where = Address(address) if isinstance(address, str) else address
        url = _read_url(where.url)
        if url.drivername == "sqlite":
            engine = _sqlite_engine(url)
        elif url.drivername == "postgresql+psycopg":
            engine = _postgresql_engine(url, where)
        else:
            raise UrlFault(
                f"database_url begins with {url.drivername}; use one of: postgresql+psycopg, sqlite"
            )
        if where.keys is not None:
            use_keys(engine, where.keys)
        return cls(engine)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def transaction(self, *, alone: bool = False) -> Iterator[Transaction]:
        """One write transaction: committed at the end of the block, rolled back by an exception.

        alone: no other write transaction begins before its end, and none that began is left. What it
        removes is nowhere written anew by somebody who had read it before.
        """
        with self._only_writer(), self.engine.connect() as connection, connection.begin():
            if self.dialect == "postgresql":
                lock = "pg_advisory_xact_lock" if alone else "pg_advisory_xact_lock_shared"
                connection.execute(sa.text(f"SELECT {lock}(:lock)"), {"lock": _WRITERS})
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """One consistent view of the database; writing in it is an error."""
        options: dict[str, Any] = {_READ_ONLY: True}
        if self.dialect == "postgresql":
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with (
            self.engine.connect() as plain,
            plain.execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection

    def upgrade(self) -> None:
        """Brings the schema to what this code needs; two processes may start it at once.

        The only step that makes a SQLite file: a mistyped name is a mistake everywhere else.
        """
        if self.dialect == "sqlite":
            _create_private(Path(str(self.engine.url.database)))
        with self.transaction() as tx:
            schema.upgrade(tx)

    @property
    def file(self) -> Path | None:
        """The file of an SQLite database; None where a server keeps it."""
        return Path(str(self.engine.url.database)) if self.dialect == "sqlite" else None

    def ping(self) -> None:
        """Returns where the database answers; raises what keeps it from that."""
        with self.reading() as tx:
            tx.execute(sa.select(1))

    def check_schema(self) -> None:
        """Raises SchemaFault unless the schema is exactly the one that this code needs, and SealFault unless
        every key is here under which something lies sealed. Notes a key that seals for the first time."""
        with self.reading() as tx:
            schema.check(tx)
            known = key_rows.check(tx)
        if not known:
            with self.transaction() as tx:
                key_rows.enter(tx)

    def shut(self) -> str | None:
        """Why what lies sealed by now cannot be read here, in words for the operator; None: it can be."""
        with self.reading() as tx:
            try:
                key_rows.check(tx)
            except SealFault as fault:
                return str(fault)
        return None

    def forget(self, whole: bool = False) -> None:
        """Clears what deleted rows leave behind in SQLite's log; PostgreSQL's vacuum does it by itself.

        whole: also what every earlier state of a row left in pages that nothing uses now. The file is
        written anew, which takes its size on the disk once more.
        """
        if self.dialect == "sqlite":
            with self._only_writer(), self.engine.connect() as connection:
                cursor = connection.connection.cursor()
                cursor.execute("PRAGMA query_only=0")  # whoever had the connection before may have only read
                if whole:
                    cursor.execute("VACUUM")
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
                cursor.close()

    def close(self) -> None:
        """Closes the connections that nobody uses."""
        self.engine.dispose()

    @contextmanager
    def _only_writer(self) -> Iterator[None]:
        if self.dialect != "sqlite":
            yield
            return
        if not self._writer.acquire(timeout=_BUSY_SECONDS):
            raise sa_exc.TimeoutError(f"another thread has been writing for {_BUSY_SECONDS} s")
        try:
            yield
        finally:
            self._writer.release()


def unstorable(error: BaseException) -> bool:
    """Whether the database refuses the values of a record, which no waiting and no mend of ours changes."""
    values = (sa_exc.DataError, sa_exc.IntegrityError, sa_exc.StatementError)
    return isinstance(error, values) and not transient(error)


def transient(error: BaseException) -> bool:
    """Whether an error is an outage, to be waited out and tried again, not a defect of one record.

    Any error of the database that does not name the statement's own values is an outage: a missing
    table or a full disk must stop the work, never turn records into dead letters.
    """
    if isinstance(error, sa_exc.TimeoutError | ConnectionError):
        return True
    if not isinstance(error, sa_exc.DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    if isinstance(error, sa_exc.DataError | sa_exc.IntegrityError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        primary = getattr(error.orig, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
        return isinstance(error.orig, sqlite3.DatabaseError) and primary not in _SQLITE_DEFECTS
    state = getattr(error.orig, "sqlstate", None) or ""
    return not state.startswith(_DEFECT_CLASSES)


def refusal(error: BaseException) -> str | None:
    """Why a server turned us away, or we it, and what to do; None for an outage that waiting may cure."""
    if not isinstance(error, sa_exc.OperationalError):
        denied = getattr(getattr(error, "orig", None), "sqlstate", None) == _INSUFFICIENT_PRIVILEGE
        return NOT_ALLOWED if denied else None
    said = str(error.orig)
    return next((words for sign, words in _REFUSALS.items() if sign in said), None)


def _read_url(url: str) -> URL:
    try:
        return make_url(url)
    except (sa_exc.ArgumentError, ValueError):  # whose text may hold a password
        form = "sqlite:///FILE or postgresql+psycopg://USER:PASSWORD@HOST/NAME"
        raise UrlFault(f"database_url is no URL; use {form}") from None


def _postgresql_engine(url: URL, address: Address) -> Engine:
    given = dict(url.query)
    defaults = {key: value for key, value in _POSTGRESQL.items() if key not in given}
    if address.tls:
        if "sslmode" in given:
            raise UrlFault("database_url has an sslmode, and database_tls is set. Remove one of them")
        authorities = "system" if address.ca_file is None else str(address.ca_file)
        # In the URL, where the tools that copy the database look as well.
        url = url.update_query_dict({"sslmode": "verify-full", "sslrootcert": authorities})
    engine = sa.create_engine(
        url if address.password is None else url.set(password=address.password),
        pool_pre_ping=True,
        pool_size=12,
        max_overflow=12,
        pool_timeout=_BUSY_SECONDS,
        connect_args=defaults,
        json_serializer=dump_json,
        hide_parameters=True,  # they hold records: an error's text must not
    )
    sa.event.listen(engine, "checkout", _obey_read_only)
    return engine


def _obey_read_only(connection: Any, _record: object, _proxy: object) -> None:
    """Each transaction is what the server's default says, unless it asks to read only.

    SQLAlchemy leaves a connection that has read asking for READ WRITE, which overrules an operator who made
    the server read-only, as one does before a standby takes over: what is written then is lost.
    """
    connection.read_only = None


def _sqlite_engine(address: URL) -> Engine:
    if address.database in (None, "", ":memory:"):
        raise UrlFault("database_url names no file; use sqlite:///FILE")
    engine = sa.create_engine(
        address,
        connect_args={"timeout": _BUSY_SECONDS},
        json_serializer=dump_json,
        hide_parameters=True,  # they hold records: an error's text must not
        pool_size=8,
        max_overflow=8,
    )
    sa.event.listen(engine, "do_connect", _refuse_missing)
    sa.event.listen(engine, "connect", _prepare_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _create_private(path: Path) -> None:
    """The file holds records of persons: only its owner may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)


def _refuse_missing(_dialect: object, _record: object, arguments: list[Any], _options: object) -> None:
    """SQLite would make an empty file of any name."""
    if not Path(arguments[0]).exists():
        raise UrlFault(f"database_url: there is no file {arguments[0]}; to make it: surveillance db upgrade")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Our own BEGIN instead of the driver's; a log ahead of the file, so that readers never wait.

    synchronous=FULL: what a person decided, and what a receiver was told, must outlast a power cut, and
    no topic could give them back. It costs one sync of the file for each commit.
    """
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={_BUSY_SECONDS * 1000}",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",  # what is deleted is overwritten, also in pages that nothing uses then
        "temp_store=MEMORY",
        "cache_size=-65536",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    _write_ahead(cursor)
    cursor.close()


def _write_ahead(cursor: Any) -> None:
    """Of processes that start at once on a new file one makes it so; SQLite itself does not wait."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _begin_sqlite(connection: Connection) -> None:
    """A writer takes its place at once: a reader that turns into a writer could only fail."""
    reads = connection.get_execution_options().get(_READ_ONLY, False)
    connection.exec_driver_sql(f"PRAGMA query_only={int(reads)}")
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
