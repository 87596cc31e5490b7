"""The drill: PostgreSQL restored to a moment between two events; the service then fetches the rest."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from lived_in import KEYS

from plugins.absent import absent
from postgresql_server import PostgresqlServer, find_programs
from small_house import TODAY, incident, write_house
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.producer import Publisher
from surveillance.service import Service, build_service
from surveillance.settings import Settings
from surveillance.store import ledger, line_list, listed
from surveillance.store.database import Store
from surveillance.upkeep.verifying import verify

AGO = (TODAY - datetime.now(UTC).date()).days + 2  # the house's days lie in a far future


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    """A server of this test's own, which keeps its log: it is destroyed and restored."""
    programs = find_programs()
    if programs is None:
        absent("PostgreSQL", "its server programs (initdb, pg_ctl) are not installed")
    made = PostgresqlServer.create(programs, archive=True)
    made.execute("CREATE DATABASE surveillance TEMPLATE template0")
    yield made
    made.remove()


@pytest.fixture
def settings(embedded_broker: EmbeddedBroker, new_topic: Callable[[str], str], tmp_path: Path) -> Settings:
    chosen: dict[str, Any] = {
        "config_dir": write_house(tmp_path / "planet"),
        "brokers": embedded_broker.address,
        "topic_prefix": new_topic(""),
        "dead_letter_key": KEYS.erasure.decode(),
        "audit_key": KEYS.audit.decode(),
        "repair_after_seconds": 0,
    }
    settings = Settings(**chosen)
    topics = build_service(settings.model_copy(update={"database_url": _secret("sqlite:///none")})).topics
    create_topics(embedded_broker.address, [TopicSpec(topic, 1) for topic in topics])
    return settings


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


def on(settings: Settings, url: str) -> Service:
    """A service on a database, as after its start."""
    store = Store.open(url)
    store.upgrade()
    store.close()
    service = build_service(settings.model_copy(update={"database_url": _secret(url)}))
    service.prepare()
    return service


def send(settings: Settings, *payloads: dict[str, Any]) -> None:
    with Publisher(settings.brokers) as publisher:
        for payload in payloads:
            topic = f"{settings.topic_prefix}incidents.v1.alpha"
            publisher.publish_and_wait(topic, payload["record_id"].encode(), json.dumps(payload).encode())


def handle(service: Service) -> None:
    """Repairs until every offset that the broker holds is in the ledger."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        service.repair()
        ends = service.logs.ends()
        with service.store.reading() as tx:
            marks = {place: position.mark for place, position in ledger.positions(tx, ends).items()}
        if all(marks.get(place, 0) >= offsets.end for place, offsets in ends.items()):
            return
    raise AssertionError("the ledger does not reach the ends of the logs")


def listed_now(service: Service) -> set[object]:
    with service.store.reading() as tx:
        keys, _ = listed.keys_after(tx, 0, 1_000)
        return set(line_list.rows_of(tx, keys))


def records(service: Service) -> set[str]:
    return {row.entry.key.record_id for row in listed_now(service)}  # type: ignore[attr-defined]


def case(n: int, **changes: Any) -> dict[str, Any]:
    return incident(f"r-{n}", days_ago=AGO + n % 4, school="s-1", **changes)


@pytest.mark.postgresql
@pytest.mark.slow
def test_what_came_after_the_moment_is_fetched_again_and_the_line_list_is_the_same(
    server: PostgresqlServer, settings: Settings
) -> None:
    service = on(settings, server.url("surveillance"))
    send(settings, *(case(n) for n in range(3)))
    handle(service)
    base = str(server.directory / "base")
    reach = ("-h", str(server.directory), "-U", "postgres")
    server.run("pg_basebackup", *reach, "-D", base, "--checkpoint=fast", "--no-sync")
    send(settings, *(case(n) for n in range(3, 6)))
    handle(service)
    server.execute("SELECT pg_create_restore_point('between')")
    send(
        settings, *(case(n) for n in range(6, 9)), case(0, version=2, action="withdrawn", status="withdrawn")
    )
    handle(service)
    was = listed_now(service)
    assert records(service) == {f"r-{n}" for n in range(9)}
    service.close()
    _archived(server)
    server.stop()
    server.run("rm", "-r", str(server.cluster))
    server.run("mv", base, str(server.cluster))
    _recover_to(server, "between")
    server.start()
    _promoted(server)
    again = on(settings, server.url("surveillance"))
    assert records(again) == {f"r-{n}" for n in range(6)}
    handle(again)
    assert listed_now(again) == was
    assert [c for c in verify(again.store, again.configuration, KEYS) if c.faults] == []
    again.close()


def _archived(server: PostgresqlServer) -> None:
    """Ends the segment that is being written, and waits until it lies in the archive."""
    server.execute("SELECT pg_switch_wal()")
    deadline, count = time.monotonic() + 30, -1
    while time.monotonic() < deadline:
        before, count = count, len(list((server.directory / "wal").iterdir()))
        if before == count > 0:
            return
        time.sleep(1)
    raise AssertionError("the log is not archived")


def _recover_to(server: PostgresqlServer, point: str) -> None:
    lines = (
        f"restore_command = 'cp {server.directory}/wal/%f %p'",
        f"recovery_target_name = '{point}'",
        "recovery_target_action = 'promote'",
    )
    with (server.cluster / "postgresql.auto.conf").open("a", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    server.run("touch", str(server.cluster / "recovery.signal"))


def _promoted(server: PostgresqlServer) -> None:
    store = Store.open(server.url("surveillance"))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with store.reading() as tx:
            if not tx.execute(sa.text("SELECT pg_is_in_recovery()")).scalar_one():
                store.close()
                return
        time.sleep(0.2)
    raise AssertionError("the server is still in recovery")
