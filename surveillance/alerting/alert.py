"""An alert: one ongoing cluster, whatever found it, with its evidence, its members and its history."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from surveillance.detection.cluster import Cluster


class State(StrEnum):
    """Where an alert is in its life; `workflow` says which steps exist."""

    CANDIDATE = "candidate"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    ASSESSING = "assessing"
    RESPONDING = "responding"
    MONITORING = "monitoring"
    NOT_A_CLUSTER = "not_a_cluster"
    CLOSED = "closed"
    MERGED = "merged"


class Change(StrEnum):
    """What happened to an alert: the kinds of rows in its history."""

    OPENED = "opened"
    STRENGTHENED = "strengthened"
    WEAKENED = "weakened"
    REVISED = "revised"
    MERGED = "merged"
    REOPENED = "reopened"
    ENDED = "ended"
    OVERDUE = "overdue"
    ESCALATED = "escalated"  # nobody acknowledged it in time: the next on call is told
    MOVED = "moved"  # a person moved it along the workflow
    MEMBERS = "members"  # a person added or removed members or links


@dataclass(frozen=True, slots=True)
class Alert:
    """The current revision of an alert.

    `members` are record@version of every record behind the counted cases, sorted. `clusters` is the
    evidence: what the last evaluation that found it saw, the strongest first; `areas`, `start` and `end`
    are theirs. `alive` says whether the last evaluation still found it.
    `added_by_hand` and `removed_by_hand` are record keys that a person decided on: they outlast
    evaluations. `broad`: all evidence that it ever had counts a whole unit, as `Cluster.is_broad` says.
    """

    id: str
    revision: int
    use_case: str
    scope: str
    state: State
    severity: str
    members: tuple[str, ...]
    areas: tuple[str, ...]
    start: date
    end: date
    clusters: tuple[Cluster, ...]
    alive: bool
    as_of: date
    opened_at: datetime
    changed_at: datetime
    acknowledge_due: datetime | None = None
    assess_due: datetime | None = None
    owner: str | None = None
    outcome: str | None = None
    merged_into: str | None = None
    opened_by: str = "service"
    added_by_hand: tuple[str, ...] = ()
    removed_by_hand: tuple[str, ...] = ()
    broad: bool = False

    @property
    def observed(self) -> int:
        """The most cases that any one piece of evidence counts."""
        return max((c.observed for c in self.clusters), default=len(self.members))


@dataclass(frozen=True, slots=True)
class AlertChange:
    """One row of an alert's history: what changed, when, by whom and why, and the alert after it.

    `told` is true where people must hear of it: a member joined or left, the severity changed, or it is late.
    """

    change: Change
    alert: Alert
    at: datetime
    by: str
    reason: str
    told: bool
