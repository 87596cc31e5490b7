"""surveillance db: checked, copied and put back from a terminal."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from command import Run

from small_house import TODAY, House, incident, load_house
from surveillance.configuration import load_configuration
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.producer import Publisher
from surveillance.line_list.record import RecordKey
from surveillance.service import build_service
from surveillance.settings import Settings
from surveillance.store import line_list
from surveillance.store import tables as t
from surveillance.store.database import Store


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Run) -> House:
    configuration = load_house(tmp_path / "planet")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(tmp_path / "planet"))
    monkeypatch.setenv("SURVEILLANCE_AUDIT_KEY", "a" * 32)
    monkeypatch.setenv("SURVEILLANCE_DEAD_LETTER_KEY", "a key for tests only")
    assert run("db", "upgrade").code == 0
    house = House(configuration, Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}"))
    house.service.prepare()
    house.report({}, *(incident(f"rec-{i}", days_ago=i) for i in range(4)))
    with house.store.transaction() as tx:  # the house counts its offsets from 1
        tx.execute(sa.update(t.ledger).values(mark=6, ranges=[]))
    house.evaluate()
    return house


@pytest.mark.usefixtures("house")
def test_a_backup_is_made_checked_and_put_back(run: Run, tmp_path: Path) -> None:
    made = run("db", "backup", tmp_path / "copy")
    assert (made.code, "encrypt it" in made.out) == (0, True)
    refused = run("db", "restore", tmp_path / "copy")
    assert (refused.code, "not empty" in refused.err) == (2, True)
    assert run("db", "restore", tmp_path / "copy", "--over", "--yes").code == 0
    checked = run("db", "verify")
    assert (checked.code, checked.out.count("\nok")) == (0, 9), checked.out


@pytest.mark.usefixtures("house")
def test_an_export_is_a_new_file_each_time_in_a_directory_under_a_name_of_its_own(
    run: Run, tmp_path: Path
) -> None:
    assert run("db", "export", tmp_path).code == 0
    [made] = tmp_path.glob("surveillance-*Z.export.gz")
    refused = run("db", "export", made)
    assert (refused.code, "exists already; name a new file, or a directory" in refused.err) == (2, True)


def test_what_is_wrong_is_told_with_exit_code_1(run: Run, house: House) -> None:
    with house.store.transaction() as tx:
        tx.execute(sa.delete(t.line_list))
    done = run("db", "verify", "--sample", "0")
    assert (done.code, "NO  line list: record 1: its line list is not what follows from it" in done.out) == (
        1,
        True,
    )
    assert "SEQUENCE:MAC" in run("db", "verify", "--head", "x").err


def test_a_lost_database_is_filled_again_from_an_export_and_the_topics(
    run: Run,
    embedded_broker: EmbeddedBroker,
    new_topic: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    configuration, prefix = load_house(tmp_path / "planet"), new_topic("")
    for name, value in {
        "CONFIG_DIR": str(tmp_path / "planet"),
        "AUDIT_KEY": "a" * 32,
        "DEAD_LETTER_KEY": "a key for tests only",
        "BROKERS": embedded_broker.address,
        "TOPIC_PREFIX": prefix,
        "REPAIR_AFTER_SECONDS": "0",
    }.items():
        monkeypatch.setenv(f"SURVEILLANCE_{name}", value)
    create_topics(embedded_broker.address, [TopicSpec(topic, 1) for topic in configuration.topics(prefix)])
    ago = (TODAY - datetime.now(UTC).date()).days + 2  # the house's days lie in a far future
    with Publisher(embedded_broker.address) as publisher:
        for n in range(5):
            value = json.dumps(incident(f"r-{n}", days_ago=ago + n, school="s-1")).encode()
            publisher.publish_and_wait(f"{prefix}incidents.v1.alpha", f"r-{n}".encode(), value)
    assert run("db", "upgrade").code == 0
    service = build_service(Settings())
    service.prepare()
    deadline = time.monotonic() + 60
    while not service.repair() and time.monotonic() < deadline:
        time.sleep(0.1)
    erase = ("records", "erase", "alpha/incident/r-4", "--by", "lead-1", "--reason", "a court order", "--yes")
    assert run(*erase).code == 0
    keys = {RecordKey("alpha", "incident", f"r-{n}") for n in range(5)}
    with service.store.reading() as tx:
        was = set(line_list.rows_of(tx, keys))
    assert {row.entry.key.record_id for row in was} == {"r-0", "r-1", "r-2", "r-3"}
    service.close()
    assert run("db", "export", tmp_path / "export.gz").code == 0
    head = run("audit", "head").out.strip()
    monkeypatch.setenv("SURVEILLANCE_DATABASE_URL", f"sqlite:///{tmp_path / 'found.db'}")
    assert run("db", "upgrade").code == 0
    again = ("db", "rebuild", "--from-topics")
    assert "--export" in run(*again).err
    done = run(*again, "--export", tmp_path / "export.gz", "--head", head)
    assert (done.code, "5 messages handled" in done.out) == (0, True), done.words
    assert run("db", "verify", "--head", head).code == 0
    store = Store.open(f"sqlite:///{tmp_path / 'found.db'}")
    with store.reading() as tx:
        assert set(line_list.rows_of(tx, keys)) == was
    store.close()


def test_what_would_expire_is_shown_and_nothing_removed(run: Run, house: House, tmp_path: Path) -> None:
    file = tmp_path / "planet" / "use_cases" / "dune-fever.yaml"
    file.write_text(file.read_text() + "retention:\n  keep_days: 30\n")
    assert load_configuration(tmp_path / "planet").use_cases["dune-fever"].retention is not None
    shown = run("db", "expire", "--dry-run")
    assert (shown.code, "dune-fever: cases up to" in shown.out, "0 records" in shown.out) == (0, True, True)
    assert run("db", "expire").code == 0
    assert house.alerts()


def test_roles_are_of_postgresql_only(run: Run) -> None:
    assert run("db", "upgrade").code == 0
    assert "SQLite has no roles" in run("db", "roles").err
