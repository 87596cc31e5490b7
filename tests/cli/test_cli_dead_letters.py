"""surveillance dead-letters: listed, shown, and read again from a broker's topic after a fix."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import Run

from small_house import House, incident, load_house, write_house
from surveillance.kafka.admin import TopicSpec, create_topics, delete_topics
from surveillance.kafka.producer import Publisher
from surveillance.kafka.reader import read_range
from surveillance.line_list.record import RecordKey
from surveillance.offsets import TopicLogs
from surveillance.store import audit, line_list
from surveillance.store.database import Store

KEY = "k" * 40
TOPIC = "incidents.v1.alpha"


@dataclass
class World:
    """Three messages of a broker's topic were refused, two of them by a mistake of ours."""

    run: Run
    store: Store
    house_files: Path
    broker: str
    topic: str

    def mend(self) -> None:
        """The operator corrects the organisation's code."""
        path = self.house_files / "partners" / "alpha.yaml"
        path.write_text(path.read_text().replace("CLINIC-ALPHA", "CLINIC-A"))

    def stored(self) -> set[str]:
        keys = [RecordKey("alpha", "incident", f"r{i}") for i in range(3)]
        with self.store.reading() as tx:
            return {key.record_id for key in line_list.versions_of(tx, keys)}


@pytest.fixture
def world(
    run: Run, tmp_path: Path, broker_address: str, sqlite_template: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    (tmp_path / "surveillance.db").write_bytes(sqlite_template.read_bytes())
    files = write_house(tmp_path / "house")
    prefix = f"{tmp_path.name}."
    settings = {
        "CONFIG_DIR": str(files),
        "BROKERS": broker_address,
        "TOPIC_PREFIX": prefix,
        "AUDIT_KEY": KEY,
        "DEAD_LETTER_KEY": KEY,
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"SURVEILLANCE_{name}", value)
    configuration = load_house(files)
    create_topics(broker_address, [TopicSpec(name, 1) for name in configuration.topics(prefix)])
    at = dict.fromkeys(("occurred_from", "occurred_to", "reported_at"), "2024-03-01T22:00:00+00:00")
    records = [incident(f"r{i}", reporter_org="CLINIC-A", **at) for i in range(2)]
    records.append(incident("r2", sex="m", **at))
    with Publisher(broker_address) as publisher:
        for one in records:
            publisher.publish_and_wait(prefix + TOPIC, None, json.dumps(one).encode())
    store = Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}")
    house = House(configuration, store)
    house.settings = house.settings.model_copy(update={"topic_prefix": prefix, "dead_letter_key": None})
    service = house.service
    service.logs = TopicLogs(broker_address, configuration.topics(prefix))
    service._dead_letter_key = KEY.encode()
    service.ingest(read_range(broker_address, prefix + TOPIC, 0, 0, 3).messages)
    yield World(run, store, files, broker_address, prefix + TOPIC)
    delete_topics(broker_address, configuration.topics(prefix))
    store.close()


def test_refused_messages_are_listed_by_reason_and_shown_with_rule_and_fix(world: World) -> None:
    listed = world.run("dead-letters", "list", "--partner", "alpha")
    assert (listed.code, "r0" in listed.out, "r2" in listed.out) == (0, True, True)
    one = world.run("dead-letters", "list", "--reason", "wrong_organisation").out
    assert ("r0" in one, "r2" in one) == (True, False)
    shown = world.run("dead-letters", "show", 3).out
    assert "record    r2" in shown
    assert "sex: " in shown
    assert world.run("dead-letters", "list", "--since", "2251-01-01").out.count("r0") == 0


def test_what_is_valid_after_the_fix_is_stored_once_and_audited(world: World) -> None:
    world.mend()
    dry = world.run("dead-letters", "replay", "--partner", "alpha", "--dry-run")
    assert "would be: 2 accepted, 1 refused" in dry.out
    assert world.stored() == set()
    done = world.run("dead-letters", "replay", "--partner", "alpha")
    assert (done.code, "2 accepted, 1 refused" in done.out) == (0, True), done.words
    assert "sex: " in done.out, "it says why one is still refused"
    assert world.stored() == {"r0", "r1"}
    assert "1 refused" in world.run("dead-letters", "replay").out
    with world.store.reading() as tx:
        audit.verify(tx, KEY.encode())
        assert [entry.act for entry in audit.of_subject(tx, "dead-letter/1")] == ["replayed dead letter"]


def test_only_those_that_are_named_are_read_again(world: World) -> None:
    world.mend()
    assert "1 accepted" in world.run("dead-letters", "replay", 2).out
    assert world.stored() == {"r1"}
    assert "nothing that is not resolved" in world.run("dead-letters", "replay", 2).out


def test_what_the_topic_no_longer_holds_is_told(world: World) -> None:
    world.mend()
    delete_topics(world.broker, [world.topic])
    create_topics(world.broker, [TopicSpec(world.topic, 1)])
    done = world.run("dead-letters", "replay")
    assert (done.code, "3 gone" in done.out, "ask the partner" in done.out) == (0, True, True), done.words


@pytest.mark.usefixtures("world")
def test_a_letter_that_is_none_is_told(run: Run) -> None:
    assert "dead letter 99: there is none" in run("dead-letters", "show", 99).words
