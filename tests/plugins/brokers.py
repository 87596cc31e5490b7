"""Brokers for tests: `embedded_broker` and a real `apache_kafka`, one of each for the whole session.

Where one cannot run, it is absent, and says why.
"""

import uuid
from collections.abc import Callable, Iterator

import pytest

from plugins.absent import absent
from plugins.kafka_harness import ApacheKafka, KafkaAbsent, fetch_jars
from plugins.secure_kafka import SecureKafka
from surveillance.kafka.broker import BrokerUnavailable, EmbeddedBroker


@pytest.fixture(scope="session")
def embedded_broker() -> Iterator[EmbeddedBroker]:
    """The broker of the demo. Its topics are the session's: take names from `new_topic`."""
    try:
        broker = EmbeddedBroker()
        broker.start()
    except BrokerUnavailable as problem:
        absent("The embedded broker", str(problem))
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def apache_kafka() -> Iterator[ApacheKafka]:
    """A real Apache Kafka. A test that stops or kills it starts it again before it ends."""
    try:
        fetch_jars()
    except KafkaAbsent as problem:
        absent("Apache Kafka", str(problem))
    kafka = ApacheKafka()
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.close()


@pytest.fixture(scope="session")
def secure_kafka() -> Iterator[SecureKafka]:
    """A real Apache Kafka with TLS, passwords and an authorizer, of which nobody may do anything at first."""
    try:
        fetch_jars()
    except KafkaAbsent as problem:
        absent("Apache Kafka", str(problem))
    kafka = SecureKafka()
    try:
        kafka.start()
        yield kafka
    finally:
        kafka.close()


@pytest.fixture(params=["embedded_broker", pytest.param("apache_kafka", marks=pytest.mark.kafka)])
def broker_address(request: pytest.FixtureRequest) -> str:
    """host:port of each of the two brokers in turn."""
    return str(request.getfixturevalue(request.param).address)


@pytest.fixture
def new_topic() -> Callable[[str], str]:
    """Makes a topic name that no other test uses: new_topic("incidents.v1.north")."""
    run = uuid.uuid4().hex[:8]
    return lambda name: f"t{run}.{name}"
