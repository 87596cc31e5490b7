"""What a channel is given to send, and how it says that it could not."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any


@dataclass(frozen=True, slots=True)
class Parcel:
    """A notice to be sent. `key` is the same on every repeat, `about` the alert's id (of a digest, its key),
    `owed_at` when it was owed; `attempt` counts from 1. `content` holds nothing that identifies anybody."""

    key: str
    about: str
    content: Mapping[str, Any]
    owed_at: datetime
    attempt: int = 1


Send = Callable[[Parcel], int | None]
"""Sends a parcel; returns the server's code, where it has one. Raises NotTaken, where waiting may help, or
Refused, where it cannot; anything else it raises counts as NotTaken."""


class NotTaken(Exception):
    """It was not taken, or nobody can say; try again later."""

    def __init__(self, error: str, code: int | None = None, retry_after: timedelta | None = None) -> None:
        self.error, self.code, self.retry_after = error, code, retry_after
        super().__init__(error if code is None else f"{error} ({code})")


class Refused(NotTaken):
    """It will never be taken as it is."""
