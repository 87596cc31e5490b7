"""Which record a refused message was about, where it says so in a form that may be kept."""

import re
from typing import Any, NamedTuple

from surveillance.events.decode import event_model
from surveillance.events.identifiers import holds_identifier
from surveillance.events.json_text import read_object, read_text
from surveillance.events.refusal import Refused
from surveillance.events.topics import Kind

_RECORD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
_MOST = 2_147_483_647


class Named(NamedTuple):
    """A record's id as the partner wrote it, and its version; None where it says none that may be kept."""

    record_id: str | None = None
    version: int | None = None


NOBODY = Named()


def named_by(value: bytes | None, kind: Kind) -> Named:
    """What a message names, whatever else is wrong with it: a partner finds its record again by it.

    An id that no record may have, or that holds a number of a person, is not kept; without an id, no version.
    """
    try:
        parsed = read_object(read_text(value))
    except Refused:
        return NOBODY
    event = parsed.get("data") if "specversion" in parsed else parsed
    if not isinstance(event, dict):
        return NOBODY
    record_id = event.get(next(iter(event_model(kind).model_fields)))
    if not isinstance(record_id, str) or not _RECORD_ID.fullmatch(record_id) or holds_identifier(record_id):
        return NOBODY
    return Named(record_id, _version(event.get("version")))


def _version(value: Any) -> int | None:
    is_one = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _MOST
    return value if is_one else None
