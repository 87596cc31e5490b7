"""Gateways over a small house, and the files that partners hand in."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from small_house import incident
from surveillance.configuration import Configuration
from surveillance.kafka.admin import TopicSpec, create_topics, describe
from surveillance.kafka.reader import read_range
from surveillance.submitting.feed import Feed, zone_of
from surveillance.submitting.gateway import Gateway
from surveillance.submitting.outlet import Outlet
from surveillance.submitting.spool import Spool

NOWHERE = "127.0.0.1:1"
TIMES = {
    "occurred_from": "2024-03-01T06:00:00Z",
    "occurred_to": "2024-03-01T07:00:00Z",
    "reported_at": "2024-03-01T09:00:00Z",
}


def event(record: str, **changes: Any) -> dict[str, Any]:
    """A valid incident of alpha."""
    return incident(record, **{**TIMES, **changes})


def clock() -> datetime:
    return datetime.now(UTC)


def gateway(
    configuration: Configuration,
    directory: Path,
    brokers: str = NOWHERE,
    prefix: str = "",
    most_bytes: int = 10_000_000,
    seconds: float = 2.0,
) -> Gateway:
    spool = Spool(directory / "spool", most_bytes)
    return Gateway(configuration, spool, Outlet(brokers, seconds), clock, prefix)


def feed_of(configuration: Configuration, path: Path, **columns: str) -> Feed:
    partner = configuration.partners["alpha"]
    return Feed(path, partner, "incident", columns, zone_of(configuration, partner))


def events_file(path: Path, *events: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    return path


def make_topic(brokers: str, prefix: str, partner: str = "alpha") -> str:
    topic = f"{prefix}incidents.v1.{partner}"
    create_topics(brokers, [TopicSpec(topic, 1)])
    return topic


def lying_on(brokers: str, topic: str) -> list[dict[str, Any]]:
    """What a topic holds, in order."""
    end = describe(brokers, [topic]).topics[topic].partitions[0].end
    return [json.loads(m.value or b"") for m in read_range(brokers, topic, 0, 0, end, most=100_000).messages]
