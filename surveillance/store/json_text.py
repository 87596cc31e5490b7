"""JSON as the database keeps it: compact, and refused where it could not be read back everywhere."""

import json
from datetime import date
from typing import Any


def dump_json(value: Any) -> str:
    """Compact JSON; days and times as ISO 8601. Raises ValueError for NaN and infinities, which PostgreSQL
    does not take."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_iso)


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
