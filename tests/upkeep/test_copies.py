"""A backup is the database as it was at one moment, and goes nowhere that holds anything."""

import os
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from lived_in import KEYS, key, live_in, tell

from small_house import House, incident
from surveillance.store import copies, line_list
from surveillance.store.copies import CopyFault, back_up, restore
from surveillance.store.database import Store
from surveillance.store.tables import Base
from surveillance.upkeep.verifying import verify

NOW = datetime(2250, 7, 1, tzinfo=UTC)


@pytest.fixture
def second(database: str, request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    """An empty database beside the first."""
    if database == "sqlite":
        return Store.open(f"sqlite:///{tmp_path / 'second' / 'surveillance.db'}")
    return Store.open(request.getfixturevalue("fresh_postgresql")("template0"))


def content(store: Store) -> dict[str, list[str]]:
    with store.reading() as tx:
        return {
            name: sorted(str(tuple(row)) for row in tx.execute(table.select()))
            for name, table in Base.metadata.tables.items()
        }


def test_what_is_restored_is_what_was_backed_up_and_it_is_whole(
    house: House, second: Store, tmp_path: Path
) -> None:
    live_in(house)
    was = content(house.store)
    made = back_up(house.store, tmp_path, NOW)
    assert (made.name[:29], made.stat().st_mode & 0o777) == ("surveillance-22500701T000000Z", 0o600)
    tell(house, incident("later"))
    restore(second, made)
    second.check_schema()
    assert content(second) == was
    assert [c for c in verify(second, house.configuration, KEYS) if c.faults] == []
    tell(replace(house, store=second), incident("next"))
    with second.reading() as tx:
        assert line_list.current_entries(tx, {key("next")})
    assert sorted(one.name for one in tmp_path.glob(".*.part")) == []
    second.close()


def test_it_refuses_a_database_that_holds_anything_unless_that_may_go(
    house: House, second: Store, tmp_path: Path
) -> None:
    live_in(house)
    made = back_up(house.store, tmp_path / "copy", NOW)
    was = content(house.store)
    tell(house, incident("later"))
    with pytest.raises(CopyFault, match="not empty"):
        restore(house.store, made)
    assert content(house.store) != was
    with house.store.transaction() as tx:
        tx.execute(sa.text("CREATE TABLE of_a_later_schema (id INTEGER)"))
    restore(house.store, made, over=True)
    assert content(house.store) == was
    with house.store.reading() as tx:
        assert not sa.inspect(tx).has_table("of_a_later_schema")
    second.close()


def test_a_backup_made_while_others_write_is_of_one_moment(house: House, tmp_path: Path) -> None:
    house.service.prepare()
    stop = threading.Event()

    def write() -> None:
        for number in range(400):
            if stop.is_set():
                return
            tell(house, *(incident(f"r-{number}-{i}") for i in range(3)))

    writer = threading.Thread(target=write)
    writer.start()
    made = [back_up(house.store, tmp_path / f"copy-{n}", NOW) for n in range(3)]
    stop.set()
    writer.join()
    for one in made:
        restore(house.store, one, over=True)
        assert [c for c in verify(house.store, house.configuration, KEYS) if c.faults] == []


@pytest.mark.postgresql
def test_neither_arguments_nor_errors_hold_the_password(
    tmp_path: Path,
    postgresql_template: str,
    fresh_postgresql: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    url = fresh_postgresql(postgresql_template).replace("postgres@", r"postgres:se:cr\et@")
    run: list[tuple[list[str], dict[str, str], str]] = []
    real = copies.subprocess.run

    def watched(arguments: list[str], **how: object) -> object:
        environment = dict(how.get("env") or {})  # type: ignore[call-overload]
        kept = Path(environment["PGPASSFILE"]).read_text() if "PGPASSFILE" in environment else ""
        run.append((arguments, environment, kept))
        return real(arguments, **how)  # type: ignore[call-overload]

    monkeypatch.setattr(copies.subprocess, "run", watched)
    monkeypatch.setenv("SURVEILLANCE_DATABASE_URL", url)
    monkeypatch.setenv("PGPASSWORD", "of somebody else")  # libpq would take it rather than the file's
    store = Store.open(url)
    back_up(store, tmp_path / "copy", NOW)
    (tmp_path / "bad").write_text("no dump")
    with pytest.raises(CopyFault) as refused:
        restore(store, tmp_path / "bad", over=True)
    assert "cr\\et" not in str(refused.value)
    assert any(kept == "*:*:*:*:se\\:cr\\\\et\n" for _, _, kept in run)
    for arguments, environment, _ in run:
        assert "cr\\et" not in " ".join([*arguments, *environment.values()])
        assert "PGPASSWORD" not in environment
        assert not Path(environment.get("PGPASSFILE", "/nowhere")).exists()
    store.close()


def test_what_is_no_backup_is_refused_before_anything_is_removed(house: House, tmp_path: Path) -> None:
    live_in(house)
    was = content(house.store)
    (tmp_path / "none").write_bytes(os.urandom(5_000))
    for source in (tmp_path / "none", tmp_path / "missing"):
        with pytest.raises(CopyFault):
            restore(house.store, source, over=True)
    assert content(house.store) == was
    back_up(house.store, tmp_path / "copy", NOW)
    with pytest.raises(CopyFault, match="exists already"):
        back_up(house.store, tmp_path / "copy", NOW)
