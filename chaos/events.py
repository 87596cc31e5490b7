"""The events of a schedule: what partners publish, hand in, repeat and get wrong, and what is owed for it."""

import hashlib
import hmac
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from feed import make_world

from chaos.schedule import Schedule
from surveillance.configuration import Configuration
from surveillance.events.topics import topic_name
from surveillance.simulation.injected import InjectedCluster, choose_centre
from surveillance.simulation.load import load_mix
from surveillance.simulation.published import Published, payload_of

DEATHS = 9
REFUSED, REPEATED, TWINS = 0.04, 0.2, 0.05
AT_ONCE = 40  # how far apart two events may be that change places
HANDED_IN = "example-police"


@dataclass(frozen=True, slots=True)
class Sent:
    """One message and its way: onto a topic, or by the gateway, which gets none that it would refuse."""

    published: Published
    backfill: bool = False
    by_gateway: bool = False
    value: bytes | None = None

    def topic(self, prefix: str) -> str:
        """The topic on which it ends."""
        return topic_name(self.published.kind, self.published.partner, prefix, self.backfill)

    @property
    def refused(self) -> bool:
        return self.published.note.startswith("refused")


Version = tuple[str, str, str, int]
"""partner, kind, record, version"""


@dataclass(frozen=True)
class Owed:
    """What must be in the database in the end: versions of records, and HMACs of the payloads of refusals."""

    accepted: frozenset[Version]
    refused: frozenset[str]


def make_events(schedule: Schedule, configuration: Configuration) -> list[Sent]:
    """The same for the same schedule, but for the times, which end now."""
    rng = random.Random(f"{schedule.seed}/{schedule.number}/events")
    drawn = np.random.default_rng(rng.getrandbits(64))
    world = make_world(configuration)
    cluster = InjectedCluster(choose_centre(world, drawn), deaths=DEATHS)
    mix, _ = load_mix(world, drawn, schedule.events, datetime.now(UTC), refused=REFUSED, cluster=cluster)
    sent = [Sent(one, value=one.value) for one in mix]
    if "poison" in schedule.feeds:
        sent = _poisoned(rng, sent)
    if "repeated" in schedule.feeds:
        sent = _repeated(rng, sent)
    if "reordered" in schedule.feeds:
        sent = _reordered(rng, sent)
    return [_by_gateway(one) for one in sent] if schedule.gateway else sent


def owed(sent: Iterable[Sent], dead_letter_key: bytes) -> Owed:
    """What the messages must leave behind, whatever happens to them on the way."""
    accepted, refused = set(), set()
    for one in sent:
        if one.refused:
            refused.add(hmac.new(dead_letter_key, one.value or b"", hashlib.sha256).hexdigest())
        else:
            record = one.published.record_key
            version = int(payload_of(one.published)["version"])
            accepted.add((record.partner, str(record.kind), record.record_id, version))
    return Owed(frozenset(accepted), frozenset(refused))


def _poisoned(rng: random.Random, sent: Sequence[Sent]) -> list[Sent]:
    """With messages that are no events at all, on the topics of the others."""
    poisoned = list(sent)
    for value in poison(rng):
        beside = rng.choice(sent).published
        bad = replace(beside, key="poison", value=value or b"", note="refused:poison")
        poisoned.insert(rng.randrange(len(poisoned)), Sent(bad, value=value))
    return poisoned


def poison(rng: random.Random) -> list[bytes | None]:
    """What a broken program can put onto a topic."""
    return [
        None,
        b"",
        b"\x00" * 100,
        b"[" * 500_000,
        b"\xff" * 900_000,
        rng.randbytes(2_000),
        b'{"record_id": "\\ud800"}',
        b'{"record_id": "a\\u0000b", "version": ' + b"9" * 5_000 + b"}",
        b"{" + b",".join(b'"f%d":0' % number for number in range(20_000)) + b"}",
        b'{"record_id": "x", "record_id": "y"}',
    ]


def _repeated(rng: random.Random, sent: Sequence[Sent]) -> list[Sent]:
    """A part of the messages again, somewhere; some of them also as history, on the other topic."""
    again = rng.sample(sent, round(len(sent) * REPEATED))
    twins = [replace(one, backfill=True) for one in rng.sample(sent, round(len(sent) * TWINS))]
    repeated = list(sent)
    for one in (*again, *twins):
        repeated.insert(rng.randrange(len(repeated)), one)
    return repeated


def _reordered(rng: random.Random, sent: Sequence[Sent]) -> list[Sent]:
    """Each event up to `AT_ONCE` places from where it was, its versions included."""
    order = sorted(range(len(sent)), key=lambda at: at + rng.uniform(0, AT_ONCE))
    return [sent[at] for at in order]


def _by_gateway(one: Sent) -> Sent:
    goes = not one.refused and not one.backfill and one.published.partner == HANDED_IN
    return replace(one, by_gateway=goes)
