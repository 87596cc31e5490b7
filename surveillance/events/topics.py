"""The names of topics: which kind of event, which partner, live or history."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Kind = Literal["incident", "admission"]

ALERTS_TOPIC = "alerts.v1"
_RECEIPTS = "receipts.v1."

_PLURAL: dict[Kind, str] = {"incident": "incidents", "admission": "admissions"}
KINDS: tuple[Kind, ...] = tuple(_PLURAL)
_SINGULAR: dict[str, Kind] = {plural: kind for kind, plural in _PLURAL.items()}
_PARTNER = r"[a-z0-9][a-z0-9-]{0,62}"
_TOPIC = re.compile(rf"(backfill\.)?(incidents|admissions)\.v1\.({_PARTNER})")


@dataclass(frozen=True, slots=True)
class Source:
    """What a topic's name says about its messages. `backfill` marks history that tells nobody."""

    kind: Kind
    partner: str
    backfill: bool = False


@lru_cache(1024)  # it is asked several times a message
def parse_topic(topic: str, prefix: str = "") -> Source | None:
    """The source that publishes on `topic`, or None where it is not a partner's topic.

    >>> parse_topic("incidents.v1.north-police")
    Source(kind='incident', partner='north-police', backfill=False)
    """
    if not topic.startswith(prefix):
        return None
    found = _TOPIC.fullmatch(topic[len(prefix) :])
    if found is None:
        return None
    history, plural, partner = found.groups()
    return Source(_SINGULAR[plural], partner, backfill=history is not None)


def topic_name(kind: Kind, partner: str, prefix: str = "", backfill: bool = False) -> str:
    """The topic of a partner; raises ValueError for a partner id that no topic can carry.

    >>> topic_name("admission", "royal", prefix="replay-7.", backfill=True)
    'replay-7.backfill.admissions.v1.royal'
    """
    if re.fullmatch(_PARTNER, partner) is None:
        raise ValueError("a partner id has 1 to 63 lower-case letters, digits and hyphens")
    return f"{prefix}{'backfill.' if backfill else ''}{_PLURAL[kind]}.v1.{partner}"


def receipts_topic(partner: str, prefix: str = "") -> str:
    """The topic on which a partner's messages are answered; raises ValueError as `topic_name` does.

    >>> receipts_topic("royal")
    'receipts.v1.royal'
    """
    if re.fullmatch(_PARTNER, partner) is None:
        raise ValueError("a partner id has 1 to 63 lower-case letters, digits and hyphens")
    return f"{prefix}{_RECEIPTS}{partner}"


def source_of(topic: str, prefix: str = "") -> Source:
    """The source that publishes on a partner's topic; raises ValueError for any other topic."""
    source = parse_topic(topic, prefix)
    if source is None:
        raise ValueError(f"{topic} is no partner's topic")
    return source


def parse_receipts_topic(topic: str, prefix: str = "") -> str | None:
    """The partner whose receipts a topic holds, or None where it holds none."""
    before = prefix + _RECEIPTS
    partner = topic.removeprefix(before)
    return partner if topic.startswith(before) and re.fullmatch(_PARTNER, partner) else None
