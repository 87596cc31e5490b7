"""A broker with TLS, passwords and an authorizer: who is let in, and what is said to whom it turns away."""

import logging
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from plugins.kafka_harness import ApacheKafka
from plugins.secure_kafka import SecureKafka
from surveillance.kafka.admin import TopicSpec, create_topics, describe, wait_for_brokers
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.brokers import Brokers, Security
from surveillance.kafka.knock import BrokerRefuses, BrokerUnreachable, knock
from surveillance.kafka.producer import Publisher
from surveillance.kafka.reader import read_range
from surveillance.submitting.outgoing import Outgoing
from surveillance.submitting.outlet import Outlet

pytestmark = pytest.mark.kafka
NewTopic = Callable[[str], str]
Way = Callable[[SecureKafka], Brokers]

TURNED_AWAY: dict[str, tuple[Way, str]] = {
    "wrong password": (lambda k: replace(k.admin, password="not it"), r"`admin` with this password.*_FILE"),
    "unknown user": (lambda k: k.as_user("nobody", "x"), "does not know the user `nobody`"),
    "no TLS": (lambda k: Brokers(k.address), "SURVEILLANCE_KAFKA_SECURITY.* to sasl-tls"),
    "expired certificate": (lambda k: k.expired, "has expired. Whoever runs the broker renews it"),
    "another authority": (lambda k: replace(k.admin, ca_file=None), "`kafka_ca_file` does not vouch"),
    "no password": (
        lambda k: replace(k.tls_only, addresses=k.address),
        "asks for a password on this port. Set `kafka_security`.*sasl-tls.*`kafka_user`",
    ),
    "a password where none is asked": (
        lambda k: replace(k.admin, addresses=k.tls_only.addresses),
        "asks for no password on this port. Set `kafka_security`",
    ),
}


@pytest.mark.parametrize("how", TURNED_AWAY)
def test_who_is_turned_away_hears_at_once_which_setting_to_mend(secure_kafka: SecureKafka, how: str) -> None:
    way, words = TURNED_AWAY[how]
    brokers = way(secure_kafka)
    began = time.monotonic()
    with pytest.raises(BrokerRefuses, match=words) as refused:
        wait_for_brokers(brokers, 30.0)
    assert time.monotonic() - began < 15.0
    assert brokers.addresses in str(refused.value)
    assert "not it" not in str(refused.value)


@pytest.mark.parametrize("security", ["plaintext", "tls", "sasl-tls"])
def test_a_port_that_takes_a_connection_and_says_nothing_is_left_in_bounded_time(security: Security) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        user = ("somebody", "x") if security == "sasl-tls" else ("", "")
        began = time.monotonic()
        with pytest.raises(BrokerUnreachable, match=r"no Kafka broker answers at .*SURVEILLANCE_BROKERS"):
            wait_for_brokers(Brokers(address, security, None, *user), 1.0)
    assert time.monotonic() - began < 45.0


def test_every_client_knocks_first(secure_kafka: SecureKafka) -> None:
    with pytest.raises(BrokerRefuses, match="sasl-tls"):
        Publisher(secure_kafka.address)
    with pytest.raises(BrokerRefuses, match="sasl-tls"):
        create_topics(secure_kafka.address, [TopicSpec("incidents.v1.north", partitions=1)])


def test_whoever_was_let_in_before_hears_it_too(secure_kafka: SecureKafka) -> None:
    """Without the knock at the start, as in the middle of a worker's day."""
    with pytest.raises(BrokerRefuses, match="has expired"):
        describe(secure_kafka.expired, ["incidents.v1.north"])


def test_a_client_with_tls_hears_that_a_broker_has_none(apache_kafka: ApacheKafka) -> None:
    with pytest.raises(BrokerRefuses, match="does not speak TLS on this port"):
        knock(Brokers(apache_kafka.address, "tls"))


def test_nobody_is_turned_away_by_a_broker_that_is_absent_or_plain(embedded_broker: EmbeddedBroker) -> None:
    assert knock(Brokers(embedded_broker.address))
    assert not knock(Brokers("127.0.0.1:1", "tls"))
    with pytest.raises(BrokerUnreachable) as absent:
        wait_for_brokers(Brokers("127.0.0.1:1", "tls"), 0.1)
    assert not isinstance(absent.value, BrokerRefuses)


def test_what_is_published_over_tls_is_read_over_tls(secure_kafka: SecureKafka, new_topic: NewTopic) -> None:
    wait_for_brokers(secure_kafka.tls_only, 5.0)
    brokers, topic = secure_kafka.admin, new_topic("incidents.v1.north")
    create_topics(brokers, [TopicSpec(topic, partitions=1)])
    with Publisher(brokers) as publisher:
        publisher.publish_and_wait(topic, b"k", b"{}")
    assert [m.value for m in read_range(brokers, topic, 0, 0, 1).messages] == [b"{}"]


def test_what_partners_hand_in_is_published_over_tls(secure_kafka: SecureKafka, new_topic: NewTopic) -> None:
    brokers, topic = secure_kafka.admin, new_topic("incidents.v1.north")
    create_topics(brokers, [TopicSpec(topic, partitions=1)])

    @dataclass(frozen=True)
    class OneRecord:
        topic: str

        def messages(self) -> list[Outgoing]:
            return [Outgoing("r-1@1", b"r-1", b"{}")]

    outlet = Outlet(brokers)
    assert outlet.publish([OneRecord(topic)]) == [True]
    outlet.close()
    assert [m.value for m in read_range(brokers, topic, 0, 0, 1).messages] == [b"{}"]
    turned_away = Outlet(replace(brokers, password="not it"))
    assert turned_away.publish([OneRecord(topic)]) == [False], "it waits in the spool until that is mended"


def test_no_client_tells_the_password(
    secure_kafka: SecureKafka, new_topic: NewTopic, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    brokers, topic = secure_kafka.admin, new_topic("incidents.v1.north")
    create_topics(brokers, [TopicSpec(topic, partitions=1)])
    with Publisher(brokers) as publisher:
        publisher.publish_and_wait(topic, b"k", b"{}")
    with pytest.raises(BrokerUnreachable):
        describe(replace(brokers, user="nobody"), [topic])
    assert caplog.text
    assert brokers.password not in caplog.text
    assert brokers.password not in f"{brokers} {brokers!r}"


def test_every_client_of_the_service_is_opened_from_all_settings_of_the_brokers() -> None:
    """`settings.brokers` is the addresses alone: a client of it would speak without TLS."""
    root = Path(__file__).parents[2]
    sources = [path for room in ("surveillance", "agents") for path in (root / room).rglob("*.py")]
    assert [path for path in sources if "settings.brokers" in path.read_text(encoding="utf-8")] == []
