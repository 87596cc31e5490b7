from collections.abc import Callable
from dataclasses import replace

import pytest
from kafka.admin import ConfigResource

from plugins.kafka_harness import ApacheKafka
from surveillance.kafka.admin import (
    BrokerUnreachable,
    Offsets,
    TopicFault,
    TopicSpec,
    create_topics,
    delete_topics,
    describe,
    missing_topics,
    open_admin,
    set_retention,
    wait_for_brokers,
)
from surveillance.kafka.ports import free_port
from surveillance.kafka.producer import Publisher

NewTopic = Callable[[str], str]


def test_creating_topics_twice_creates_them_once(broker_address: str, new_topic: NewTopic) -> None:
    spec = TopicSpec(new_topic("incidents.v1.north"), partitions=4)
    assert create_topics(broker_address, [spec]) == (spec.name,)
    assert create_topics(broker_address, [spec]) == ()
    assert sorted(describe(broker_address, [spec.name]).topics[spec.name].partitions) == [0, 1, 2, 3]


@pytest.mark.kafka
def test_topics_that_exist_get_the_retention_that_is_asked_for(
    apache_kafka: ApacheKafka, new_topic: NewTopic
) -> None:
    ours, alerts = TopicSpec(new_topic("ours"), 1), TopicSpec(new_topic("alerts"), 1, compacted=True)
    create_topics(apache_kafka.address, [ours, alerts])
    for _ in range(2):
        set_retention(apache_kafka.address, [replace(ours, retention_hours=48), alerts])
    with open_admin(apache_kafka.address) as admin:
        asked = [ConfigResource("TOPIC", one.name, {"retention.ms": None}) for one in (ours, alerts)]
        (found,) = admin.describe_configs(asked, config_filter="all").values()
    assert found[ours.name]["retention.ms"]["value"] == str(48 * 3_600_000)
    assert found[alerts.name]["retention.ms"]["value"] == str(168 * 3_600_000)
    with pytest.raises(TopicFault, match="never"):
        set_retention(apache_kafka.address, [TopicSpec(new_topic("never-there"), 1)])


def test_missing_topics_are_named(broker_address: str, new_topic: NewTopic) -> None:
    there, absent = new_topic("there"), new_topic("absent")
    create_topics(broker_address, [TopicSpec(there, partitions=1)])
    assert missing_topics(broker_address, [there, absent]) == (absent,)
    assert describe(broker_address, [there, absent]).missing == (absent,)


def test_the_end_offset_counts_every_message_of_the_last_batch(
    broker_address: str, new_topic: NewTopic
) -> None:
    """The embedded broker's own answer to ListOffsets counts one message of the last batch."""
    topic = new_topic("ends")
    create_topics(broker_address, [TopicSpec(topic, partitions=2)])
    assert describe(broker_address, [topic]).topics[topic].partitions == {0: Offsets(0, 0), 1: Offsets(0, 0)}
    with Publisher(broker_address) as publisher:
        for _ in range(7):
            publisher.publish(topic, b"same key", b"value", report=lambda _: None)
    ends = describe(broker_address, [topic]).topics[topic].partitions
    assert sorted(offsets.end for offsets in ends.values()) == [0, 7]


def test_a_topic_made_again_is_another_incarnation(broker_address: str, new_topic: NewTopic) -> None:
    spec = TopicSpec(new_topic("again"), partitions=1)
    create_topics(broker_address, [spec])
    before = describe(broker_address, [spec.name])
    delete_topics(broker_address, [spec.name, new_topic("never there")])
    create_topics(broker_address, [spec])
    after = describe(broker_address, [spec.name])
    assert after.cluster_id == before.cluster_id
    assert after.topics[spec.name].id != before.topics[spec.name].id


@pytest.mark.kafka
def test_a_topic_the_broker_refuses_is_named(apache_kafka: ApacheKafka) -> None:
    with pytest.raises(TopicFault, match="not a topic name"):
        create_topics(apache_kafka.address, [TopicSpec("not a topic name", partitions=1)])


def test_an_absent_broker_is_reported_in_time_with_its_address() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(BrokerUnreachable, match=address):
        wait_for_brokers(address, 0.3)
