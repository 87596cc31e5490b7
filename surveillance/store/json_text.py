"""JSON as the database keeps it: compact, and refused where it could not be read back everywhere."""

import json
from typing import Any


def dump_json(value: Any) -> str:
    """Compact JSON. Raises ValueError for NaN and infinities, which PostgreSQL does not take."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
