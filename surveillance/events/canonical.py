"""One text for one content, so that equal contents have equal hashes."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any


def canonical_json(content: Mapping[str, Any]) -> str:
    """Compact JSON in ASCII with sorted keys; raises ValueError for NaN and infinities."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_hash(content: Mapping[str, Any]) -> str:
    """SHA-256 of the canonical JSON, 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_json(content).encode("ascii")).hexdigest()
