"""What fault tests publish: the mix of the simulation with an injected cluster, at an even pace."""

import time
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from fleet import SCOPE

from surveillance.configuration import Configuration
from surveillance.events.topics import topic_name
from surveillance.kafka.producer import Publisher
from surveillance.simulation.injected import InjectedCluster, choose_centre
from surveillance.simulation.load import Truth, load_mix
from surveillance.simulation.published import Published
from surveillance.simulation.world import World

_SLICES_A_SECOND = 20


def make_world(configuration: Configuration, tag: str = "") -> World:
    partner = configuration.partners
    return World(
        areas=configuration.regions[SCOPE].inside,
        police=partner["example-police"],
        coroner=partner["example-coroner"],
        emergency=partner["example-emergency-department"],
        tag=tag,
    )


def make_mix(configuration: Configuration, events: int, deaths: int = 12) -> tuple[list[Published], Truth]:
    """Events of both kinds: 1 % refused, 2 % revised, 2 % repeated, and a cluster of `deaths`."""
    world = make_world(configuration)
    rng = np.random.default_rng(20_250_101)
    cluster = InjectedCluster(choose_centre(world, rng), deaths=deaths)
    return load_mix(world, rng, events, datetime.now(UTC), cluster=cluster)


def publish_over(brokers: str, prefix: str, messages: Sequence[Published], seconds: float) -> None:
    """Publishes all messages in order, evenly over so many seconds; every one is confirmed."""
    failures: list[str] = []
    confirmed = 0

    def report(error: str | None) -> None:
        nonlocal confirmed
        confirmed += 1
        if error is not None:
            failures.append(error)

    began = time.monotonic()
    size = max(1, round(len(messages) / (seconds * _SLICES_A_SECOND)))
    with Publisher(brokers, delivery_seconds=60) as publisher:
        for first in range(0, len(messages), size):
            time.sleep(max(0.0, began + seconds * first / len(messages) - time.monotonic()))
            for message in messages[first : first + size]:
                topic = topic_name(message.kind, message.partner, prefix)
                publisher.publish(topic, message.key.encode(), message.value, report)
        publisher.flush()
    assert failures == []
    assert confirmed == len(messages)
