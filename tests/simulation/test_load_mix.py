"""The mix for load and fault tests: its shares are exact, and its truth is what its messages add up to."""

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from surveillance.events.decode import decode
from surveillance.events.refusal import Refused
from surveillance.geography.area import load_areas
from surveillance.geography.lookup import Gazetteer
from surveillance.line_list.record import RecordKey
from surveillance.simulation.injected import InjectedCluster, choose_centre
from surveillance.simulation.load import Truth, load_mix
from surveillance.simulation.published import Published
from surveillance.simulation.world import World
from surveillance.use_case.load import load_partners

CONFIG = Path(__file__).parents[2] / "config"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
N = 2000


@cache
def region() -> World:
    partners = load_partners(CONFIG)
    return World(
        areas=load_areas("cheshire_merseyside", CONFIG),
        police=partners["example-police"],
        coroner=partners["example-coroner"],
        emergency=partners["example-emergency-department"],
    )


@cache
def mix() -> tuple[list[Published], Truth]:
    return load_mix(region(), np.random.default_rng(1), N, NOW)


def test_the_shares_of_a_mix_are_exact() -> None:
    messages, truth = mix()
    notes = Counter(message.note.split(":")[0] for message in messages)
    assert len(messages) == N
    assert notes["refused"] == sum(truth.refused.values()) == 20
    assert notes["revision"] == notes["repeat"] == 40
    kinds = Counter(key.kind for key in truth.highest)
    assert kinds["incident"] == pytest.approx(kinds["admission"], rel=0.05)


def test_reading_every_message_gives_exactly_the_records_and_refusals_of_the_truth() -> None:
    messages, truth = mix()
    gazetteer = Gazetteer.load((region().areas,))
    highest: dict[RecordKey, int] = {}
    refused: Counter[str] = Counter()
    for message in messages:
        organisation = region().partner(message.partner).organisation
        try:
            event = decode(message.value, message.source, organisation, NOW)
            gazetteer.resolve(event.model_dump(mode="json"))
        except Refused as refusal:
            refused[refusal.faults[0].code] += 1
            continue
        key = RecordKey(message.partner, message.kind, event.key_id)
        highest[key] = max(event.version, highest.get(key, 0))
    assert highest == truth.highest
    assert refused == truth.refused


def test_only_reports_of_one_death_share_a_person_key() -> None:
    _, truth = mix()
    assert truth.shared
    for one, other in map(sorted, truth.shared):
        assert {one.partner, other.partner} == {"example-police", "example-coroner"}
    assert len(set().union(*truth.shared)) == 2 * len(truth.shared)


def test_messages_come_in_the_order_of_their_reports_and_none_after_the_end() -> None:
    messages, _ = mix()
    times = [message.reported_at for message in messages]
    assert times == sorted(times)
    assert NOW - timedelta(days=365) <= times[0]
    assert times[-1] <= NOW


def test_an_injected_cluster_is_part_of_the_mix_and_neither_refused_nor_revised() -> None:
    rng = np.random.default_rng(1)
    cluster = InjectedCluster(choose_centre(region(), rng), deaths=12, both=0)
    messages, truth = load_mix(region(), rng, N, NOW, cluster=cluster)
    told = [message for message in messages if message.note == "cluster"]
    assert len(messages) == N
    assert len(told) == 12
    assert all(truth.highest[message.record_key] == 1 for message in told)


def test_a_mix_of_incidents_alone_needs_no_emergency_department() -> None:
    _, truth = load_mix(region(), np.random.default_rng(1), 200, NOW, incidents=1.0)
    assert {key.kind for key in truth.highest} == {"incident"}


def test_the_same_seed_gives_the_same_mix() -> None:
    assert load_mix(region(), np.random.default_rng(1), N, NOW) == mix()


def test_twenty_thousand_events_are_made_within_seconds() -> None:
    region().near(0, 1.0)
    began = time.process_time()
    messages, _ = load_mix(region(), np.random.default_rng(2), 20_000, NOW)
    assert len(messages) == 20_000
    assert time.process_time() - began < 10  # about 2 s; processor time, so that a busy machine passes
