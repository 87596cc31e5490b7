import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from kafka.admin import ConfigResource, ConfigResourceType

from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from plugins.kafka_harness import ApacheKafka
from surveillance.kafka.admin import TopicSpec, create_topics, describe
from surveillance.kafka.producer import Publisher
from surveillance.kafka.reader import read_range

NewTopic = Callable[[str], str]


@pytest.fixture
def topic_of_ten(broker_address: str, new_topic: NewTopic) -> str:
    topic = new_topic("ten")
    create_topics(broker_address, [TopicSpec(topic, partitions=1)])
    with Publisher(broker_address) as publisher:
        for number in range(10):
            publisher.publish_and_wait(topic, None, b"%d" % number)
    return topic


def test_an_exact_range_is_read(broker_address: str, topic_of_ten: str) -> None:
    fetched = read_range(broker_address, topic_of_ten, 0, 3, 7)
    assert [m.offset for m in fetched.messages] == [3, 4, 5, 6]
    assert [m.value for m in fetched.messages] == [b"3", b"4", b"5", b"6"]
    assert (fetched.absent, fetched.lost, fetched.next_offset) == ((), (), 7)
    assert abs(fetched.messages[0].received_at - datetime.now(UTC)) < timedelta(minutes=1)


def test_reading_stops_at_the_most_messages_and_says_where_to_go_on(
    broker_address: str, topic_of_ten: str
) -> None:
    first = read_range(broker_address, topic_of_ten, 0, 0, 10, most=4)
    second = read_range(broker_address, topic_of_ten, 0, first.next_offset, 10)
    assert [m.offset for m in (*first.messages, *second.messages)] == list(range(10))


def test_offsets_beyond_the_end_of_the_log_are_neither_absent_nor_lost(
    broker_address: str, topic_of_ten: str
) -> None:
    fetched = read_range(broker_address, topic_of_ten, 0, 8, 15, seconds=3.0)
    assert [m.offset for m in fetched.messages] == [8, 9]
    assert (fetched.absent, fetched.lost, fetched.next_offset) == ((), (), 10)


def test_tombstones_and_large_messages_are_read(broker_address: str, new_topic: NewTopic) -> None:
    topic, large = new_topic("odd"), b"x" * 900_000
    create_topics(broker_address, [TopicSpec(topic, partitions=1)])
    with Publisher(broker_address) as publisher:
        publisher.publish_and_wait(topic, b"key", None)
        publisher.publish_and_wait(topic, None, b"\xff\xfe\x00")
        publisher.publish_and_wait(topic, None, large)
    assert [m.value for m in read_range(broker_address, topic, 0, 0, 3).messages] == [
        None,
        b"\xff\xfe\x00",
        large,
    ]


@pytest.mark.kafka
def test_the_markers_of_transactions_are_absent(apache_kafka: ApacheKafka, new_topic: NewTopic) -> None:
    topic = new_topic("transactions")
    create_topics(apache_kafka.address, [TopicSpec(topic, partitions=1)])
    producer = KafkaProducer(bootstrap_servers=apache_kafka.address, transactional_id=topic)
    producer.init_transactions()
    for _ in range(2):  # message, message, marker
        producer.begin_transaction()
        producer.send(topic, value=b"a")
        producer.send(topic, value=b"b")
        producer.commit_transaction()
    producer.close()
    fetched = read_range(apache_kafka.address, topic, 0, 0, 6)
    assert [m.offset for m in fetched.messages] == [0, 1, 3, 4]
    assert fetched.absent == (range(2, 3), range(5, 6))
    assert fetched.next_offset == describe(apache_kafka.address, [topic]).topics[topic].partitions[0].end == 6


@pytest.mark.kafka
def test_offsets_below_the_start_of_the_log_are_lost(apache_kafka: ApacheKafka, new_topic: NewTopic) -> None:
    topic = new_topic("cut")
    create_topics(apache_kafka.address, [TopicSpec(topic, partitions=1)])
    with Publisher(apache_kafka.address) as publisher:
        for number in range(6):
            publisher.publish_and_wait(topic, None, b"%d" % number)
    admin = KafkaAdminClient(bootstrap_servers=apache_kafka.address)
    admin.delete_records({TopicPartition(topic, 0): 4})
    admin.close()
    assert describe(apache_kafka.address, [topic]).topics[topic].partitions[0].begin == 4
    fetched = read_range(apache_kafka.address, topic, 0, 1, 6)
    assert fetched.lost == (range(1, 4),)
    assert [m.offset for m in fetched.messages] == [4, 5]
    everything_lost = read_range(apache_kafka.address, topic, 0, 0, 2)
    assert (everything_lost.lost, everything_lost.next_offset) == ((range(0, 2),), 2)


@pytest.mark.kafka
def test_compacted_offsets_are_absent(apache_kafka: ApacheKafka, new_topic: NewTopic) -> None:
    topic = new_topic("alerts.v1")
    create_topics(apache_kafka.address, [TopicSpec(topic, partitions=1, compacted=True)])
    _roll_segments_quickly(apache_kafka.address, topic)
    with Publisher(apache_kafka.address) as publisher:
        for revision in range(8):
            publisher.publish_and_wait(topic, b"same alert", b"%d" % revision)
            time.sleep(0.15)
        last = publisher.publish_and_wait(topic, b"another alert", b"0")
    deadline = time.monotonic() + 25
    while True:
        fetched = read_range(apache_kafka.address, topic, 0, 0, last + 1)
        assert fetched.next_offset == last + 1
        assert len(fetched.messages) + sum(map(len, fetched.absent)) == last + 1
        if fetched.absent or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert fetched.absent, "the broker never compacted"


@pytest.mark.kafka
def test_the_broker_says_when_a_message_was_received(apache_kafka: ApacheKafka, new_topic: NewTopic) -> None:
    topic = new_topic("live")
    create_topics(apache_kafka.address, [TopicSpec(topic, 1)])
    sender = KafkaProducer(bootstrap_servers=apache_kafka.address)
    sender.send(topic, b"{}", timestamp_ms=1_000_000_000_000).get(timeout=10)
    sender.close()
    assert read_range(apache_kafka.address, topic, 0, 0, 1).messages[0].received_at.year > 2001


def _roll_segments_quickly(brokers: str, topic: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=brokers)
    chosen = {"segment.ms": "100", "min.cleanable.dirty.ratio": "0.01", "max.compaction.lag.ms": "100"}
    admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, chosen)])
    admin.close()
