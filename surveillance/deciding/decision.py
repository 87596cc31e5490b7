"""Who decides, when, and why; and what is wrong where that cannot be done."""

from dataclasses import dataclass
from datetime import datetime

from surveillance.alerting.alert import Alert
from surveillance.alerting.identifying import refuse_identifying
from surveillance.alerting.workflow import NotAllowed
from surveillance.store.alerts import StaleAlert


class Unknown(LookupError):
    """An alert, a record, a task or a use case that does not exist was named."""


@dataclass(frozen=True)
class Decision:
    """Who decides, when (aware), and why, in words that identify nobody.

    confirmed: fragments of the texts that the person has looked at, and says that they identify nobody.
    seen: the revision of the alert (or task) that the person decides on; None: whatever it is now.
    """

    by: str
    at: datetime
    reason: str = ""
    confirmed: frozenset[str] = frozenset()
    seen: int | None = None

    def __post_init__(self) -> None:
        if not self.by.strip():
            raise NotAllowed("a decision needs the person who decides")

    def grounds(self) -> str:
        """The reason, which this kind of decision must have."""
        if not self.reason.strip():
            raise NotAllowed("this decision needs a reason")
        return self.reason

    def check(self, *texts: str) -> None:
        """Raises Identifying where the reason or another text of the person's may identify somebody."""
        for text in (self.reason, *texts):
            refuse_identifying(text, self.at.date(), self.confirmed)

    def refuse_stale(self, alert: Alert) -> None:
        """Raises StaleAlert where the alert is not the one that the person saw."""
        if self.seen is not None and self.seen != alert.revision:
            raise StaleAlert(f"alert {alert.id} is at another revision now")


@dataclass(frozen=True, slots=True)
class Lessons:
    """The evaluation of a response when its alert is closed: what worked, and what did not."""

    worked: str = ""
    not_worked: str = ""

    @property
    def complete(self) -> bool:
        """Whether both were answered."""
        return bool(self.worked.strip() and self.not_worked.strip())
