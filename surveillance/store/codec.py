"""Alerts and clusters as JSON, and back. What is read back equals what was written."""

import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date, datetime
from enum import Enum
from typing import Any

from surveillance.alerting.alert import Alert, State
from surveillance.detection.cluster import Cluster
from surveillance.store.json_text import dump_json

Json = Any
Decoder = Callable[[Any], Any]


def to_json(value: Any) -> Json:
    """Dataclasses, dates, enums, arrays' numbers and containers as JSON values; infinities as text."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else str(float(value))
    if value is None or isinstance(value, str | bool | int):
        return value
    return _container_to_json(value)


def _container_to_json(value: Any) -> Json:
    if is_dataclass(value):
        return {f.name: to_json(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return [to_json(item) for item in sorted(value)]
    if isinstance(value, tuple | list):  # a snapshot holds thousands of lists of texts
        return [item if type(item) is str else to_json(item) for item in value]
    if hasattr(value, "tolist"):  # a number or an array of numpy
        return to_json(value.tolist())
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def alert_from_json(stored: Mapping[str, Any]) -> Alert:
    """The alert that `to_json` wrote."""
    return Alert(**_decoded(stored, _ALERT))


def cluster_from_json(stored: Mapping[str, Any]) -> Cluster:
    """The cluster that `to_json` wrote."""
    return Cluster(**_decoded(stored, _CLUSTER))


def pack(value: Any) -> bytes:
    """Any value that `to_json` takes, as compressed JSON; equal values give equal bytes."""
    return zlib.compress(dump_json(to_json(value)).encode(), level=6)


def unpack(packed: bytes) -> Json:
    """The JSON value in `packed`."""
    return json.loads(zlib.decompress(packed))


def _decoded(stored: Mapping[str, Any], decoders: Mapping[str, Decoder]) -> dict[str, Any]:
    return {
        name: value if value is None or name not in decoders else decoders[name](value)
        for name, value in stored.items()
    }


_CLUSTER: Mapping[str, Decoder] = {
    "members": tuple,
    "areas": tuple,
    "linked_by": tuple,
    "start": date.fromisoformat,
    "end": date.fromisoformat,
    "radius_km": float,
    "expected": float,
    "relative_risk": float,
    "statistic": float,
    "p_value": float,
    "recurrence_interval_days": float,
}
_ALERT: Mapping[str, Decoder] = {
    "state": State,
    "members": tuple,
    "areas": tuple,
    "start": date.fromisoformat,
    "end": date.fromisoformat,
    "clusters": lambda stored: tuple(cluster_from_json(cluster) for cluster in stored),
    "as_of": date.fromisoformat,
    "opened_at": datetime.fromisoformat,
    "changed_at": datetime.fromisoformat,
    "acknowledge_due": datetime.fromisoformat,
    "assess_due": datetime.fromisoformat,
    "added_by_hand": tuple,
    "removed_by_hand": tuple,
}
