"""The life of an alert as people move it: a table of steps, and nothing that is not in the table.

What moves by itself (opened, strengthened, weakened, merged, reopened, ended, overdue) is in `matching`
and `due`. Nothing automatic confirms a cluster or closes an alert.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from surveillance.alerting.alert import Alert, AlertChange, Change, State


class Act(StrEnum):
    """What a person can do with an alert."""

    OPEN = "open"  # a candidate is worth a look
    ACKNOWLEDGE = "acknowledge"
    ASSESS = "assess"
    RESPOND = "respond"
    MONITOR = "monitor"
    DISMISS = "dismiss"  # it is not a cluster
    CLOSE = "close"
    REOPEN = "reopen"
    ASSIGN = "assign"


class Outcome(StrEnum):
    """How an alert ended."""

    RESPONSE_COMPLETED = "response_completed"
    NO_RESPONSE_NEEDED = "no_response_needed"
    NOT_A_CLUSTER = "not_a_cluster"
    REPORTING_ARTEFACT = "reporting_artefact"  # a late batch, double reports, a change of coverage


class NotAllowed(ValueError):
    """A person's act that an alert does not allow; `allowed` are the acts that it does."""

    def __init__(self, problem: str, allowed: tuple[str, ...] = ()) -> None:
        self.allowed = allowed
        super().__init__(f"{problem}. Allowed: {', '.join(allowed) or 'nothing'}" if allowed else problem)


TABLE: Mapping[tuple[State, Act], State] = {
    (State.CANDIDATE, Act.OPEN): State.OPEN,
    (State.CANDIDATE, Act.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.CANDIDATE, Act.DISMISS): State.NOT_A_CLUSTER,
    (State.CANDIDATE, Act.ASSIGN): State.CANDIDATE,
    (State.OPEN, Act.ACKNOWLEDGE): State.ACKNOWLEDGED,
    (State.OPEN, Act.ASSIGN): State.OPEN,
    (State.ACKNOWLEDGED, Act.ASSESS): State.ASSESSING,
    (State.ACKNOWLEDGED, Act.ASSIGN): State.ACKNOWLEDGED,
    (State.ASSESSING, Act.RESPOND): State.RESPONDING,
    (State.ASSESSING, Act.MONITOR): State.MONITORING,
    (State.ASSESSING, Act.DISMISS): State.NOT_A_CLUSTER,
    (State.ASSESSING, Act.ASSIGN): State.ASSESSING,
    (State.RESPONDING, Act.MONITOR): State.MONITORING,
    (State.RESPONDING, Act.CLOSE): State.CLOSED,
    (State.RESPONDING, Act.ASSIGN): State.RESPONDING,
    (State.MONITORING, Act.RESPOND): State.RESPONDING,
    (State.MONITORING, Act.DISMISS): State.NOT_A_CLUSTER,
    (State.MONITORING, Act.CLOSE): State.CLOSED,
    (State.MONITORING, Act.ASSIGN): State.MONITORING,
    (State.NOT_A_CLUSTER, Act.CLOSE): State.CLOSED,
    (State.NOT_A_CLUSTER, Act.REOPEN): State.OPEN,
    (State.CLOSED, Act.REOPEN): State.OPEN,
}

# Acts that undo or end something must say why.
_NEED_REASON = frozenset({Act.DISMISS, Act.CLOSE, Act.REOPEN})


@dataclass(frozen=True, slots=True)
class Details:
    """What an act needs beside its reason: an outcome to close with, an owner to assign."""

    outcome: Outcome | None = None
    owner: str | None = None


def allowed_acts(state: State) -> tuple[str, ...]:
    """The acts that the table has for a state, in the order of the table."""
    return tuple(str(act) for (of_state, act) in TABLE if of_state is state)


def step(
    alert: Alert, act: Act, by: str, at: datetime, reason: str, details: Details | None = None
) -> AlertChange:
    """Apply a person's act. Raises NotAllowed, naming what is allowed or what is missing.

    by: who acts, never blank. at: when (aware). The change is not told: people hear of members and
    severity; the page shows the rest.
    """
    details = details or Details()
    to_state = TABLE.get((alert.state, act))
    if to_state is None:
        raise NotAllowed(
            f"an alert that is {alert.state} cannot be moved by {act}", allowed_acts(alert.state)
        )
    _require(by.strip(), "an act needs the person who acts")
    _require(reason.strip() or act not in _NEED_REASON, f"{act} needs a reason")
    _require(details.outcome or act is not Act.CLOSE, "close needs an outcome", tuple(map(str, Outcome)))
    _require(details.owner or act is not Act.ASSIGN, "assign needs an owner")
    after = replace(
        alert,
        revision=alert.revision + 1,
        state=to_state,
        changed_at=at,
        owner=details.owner if act is Act.ASSIGN else alert.owner,
        outcome=_outcome(act, alert, details),
    )
    if act is Act.REOPEN:
        after = replace(after, acknowledge_due=None, assess_due=None)  # due.with_due_times sets new ones
    kind = Change.REOPENED if act is Act.REOPEN else Change.MOVED
    return AlertChange(kind, after, at, by, f"{act}: {reason}".rstrip(": "), told=False)


def _outcome(act: Act, alert: Alert, details: Details) -> str | None:
    if act is Act.REOPEN:
        return None
    return str(details.outcome) if act is Act.CLOSE else alert.outcome


def _require(given: object, problem: str, allowed: tuple[str, ...] = ()) -> None:
    if not given:
        raise NotAllowed(problem, allowed)
