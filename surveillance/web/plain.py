"""An alert for people who may not see small numbers: what, where at large, how strong, what it means."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert, State
from surveillance.web import words
from surveillance.web.source import AlertSource
from surveillance.web.summary import Due, next_due, rank_of

MEANS: Mapping[State, str] = {
    State.CANDIDATE: "A rule has noted cases that a person should look at. Nothing is confirmed.",
    State.OPEN: "More cases were seen together than would be usual. Nobody has taken it on yet.",
    State.ACKNOWLEDGED: "Somebody has taken it on and will assess it.",
    State.ASSESSING: "People are finding out whether the cases belong together.",
    State.RESPONDING: "People decided that it needs a response, which is under way.",
    State.MONITORING: "People decided to watch how it goes on.",
    State.NOT_A_CLUSTER: "People looked at it and decided that the cases do not belong together.",
    State.CLOSED: "The work on it is finished.",
    State.MERGED: "It turned out to be a part of another alert, which goes on.",
}


@dataclass(frozen=True, slots=True)
class PlainAlert:
    """Nothing in it is a small number, a place below the scope, an age, or a day of a case."""

    id: str
    use_case_title: str
    scope_title: str
    time_zone: str
    severity: str
    rank: int
    state: State
    state_words: str
    means: str
    alive: bool
    shadow: bool
    owner: str | None
    due: Due | None
    support_lines: tuple[str, ...]


def plain_alert(source: AlertSource, alert: Alert, now: datetime) -> PlainAlert:
    """What anybody who may know of an alert may know about it."""
    use_case, scope = source.use_cases[alert.use_case], source.scopes[alert.scope]
    return PlainAlert(
        id=alert.id,
        use_case_title=use_case.title,
        scope_title=scope.title,
        time_zone=scope.time_zone,
        severity=alert.severity,
        rank=rank_of(alert.severity, use_case),
        state=alert.state,
        state_words=words.STATES[alert.state],
        means=MEANS[alert.state],
        alive=alert.alive,
        shadow=use_case.shadow,
        owner=alert.owner,
        due=next_due(alert, now, ZoneInfo(scope.time_zone)),
        support_lines=use_case.wording.support_lines,
    )
