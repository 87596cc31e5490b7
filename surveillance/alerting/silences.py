"""A silence: a person's decision that nobody is told of some alerts for a while, with a reason and an end.

It delays and never loses: when it ends, what it held is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from surveillance.alerting.workflow import NotAllowed


@dataclass(frozen=True, slots=True)
class Silence:
    """Holds what is told of alerts that match every one given of `use_case`, `scope` and `alert_id`.

    `ended_at`: a person ended it then, before `ends_at`.
    """

    use_case: str | None
    scope: str | None
    alert_id: str | None
    reason: str
    starts_at: datetime
    ends_at: datetime
    by: str
    id: int = 0
    ended_at: datetime | None = None
    ended_by: str | None = None

    def __post_init__(self) -> None:
        if not any((self.use_case, self.scope, self.alert_id)):
            raise NotAllowed("a silence needs a use case, a scope or an alert: nobody silences everything")
        if not self.reason.strip() or not self.by.strip():
            raise NotAllowed("a silence needs a reason, and the person who decides")
        if self.ends_at <= self.starts_at:
            raise NotAllowed("a silence ends after it starts: give a later end")

    def holds(self, use_case: str, scope: str, alert_id: str, at: datetime) -> bool:
        """Whether an alert is silenced at a moment."""
        wanted = ((self.use_case, use_case), (self.scope, scope), (self.alert_id, alert_id))
        return self.is_active(at) and all(own in (None, its) for own, its in wanted)

    def is_active(self, at: datetime) -> bool:
        """Whether it has started and not ended."""
        return self.starts_at <= at < self.ends_at and (self.ended_at is None or at < self.ended_at)


def silenced_until(
    silences: Iterable[Silence], use_case: str, scope: str, alert_id: str, at: datetime
) -> datetime | None:
    """The end of the silence that holds an alert longest; None where none does."""
    return max((s.ends_at for s in silences if s.holds(use_case, scope, alert_id, at)), default=None)
