"""Who is told, over which channel, and when: config/receivers.yaml, whose comments explain every key.

No secret stands in the file: a receiver names the file or the environment variable that holds its own.
"""

from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from surveillance.use_case.model import Model, Slug

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY_MINUTES = 24 * 60


def _clock(value: Any) -> Any:
    """YAML reads 17:00 without quotes as a number to the base of sixty: 1020, the minutes of the day."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _DAY_MINUTES:
        return time(*divmod(value, 60))
    return value


Clock = Annotated[time, BeforeValidator(_clock)]


class WorkingHours(Model):
    """When a receiver is at work, by its time zone; never on the scope's bank holidays."""

    days: tuple[Weekday, ...] = Field(default=WEEKDAYS[:5], min_length=1)
    opens: Clock
    closes: Clock


class QuietHours(Model):
    """When a receiver is left alone, over midnight where `ends` is the earlier; what is less than the
    severities in `but_for` waits until they end."""

    begins: Clock
    ends: Clock
    but_for: tuple[Slug, ...] = ("severe",)


class OnCall(Model):
    """Receivers in the order in which they are called, on the days that the entry is for: these days of
    the week (none: all) from the first date to the last one (none: without end)."""

    receivers: tuple[Slug, ...] = Field(min_length=1)
    days: tuple[Weekday, ...] = ()
    first: date | None = None
    last: date | None = None


class Receiver(Model):
    """One who is told. `channel` is a name of the registry in surveillance/delivery."""

    id: Slug
    channel: Slug
    address: str = Field(default="", repr=False)
    secret_file: Path | None = None
    secret_env: str | None = None
    use_cases: tuple[Slug, ...] = ()
    scopes: tuple[Slug, ...] = ()
    minimum_severity: Slug | None = None
    time_zone: str | None = None
    working_hours: WorkingHours | None = None
    on_call: tuple[OnCall, ...] = ()
    quiet_hours: QuietHours | None = None
    repeat_minutes: int = Field(default=0, ge=0, le=7 * _DAY_MINUTES)
    digest_at: Clock | None = None


class ReceiversFile(Model):
    """The whole file."""

    receivers: tuple[Receiver, ...] = Field(min_length=1)
    escalate_every_minutes: int = Field(default=60, ge=1)


ALERTS_TOPIC = Receiver(id="alerts-topic", channel="alerts-topic")
DEFAULT = ReceiversFile(receivers=(ALERTS_TOPIC,))
"""What holds where there is no file."""
