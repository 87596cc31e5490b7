"""Topics: creating them, and what a broker says about them."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from kafka.admin import ConfigResource
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    for_code,
)

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from surveillance.kafka.brokers import Brokers, as_brokers
from surveillance.kafka.knock import BrokerRefuses, BrokerUnreachable, knock, no_answer

CLIENT_ID = "surveillance"
ANSWER_SECONDS = 10.0
RECONNECT_MOST_MS = 1000  # kafka-python would back off up to 30 s from a broker that restarts


class TopicFault(RuntimeError):
    """A topic is missing or cannot be made as asked; the text names the topic and the fix."""


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be.

    The broker stamps each message when it takes it (LogAppendTime): no partner can choose when it was
    received.
    `compacted`: the last message of each key is kept for ever. `retention_hours` None keeps everything.
    """

    name: str
    partitions: int
    replication_factor: int = 1
    compacted: bool = False
    retention_hours: float | None = 168.0

    def configs(self) -> dict[str, str]:
        """Kafka's names for it."""
        retention_ms = -1 if self.retention_hours is None else int(self.retention_hours * 3_600_000)
        chosen = {
            "message.timestamp.type": "LogAppendTime",
            "cleanup.policy": "compact" if self.compacted else "delete",
        }
        if not self.compacted:
            chosen["retention.ms"] = str(retention_ms)
        if self.replication_factor > 2:
            chosen["min.insync.replicas"] = "2"  # with acks=all a message survives the loss of one broker
        return chosen


@dataclass(frozen=True, slots=True)
class Offsets:
    """Of a partition: `begin` is the first offset still held, `end` the one the next message gets."""

    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class TopicState:
    """`id` is a topic's incarnation: a topic that is deleted and made again has another one."""

    name: str
    id: str
    partitions: Mapping[int, Offsets] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterState:
    """What a cluster holds of the topics that were asked for; `missing` do not exist."""

    cluster_id: str
    topics: Mapping[str, TopicState]
    missing: tuple[str, ...]


def wait_for_brokers(brokers: Brokers | str, seconds: float) -> None:
    """Returns once a broker answers; raises BrokerUnreachable after `seconds`.

    Raises BrokerRefuses at once where a broker answers and turns us away.
    """
    deadline = time.monotonic() + seconds
    while not knock(as_brokers(brokers)):
        if time.monotonic() > deadline:
            raise no_answer(brokers)
        time.sleep(0.05)


def create_topics(brokers: Brokers | str, specs: Iterable[TopicSpec]) -> tuple[str, ...]:
    """Creates the topics that do not exist and returns their names; a repetition creates none.

    Existing topics are left as they are. Raises TopicFault naming the topic the broker refuses.
    """
    if not knock(as_brokers(brokers)):
        raise no_answer(brokers)
    created = []
    with open_admin(brokers) as admin:
        existing = set(admin.list_topics())
        for spec in specs:
            if spec.name not in existing and _create(admin, spec):
                created.append(spec.name)
        if created:
            admin.wait_for_topics(created)
    return tuple(created)


def set_retention(brokers: Brokers | str, specs: Iterable[TopicSpec]) -> None:
    """Gives topics that exist the retention of their specs; compacted ones have none. Safe to repeat.

    Raises TopicFault naming a topic of which the broker refuses that.
    """
    resources = [
        ConfigResource("TOPIC", spec.name, {"retention.ms": spec.configs()["retention.ms"]})
        for spec in specs
        if not spec.compacted
    ]
    with open_admin(brokers) as admin:
        for of_type in admin.alter_configs(resources, raise_on_unknown=False).values():
            refused = sorted(name for name, answer in of_type.items() if answer != "OK")
            if refused:
                raise TopicFault(
                    f"topic {refused[0]}: the broker refuses its retention ({of_type[refused[0]]})"
                )


def delete_topics(brokers: Brokers | str, names: Iterable[str]) -> None:
    """Deletes the topics that exist, as a replay does with its own."""
    with open_admin(brokers) as admin:
        doomed = sorted(set(names) & set(admin.list_topics()))
        if doomed:
            admin.delete_topics(doomed)


def missing_topics(brokers: Brokers | str, names: Iterable[str]) -> tuple[str, ...]:
    """Those of the topics that do not exist."""
    with open_admin(brokers) as admin:
        return tuple(sorted(set(names) - set(admin.list_topics())))


def describe(brokers: Brokers | str, names: Iterable[str]) -> ClusterState:
    """Cluster id, topic ids and offsets of every partition, as of now."""
    wanted = sorted(set(names))
    with open_admin(brokers) as admin:
        cluster_id = str(admin.describe_cluster()["cluster_id"])
        found = {t["name"]: t for t in admin.describe_topics(wanted) if not t["error_code"]} if wanted else {}
    partitions = {n: [p["partition_index"] for p in t["partitions"]] for n, t in found.items()}
    offsets = _offsets(brokers, [TopicPartition(n, p) for n, ps in partitions.items() for p in ps])
    topics = {
        n: TopicState(
            n, str(t["topic_id"]), {p: offsets[TopicPartition(n, p)] for p in sorted(partitions[n])}
        )
        for n, t in found.items()
    }
    return ClusterState(cluster_id, topics, tuple(n for n in wanted if n not in found))


def _offsets(brokers: Brokers | str, partitions: list[TopicPartition]) -> dict[TopicPartition, Offsets]:
    """The end comes from the high watermark of a fetch.

    The broker's ListOffsets answer would be quicker, but the embedded broker's is wrong: it gives the
    first offset of the last batch plus one.
    """
    if not partitions:
        return {}
    with consumer(brokers, max_partition_fetch_bytes=1) as reader, as_unreachable(brokers):
        begin, listed = reader.beginning_offsets(partitions), reader.end_offsets(partitions)
        reader.assign(partitions)
        for partition in partitions:
            reader.seek(partition, listed[partition])
        ends = _high_watermarks(brokers, reader, partitions)
    return {p: Offsets(begin[p], max(listed[p], ends[p])) for p in partitions}


def _high_watermarks(
    brokers: Brokers | str, reader: KafkaConsumer, partitions: list[TopicPartition]
) -> dict[TopicPartition, int]:
    deadline = time.monotonic() + ANSWER_SECONDS
    while time.monotonic() < deadline:
        reader.poll(timeout_ms=50)
        ends = {p: reader.highwater(p) for p in partitions}
        if all(end is not None for end in ends.values()):
            return ends
    raise BrokerUnreachable(f"{brokers} did not say where its partitions end within {ANSWER_SECONDS:g} s")


def _create(admin: KafkaAdminClient, spec: TopicSpec) -> bool:
    wanted = {
        "num_partitions": spec.partitions,
        "replication_factor": spec.replication_factor,
        "configs": spec.configs(),
    }
    answer = admin.create_topics({spec.name: wanted}, raise_errors=False)["topics"][0]
    error = for_code(answer["error_code"])
    if error is TopicAlreadyExistsError:  # another process was quicker
        return False
    if answer["error_code"]:
        said = answer.get("error_message") or error.__name__
        raise TopicFault(f"topic {spec.name}: the broker refuses to create it ({said}). Check its settings")
    return True


@contextmanager
def consumer(brokers: Brokers | str, **settings: object) -> Iterator[KafkaConsumer]:
    """A consumer outside any group, which never commits and asks for exact offsets."""
    with as_unreachable(brokers):
        reader = KafkaConsumer(
            **as_brokers(brokers).options(),
            client_id=CLIENT_ID,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="none",
            allow_auto_create_topics=False,
            fetch_max_wait_ms=10,  # the embedded broker answers only after this
            bootstrap_timeout_ms=int(ANSWER_SECONDS * 1000),
            reconnect_backoff_max_ms=RECONNECT_MOST_MS,
            metrics_enabled=False,
            **settings,
        )
    try:
        yield reader
    finally:
        reader.close(autocommit=False)


@contextmanager
def open_admin(brokers: Brokers | str) -> Iterator[KafkaAdminClient]:
    with as_unreachable(brokers):
        admin = KafkaAdminClient(
            **as_brokers(brokers).options(),
            client_id=CLIENT_ID,
            bootstrap_timeout_ms=int(ANSWER_SECONDS * 1000),
            reconnect_backoff_max_ms=RECONNECT_MOST_MS,
        )
        try:
            yield admin
        finally:
            admin.close()


@contextmanager
def as_unreachable(brokers: Brokers | str) -> Iterator[None]:
    """Tells every failure of the connection as one error of ours, and why where that can be known; a broker's
    other refusals pass."""
    try:
        yield
    except (SaslAuthenticationFailedError, AuthorizationError) as error:
        knock(as_brokers(brokers))
        raise BrokerRefuses(not_allowed(brokers, error)) from error
    except KafkaError as error:
        if not error.retriable:
            raise
        knock(as_brokers(brokers))
        raise no_answer(brokers) from error


def not_allowed(brokers: Brokers | str, error: KafkaError) -> str:
    """What a user may not do, and who changes that."""
    who = as_brokers(brokers).user or "a client without a user"
    return (
        f"Kafka at {brokers}: {who} may not do this ({type(error).__name__}). Set `kafka_user` to one who "
        "may; `surveillance topics create`, run by an administrator of the brokers, grants what users need"
    )
