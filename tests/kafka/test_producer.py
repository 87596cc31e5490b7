from collections.abc import Callable

import pytest

from plugins.kafka_harness import ApacheKafka
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.producer import DeliveryFailed, Publisher
from surveillance.kafka.reader import read_range

NewTopic = Callable[[str], str]


def test_every_message_is_reported_once_and_stands_in_order(broker_address: str, new_topic: NewTopic) -> None:
    topic, reports = new_topic("published"), list[str | None]()
    create_topics(broker_address, [TopicSpec(topic, partitions=1)])
    with Publisher(broker_address) as publisher:
        for number in range(500):
            publisher.publish(topic, b"record", b"%d" % number, reports.append)
        publisher.flush()
        assert reports == [None] * 500
    stored = read_range(broker_address, topic, 0, 0, 500).messages
    assert [m.value for m in stored] == [b"%d" % number for number in range(500)]


def test_a_message_over_the_limit_is_reported_and_the_next_one_delivered(
    broker_address: str, new_topic: NewTopic
) -> None:
    topic, reports = new_topic("large"), dict[str, str | None]()
    create_topics(broker_address, [TopicSpec(topic, partitions=1)])
    with Publisher(broker_address) as publisher:
        publisher.publish(topic, None, b"x" * 3_000_000, lambda fault: reports.update(large=fault))
        publisher.publish(topic, None, b"small", lambda fault: reports.update(small=fault))
    assert "MessageSizeTooLarge" in str(reports["large"])
    assert reports["small"] is None


@pytest.mark.kafka
def test_a_missing_topic_fails_the_delivery(apache_kafka: ApacheKafka, new_topic: NewTopic) -> None:
    """The embedded broker makes the topic instead, so `publish` asks for it beforehand."""
    with Publisher(apache_kafka.address, delivery_seconds=2.0) as publisher, pytest.raises(DeliveryFailed):
        publisher.publish_and_wait(new_topic("missing"), None, b"value")
