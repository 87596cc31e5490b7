"""PostgreSQL over TLS: only the server that is meant is spoken to, and whoever is turned away hears why."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme

from plugins.absent import absent
from postgresql_server import find_programs
from surveillance.cli.errors import explain
from surveillance.database_address import Address
from surveillance.settings import Settings
from surveillance.store.database import Store, UrlFault, refusal, transient
from surveillance.use_case.fault import ConfigError
from tls_postgresql import PASSWORD, TlsPostgresql

pytestmark = pytest.mark.postgresql


@pytest.fixture(scope="module")
def server() -> Iterator[TlsPostgresql]:
    programs = find_programs()
    if programs is None:
        absent("PostgreSQL", "its server programs (initdb, pg_ctl) are not installed")
    running = TlsPostgresql.create(programs)
    assert isinstance(running, TlsPostgresql)
    running.add_user()
    yield running
    running.remove()


def speak(address: Address) -> str:
    """The TLS version that the server says is used."""
    store = Store.open(address)
    try:
        with store.reading() as tx:
            return str(
                tx.execute(sa.text("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()")).scalar()
            )
    finally:
        store.close()


def test_what_is_vouched_for_and_rightly_named_is_spoken_to_with_tls(server: TlsPostgresql) -> None:
    assert speak(Address(server.address(), PASSWORD, True, server.ca_file)).startswith("TLSv1.")


def test_the_settings_say_it_all_and_the_password_is_a_file(server: TlsPostgresql, tmp_path: Path) -> None:
    (tmp_path / "password").write_text(PASSWORD + "\n")
    settings = Settings(
        config_dir=tmp_path,
        database_url=server.address(),
        database_password_file=tmp_path / "password",
        database_tls=True,
        database_ca_file=server.ca_file,
    )
    assert speak(settings.database).startswith("TLSv1.")
    assert PASSWORD not in f"{settings!r} {settings.database!r} {Store.open(settings.database)!r}"


def test_a_password_in_the_url_may_stand_there_and_another_takes_its_place(server: TlsPostgresql) -> None:
    wrong = Address(server.address(password="wrong"), None, True, server.ca_file)
    with pytest.raises(sa.exc.OperationalError):
        speak(wrong)
    assert speak(Address(wrong.url, PASSWORD, True, server.ca_file)).startswith("TLSv1.")


WRONG = {
    "another authority": ("localhost", PASSWORD, "stranger", "database_ca_file does not vouch"),
    "the system's authorities": ("localhost", PASSWORD, None, "database_ca_file does not vouch"),
    "another name": ("127.0.0.1", PASSWORD, "its own", "for another name. Give in database_url"),
    "a wrong password": ("localhost", "wrong-password", "its own", "database_password_file"),
    "no password": ("localhost", None, "its own", "Set database_password_file"),
}


@pytest.mark.parametrize("what", WRONG)
def test_who_is_turned_away_hears_which_setting_to_mend(
    server: TlsPostgresql, tmp_path: Path, what: str
) -> None:
    host, password, vouches, words = WRONG[what]
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    files = {"its own": server.ca_file, "stranger": tmp_path / "stranger.pem", None: None}
    with pytest.raises(sa.exc.OperationalError) as refused:
        speak(Address(server.address(host), password, True, files[vouches]))
    assert transient(refused.value), "in the middle of a worker's day it is waited out"
    said = explain(refused.value)
    assert said is not None
    assert words in said
    assert PASSWORD not in said
    assert "wrong-password" not in said


def test_without_tls_nobody_is_let_in_and_hears_it(server: TlsPostgresql) -> None:
    with pytest.raises(sa.exc.OperationalError) as refused:
        speak(Address(server.address() + "?sslmode=disable", PASSWORD))
    assert "Set database_tls" in (refusal(refused.value) or "")


def test_a_server_without_tls_is_not_spoken_to_where_tls_is_asked_for(server: TlsPostgresql) -> None:
    server.execute("ALTER SYSTEM SET ssl = off")
    server.execute("SELECT pg_reload_conf()")
    try:
        with pytest.raises(sa.exc.OperationalError) as refused:
            speak(Address(server.address(), PASSWORD, True, server.ca_file))
        assert "speaks no TLS" in (refusal(refused.value) or "")
    finally:
        server.execute("ALTER SYSTEM RESET ssl")
        server.execute("SELECT pg_reload_conf()")


def test_a_worker_that_is_turned_away_ends_with_words_and_does_not_wait(
    server: TlsPostgresql, tmp_path: Path
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    chosen = {
        "DATABASE_URL": server.address(),
        "DATABASE_PASSWORD": PASSWORD,
        "DATABASE_TLS": "true",
        "DATABASE_CA_FILE": str(tmp_path / "stranger.pem"),
        "DEAD_LETTER_KEY": "a-key-for-tests-only",
        "METRICS_PORT": "0",
    }
    ended = subprocess.run(
        [sys.executable, "-m", "surveillance", "worker"],
        env={**os.environ, **{f"SURVEILLANCE_{name}": value for name, value in chosen.items()}},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 2
    assert "database_ca_file does not vouch" in ended.stderr
    assert PASSWORD not in ended.stdout + ended.stderr


def test_a_ca_file_that_holds_none_is_named(tmp_path: Path) -> None:
    settings = Settings(config_dir=tmp_path, database_tls=True, database_ca_file=Path(__file__))
    with pytest.raises(ConfigError, match=r"database_ca_file: .*holds no certificate in PEM"):
        settings.database  # noqa: B018


def test_two_ways_to_say_how_far_to_trust_are_one_too_many() -> None:
    with pytest.raises(UrlFault, match="Remove one of them"):
        Store.open(Address("postgresql+psycopg://u@h/d?sslmode=disable", tls=True))
