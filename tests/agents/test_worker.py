import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from aiokafka.consumer.fetcher import Fetcher
from fakes import FakeHouse, Place, Settings
from mode.threads import WorkerThread

from agents.worker import Worker
from plugins.kafka_harness import ApacheKafka
from surveillance.events.message import Message
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port
from surveillance.kafka.producer import Publisher
from surveillance.service import Outage

NewTopic = Callable[[str], str]
HERE = Path(__file__).parent


@pytest.fixture
def topics(broker_address: str, new_topic: NewTopic) -> list[str]:
    names = [new_topic("incidents.v1.north"), new_topic("admissions.v1.royal")]
    create_topics(broker_address, [TopicSpec(name, partitions=4) for name in names])
    return names


@contextmanager
def working(brokers: str, house: FakeHouse) -> Iterator[Worker]:
    """A worker in a thread, reading by the time the block begins."""
    started = threading.Event()
    worker = Worker(Settings(brokers, house.topics[0]), house, started.set)
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(worker.run()))
    thread.start()
    try:
        assert started.wait(40), "the worker was never assigned a partition"
        yield worker
    finally:
        worker.stop()
        thread.join(20)
    assert codes == [0]


def publish(brokers: str, topics: Sequence[str], values: Sequence[bytes | None]) -> None:
    faults: list[str | None] = []
    with Publisher(brokers) as publisher:
        for number, value in enumerate(values):
            publisher.publish(topics[number % len(topics)], b"%d" % number, value, faults.append)
    assert faults == [None] * len(values)


def wait_until(true: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def test_every_message_reaches_the_service_whatever_it_holds(broker_address: str, topics: list[str]) -> None:
    odd = [None, b"", b"\xff\xfe\x00", b"[" * 5000, b"x" * 900_000]
    house = FakeHouse(topics)
    with working(broker_address, house) as worker:
        publish(broker_address, topics, [b"{}"] * 200 + odd)
        wait_until(lambda: len(house.stored) == 205)
        assert worker.assigned() == {(t, p) for t in topics for p in range(4)}
    assert sorted(house.values.values(), key=repr) == sorted([b"{}"] * 200 + odd, key=repr)
    assert worker.assigned() == frozenset()
    assert {"evaluate", "deliver", "repair", "tick"} <= set(house.calls)


def test_an_outage_holds_the_stream_and_loses_nothing(broker_address: str, topics: list[str]) -> None:
    attempts: list[float] = []

    def unreachable_for_three_seconds(_: Sequence[Message]) -> None:
        attempts.append(time.monotonic())
        if attempts[-1] - attempts[0] < 3.0:
            raise Outage("no database")

    house = FakeHouse(topics, before_ingest=unreachable_for_three_seconds)
    with working(broker_address, house):
        publish(broker_address, topics, [b"{}"] * 1000)
        wait_until(lambda: len(house.stored) == 1000)
    assert 4 <= len(attempts) < 40  # it waits longer and longer


@pytest.mark.kafka
def test_a_stop_during_an_outage_takes_effect_and_the_next_worker_reads_on(
    apache_kafka: ApacheKafka, new_topic: NewTopic
) -> None:
    address, topics = apache_kafka.address, [new_topic("incidents.v1.north")]
    create_topics(address, [TopicSpec(topics[0], partitions=4)])

    def unreachable(_: Sequence[Message]) -> None:
        raise Outage("no database")

    down = FakeHouse(topics, before_ingest=unreachable)
    with working(address, down):
        publish(address, topics, [b"{}"] * 100)
        time.sleep(1.0)
    up = FakeHouse(topics)
    with working(address, up):
        wait_until(lambda: len(up.stored) == 100)


@pytest.mark.kafka
@pytest.mark.slow
def test_a_terminated_worker_ends_at_once_and_the_next_one_reads_nothing_twice(
    apache_kafka: ApacheKafka, new_topic: NewTopic
) -> None:
    topic = new_topic("incidents.v1.north")
    create_topics(apache_kafka.address, [TopicSpec(topic, partitions=4)])
    stored: list[list[Place]] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        publish(apache_kafka.address, [topic], [b"{}"] * 300)
        process = _start_process(apache_kafka.address, topic)
        stored.append(_read_places(process, 300))
        time.sleep(1.0)  # offsets are committed each half second
        told = datetime.now(UTC)
        process.send_signal(number)
        _, logged = process.communicate(timeout=10)
        assert process.returncode == 0
        assert _stopped_at(logged) - told < timedelta(seconds=2.0)
    assert len({*stored[0], *stored[1]}) == 600


async def _cancelled(_: Fetcher) -> None:
    raise asyncio.CancelledError  # as with a fetch on its way to a broker that has just gone


async def _never(_: Fetcher) -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("close", [_cancelled, _never])
def test_a_worker_ends_with_all_its_threads_however_its_consumer_closes(
    broker_address: str, topics: list[str], monkeypatch: pytest.MonkeyPatch, close: Callable[..., object]
) -> None:
    monkeypatch.setattr(Fetcher, "close", close)
    with working(broker_address, FakeHouse(topics)):
        pass
    wait_until(lambda: not any(isinstance(thread, WorkerThread) for thread in threading.enumerate()))


def test_a_worker_without_a_broker_waits_for_it(new_topic: NewTopic) -> None:
    broker, topic = EmbeddedBroker(free_port()), new_topic("incidents.v1.north")
    house, started = FakeHouse([topic]), threading.Event()
    worker = Worker(Settings(broker.address, topic), house, started.set)
    with structlog.testing.capture_logs() as logs:
        thread = threading.Thread(target=worker.run)
        thread.start()
        wait_until(lambda: any(line["event"] == "waiting for the broker" for line in logs))
        worker.stop()
        thread.join(10)
    assert not thread.is_alive()


def test_a_step_that_hangs_holds_up_a_stop_for_seconds_only(
    embedded_broker: EmbeddedBroker, new_topic: NewTopic
) -> None:
    topic, hangs = new_topic("incidents.v1.north"), threading.Event()
    create_topics(embedded_broker.address, [TopicSpec(topic, partitions=1)])
    house = FakeHouse([topic])
    house.evaluate_next = lambda: hangs.wait(60)  # type: ignore[method-assign]
    worker = Worker(Settings(embedded_broker.address, topic), house)
    thread = threading.Thread(target=worker.run)
    thread.start()
    time.sleep(1.0)
    told = time.monotonic()
    worker.stop()
    thread.join(20)
    hangs.set()
    assert time.monotonic() - told < 9.0


def test_a_worker_without_its_topics_says_which_command_makes_them(
    broker_address: str, new_topic: NewTopic
) -> None:
    topic = new_topic("incidents.v1.north")
    with structlog.testing.capture_logs() as logs:
        assert Worker(Settings(broker_address, topic), FakeHouse([topic])).run() == 1
    [line] = [line for line in logs if line["log_level"] == "error"]
    assert "surveillance topics create" in line["event"]
    assert line["topics"] == (topic,)


@pytest.mark.kafka
def test_after_a_crash_of_the_stream_another_one_reads_on(
    apache_kafka: ApacheKafka, new_topic: NewTopic
) -> None:
    topic = new_topic("incidents.v1.north")
    create_topics(apache_kafka.address, [TopicSpec(topic, partitions=4)])
    house = FakeHouse([topic])
    with working(apache_kafka.address, house) as worker:
        for count in (50, 100, 150):
            publish(apache_kafka.address, [topic], [b"{}"] * 50)
            wait_until(lambda expected=count: len(house.stored) == expected)  # type: ignore[misc]
            app = worker._app
            assert app is not None
            asyncio.run_coroutine_threadsafe(app.crash(RuntimeError("a commit was refused")), app.loop)
            wait_until(lambda crashed=app: worker._app is not crashed)  # type: ignore[misc]


@pytest.mark.kafka
@pytest.mark.slow
def test_the_stream_goes_on_after_the_broker_was_killed(
    apache_kafka: ApacheKafka, new_topic: NewTopic
) -> None:
    topic = new_topic("incidents.v1.north")
    create_topics(apache_kafka.address, [TopicSpec(topic, partitions=4)])
    house = FakeHouse([topic])
    with working(apache_kafka.address, house):
        publish(apache_kafka.address, [topic], [b"{}"] * 100)
        wait_until(lambda: len(house.stored) == 100)
        apache_kafka.kill()
        time.sleep(1.0)
        apache_kafka.start()
        publish(apache_kafka.address, [topic], [b"{}"] * 100)
        wait_until(lambda: len(house.stored) == 200, 60)


def _start_process(brokers: str, topic: str) -> subprocess.Popen[str]:
    path = os.pathsep.join((str(HERE.parents[1]), str(HERE.parent), str(HERE)))
    return subprocess.Popen(
        [sys.executable, str(HERE / "worker_process.py"), brokers, topic, topic],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )


def _read_places(process: subprocess.Popen[str], count: int) -> list[Place]:
    assert process.stdout is not None
    lines = [process.stdout.readline().split() for _ in range(count)]
    return [(topic, int(partition), int(offset)) for topic, partition, offset in lines]


def _stopped_at(logged: str) -> datetime:
    (line,) = [line for line in map(json.loads, logged.splitlines()) if line["event"] == "worker stopped"]
    return datetime.fromisoformat(line["timestamp"])
