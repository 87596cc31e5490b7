"""How partners revise what they sent: the next version of a record, and exact repeats."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from surveillance.line_list.record import RecordKey
from surveillance.simulation.published import Published, is_enveloped, payload_of, publish
from surveillance.simulation.world import Rng
from surveillance.use_case.model import Partner

Change = Callable[[dict[str, Any], Rng], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class RevisionKind:
    """A kind of revision: its share among revisions, how many days later it comes, and what it changes."""

    share: float
    days: tuple[float, float]
    change: Change


def _amend_age(payload: dict[str, Any], rng: Rng) -> dict[str, Any]:
    age = payload["age"] + int(rng.integers(1, 4)) * (1 if payload["age"] < 100 else -1)
    return {"action": "amended", "age": age}


def _conclude(_: dict[str, Any], rng: Rng) -> dict[str, Any]:
    status = str(rng.choice(["suicide", "undetermined", "other_cause"], p=[0.8, 0.1, 0.1]))
    return {"action": "concluded", "status": status}


def _withdraw(_: dict[str, Any], __: Rng) -> dict[str, Any]:
    return {"action": "withdrawn", "status": "withdrawn"}


def _cancel(_: dict[str, Any], __: Rng) -> dict[str, Any]:
    return {"action": "cancelled"}


INCIDENT_KINDS = (
    RevisionKind(0.35, (1, 14), _amend_age),
    RevisionKind(0.5, (120, 300), _conclude),
    RevisionKind(0.15, (2, 30), _withdraw),
)
ADMISSION_KINDS = (RevisionKind(0.7, (1, 10), _amend_age), RevisionKind(0.3, (1, 5), _cancel))
KINDS: Mapping[str, tuple[RevisionKind, ...]] = {"incident": INCIDENT_KINDS, "admission": ADMISSION_KINDS}


def draw_kind(kind: str, rng: Rng) -> RevisionKind:
    """A kind of revision for an incident or an admission."""
    kinds = KINDS[kind]
    return kinds[int(rng.choice(len(kinds), p=[k.share for k in kinds]))]


def revise(published: Published, partner: Partner, kind: RevisionKind, rng: Rng, at: datetime) -> Published:
    """The next version of a record, reported at `at`, in the form in which its partner writes."""
    payload = payload_of(published)
    changed = {**payload, **kind.change(payload, rng), "version": payload["version"] + 1}
    note = f"revision:{changed['action']}"
    return publish(changed, published.kind, partner, at, note, enveloped=is_enveloped(published))


def merge(published: Published, into: Published, partner: Partner, at: datetime) -> Published:
    """The partner found that two of its records are one: the first goes into the second."""
    payload = payload_of(published)
    changed = {
        **payload,
        "action": "merged",
        "merged_into": into.key,
        "version": payload["version"] + 1,
    }
    return publish(changed, published.kind, partner, at, "revision:merged", enveloped=is_enveloped(published))


def repeat(published: Published, at: datetime) -> Published:
    """The same bytes once more, as after a lost acknowledgement."""
    return replace(published, reported_at=at, note="repeat")


def latest(messages: Iterable[Published]) -> dict[RecordKey, Published]:
    """Of each record the message with the highest version; refused messages have no record."""
    found: dict[RecordKey, Published] = {}
    versions: dict[RecordKey, int] = {}
    for message in messages:
        if message.note.startswith("refused"):
            continue
        version = payload_of(message)["version"]
        if version > versions.get(message.record_key, 0):
            versions[message.record_key], found[message.record_key] = version, message
    return found


def is_open(message: Published) -> bool:
    """Whether a record may still be revised: neither withdrawn, cancelled, merged nor concluded."""
    return payload_of(message)["action"] not in {"withdrawn", "cancelled", "merged", "concluded"}
