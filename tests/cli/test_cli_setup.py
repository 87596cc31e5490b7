"""db upgrade, topics create, worker: setting things up is safe to repeat, and says what is missing."""

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from command import Run

from small_house import write_house
from surveillance.kafka.admin import describe
from surveillance.kafka.broker import EmbeddedBroker


def test_the_schema_is_brought_up_to_date_and_a_second_time_does_nothing(run: Run) -> None:
    for _ in range(2):
        done = run("db", "upgrade")
        assert (done.code, done.out) == (0, "the schema is up to date\n")


def test_a_database_that_cannot_be_used_is_told_in_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_DATABASE_URL", "postgresql+psycopg://u:hidden@127.0.0.1:1/d")
    done = run("db", "upgrade")
    assert done.code == 2
    assert "SURVEILLANCE_DATABASE_URL" in done.err
    assert "hidden" not in done.words


def test_a_database_url_of_another_kind_is_told_in_words(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_DATABASE_URL", "mysql://u:hidden@127.0.0.1/d")
    done = run("db", "upgrade")
    assert done.code == 2
    assert "postgresql+psycopg" in done.words
    assert "hidden" not in done.words


def test_topics_are_created_once(
    run: Run,
    embedded_broker: EmbeddedBroker,
    new_topic: Callable[[str], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prefix = new_topic("")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(write_house(tmp_path / "planet")))
    monkeypatch.setenv("SURVEILLANCE_BROKERS", embedded_broker.address)
    monkeypatch.setenv("SURVEILLANCE_TOPIC_PREFIX", prefix)
    monkeypatch.setenv("SURVEILLANCE_PARTITIONS", "3")
    names = {
        f"{prefix}{name}"
        for name in (
            "incidents.v1.alpha",
            "incidents.v1.beta",
            "backfill.incidents.v1.alpha",
            "backfill.incidents.v1.beta",
            "alerts.v1",
        )
    }
    first, second = run("topics", "create"), run("topics", "create")
    assert (first.code, set(first.out.split())) == (0, names)
    assert (second.code, second.out) == (0, "every topic exists already\n")
    found = describe(embedded_broker.address, sorted(names))
    assert found.missing == ()
    assert {len(topic.partitions) for topic in found.topics.values()} == {3}


def test_without_a_broker_it_is_told_in_words(run: Run) -> None:
    done = run("topics", "create")
    assert done.code == 2
    assert "127.0.0.1:1" in done.err
    assert "Traceback" not in done.err


def test_a_worker_without_a_key_for_dead_letters_says_how_to_make_one(run: Run) -> None:
    done = run("worker")
    assert done.code == 2
    assert "SURVEILLANCE_DEAD_LETTER_KEY" in done.words
    assert "openssl rand" in done.words


def test_a_worker_without_a_schema_says_what_to_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SURVEILLANCE_DEAD_LETTER_KEY", "a key for tests only")
    done = run("worker")
    assert done.code == 2
    assert "surveillance db upgrade" in done.words


def test_a_port_for_metrics_that_is_taken_is_told_by_its_setting(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(write_house(tmp_path / "house")))
        monkeypatch.setenv("SURVEILLANCE_DEAD_LETTER_KEY", "a key for tests only")
        monkeypatch.setenv("SURVEILLANCE_METRICS_PORT", str(taken.getsockname()[1]))
        done = run("worker")
    assert (done.code, "setting metrics_port" in done.err) == (2, True)
