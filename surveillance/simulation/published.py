"""One message of the synthetic feed, as a partner would send it to Kafka."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from surveillance.events.topics import Kind, Source
from surveillance.line_list.record import RecordKey
from surveillance.use_case.model import Partner

ID_FIELDS: Mapping[Kind, str] = {"incident": "record_id", "admission": "encounter_id"}


@dataclass(frozen=True, slots=True)
class Published:
    """What is sent, and why.

    key: the Kafka key, the partner's id of the record. reported_at: when the partner sends it (UTC); an
    exact repeat carries the older time of its original inside. note: `background`, `duplicate` (another
    partner reports the same death), `late`, `cluster`, `cluster:duplicate`, `repeat`,
    `revision:<action>`, `refused:<code>`.
    """

    kind: Kind
    partner: str
    key: str
    value: bytes
    reported_at: datetime
    note: str

    @property
    def source(self) -> Source:
        """Whose topic it goes to."""
        return Source(self.kind, self.partner)

    @property
    def record_key(self) -> RecordKey:
        """The record it is about."""
        return RecordKey(self.partner, self.kind, self.key)


def publish(
    payload: Mapping[str, Any], kind: Kind, partner: Partner, at: datetime, note: str, enveloped: bool = False
) -> Published:
    """A payload as the message that says it, reported at `at`; in a CloudEvents envelope if asked for."""
    event = {**payload, "reported_at": wire_time(at)}
    key = event[ID_FIELDS[kind]]
    body = _envelope(event, kind, partner, key) if enveloped else event
    return Published(kind, partner.id, key, encode(body), at, note)


def retell(published: Published, partner: Partner, at: datetime) -> Published:
    """The same version of the same record as if reported at another time."""
    payload, enveloped = payload_of(published), is_enveloped(published)
    return publish(payload, published.kind, partner, at, published.note, enveloped)


def payload_of(published: Published) -> dict[str, Any]:
    """The event inside a valid message, out of its envelope if it has one."""
    body: dict[str, Any] = json.loads(published.value)
    event: dict[str, Any] = body["data"] if "specversion" in body else body
    return event


def is_enveloped(published: Published) -> bool:
    """Whether a message is in a CloudEvents envelope."""
    return published.value.startswith(b'{"specversion"')


def encode(body: Mapping[str, Any]) -> bytes:
    """JSON on the wire."""
    return json.dumps(body, separators=(",", ":")).encode()


def wire_time(moment: datetime) -> str:
    """A time as partners write it: to the second, with its offset."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


def _envelope(event: Mapping[str, Any], kind: Kind, partner: Partner, key: str) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": f"{key}.{event['version']}",
        "source": f"/partners/{partner.id}",
        "type": f"{kind}.v1",
        "time": event["reported_at"],
        "datacontenttype": "application/json",
        "data": event,
    }
