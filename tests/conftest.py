"""Fixtures that every package's tests may use."""

import itertools
import logging
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog

from plugins.absent import absent
from postgresql_server import PostgresqlServer, find_programs
from surveillance.store.database import Store

_numbers = itertools.count(1)
DATABASES = ("sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql))


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a test, or a command in its process, makes of the log ends with it: its stream is closed later."""
    root, ours = logging.getLogger(), structlog.get_config()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**ours)


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgresqlServer]:
    """One server a session, started when the first test asks for it."""
    programs = find_programs()
    if programs is None:
        absent("PostgreSQL", "its server programs (initdb, pg_ctl) are not installed")
    server = PostgresqlServer.create(programs)
    yield server
    server.remove()


@pytest.fixture
def fresh_postgresql(postgresql_server: PostgresqlServer) -> Iterator[Callable[[str], str]]:
    """Makes databases, each a copy of the named template, and drops them at the end; returns the URL."""
    made: list[str] = []

    def make(template: str) -> str:
        made.append(f"test_{next(_numbers)}")
        postgresql_server.execute(f"CREATE DATABASE {made[-1]} TEMPLATE {template}")
        return postgresql_server.url(made[-1])

    yield make
    for name in made:
        postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: PostgresqlServer) -> str:
    """A database with the schema in it, to copy from: faster than a migration for every test."""
    postgresql_server.execute("CREATE DATABASE upgraded TEMPLATE template0")
    _upgrade(postgresql_server.url("upgraded"))
    return "upgraded"


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "upgraded.db"
    _upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on: every test that asks for it runs on both."""
    return str(request.param)


@pytest.fixture
def empty_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with nothing in it."""
    if database == "sqlite":
        (tmp_path / "surveillance.db").touch()
        return f"sqlite:///{tmp_path / 'surveillance.db'}"
    return str(request.getfixturevalue("fresh_postgresql")("template0"))


@pytest.fixture
def database_url(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database with the schema and no rows."""
    if database == "sqlite":
        copy = tmp_path / "surveillance.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), copy)
        return f"sqlite:///{copy}"
    template = request.getfixturevalue("postgresql_template")
    return str(request.getfixturevalue("fresh_postgresql")(template))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store with the schema and no rows; on SQLite, then on PostgreSQL."""
    opened = Store.open(database_url)
    yield opened
    opened.close()


def _upgrade(url: str) -> None:
    opened = Store.open(url)
    opened.upgrade()
    opened.close()
