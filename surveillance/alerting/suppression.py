"""Why something is not sent, or not yet: small stages in order, the first that has a reason counts.

Two kinds, because they are judged at two moments. What drops a change is decided once, when the change is
stored. What holds a notice is judged each time that it is about to be sent, for silences begin and end and
time passes; held is never lost. While several notices of one alert are held for one receiver, only the last
is sent: it says all that those before it said (`SUPERSEDED`). That is Alertmanager's lesson: what was held
back must be told when the reason is gone, as it stands then, or a receiver keeps a wrong state for ever.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.due import is_late
from surveillance.alerting.hours import quiet_until, zone_of
from surveillance.alerting.silences import Silence, silenced_until
from surveillance.use_case.model import UseCase
from surveillance.use_case.receiver import Receiver

REMINDERS = frozenset({Change.OVERDUE, Change.ESCALATED})
"""Changes that press for an answer and carry no news of the cluster."""


class Suppressed(StrEnum):
    """Every reason there is: a bounded label."""

    SHADOW = "shadow"  # the use case is being tried out: evaluated and stored, told to nobody
    UNCHANGED = "unchanged"  # no member joined or left, and the severity is the same
    SETTLED = "settled"  # what it presses for was done before it could be sent
    SUPERSEDED = "superseded"  # held so long that a later revision says all of it
    SILENCED = "silenced"  # held: a person silenced the alert
    REPEATED = "repeated"  # held: the receiver heard of the alert only just now
    OUTSIDE_HOURS = "outside_hours"  # held: who is on call was told; the receiver is, when its hours begin
    QUIET_HOURS = "quiet_hours"  # held: at night only what is severe


# --- dropped when the change is stored


Stage = Callable[[AlertChange, UseCase], Suppressed | None]


def shadow_mode(_change: AlertChange, use_case: UseCase) -> Suppressed | None:
    """A use case in shadow mode tells nobody."""
    return Suppressed.SHADOW if use_case.shadow else None


def only_if_changed(change: AlertChange, _use_case: UseCase) -> Suppressed | None:
    """An alert is told again only when a member joins or leaves, its severity changes or it is late."""
    return None if change.told else Suppressed.UNCHANGED


STAGES: tuple[Stage, ...] = (shadow_mode, only_if_changed)


def suppressed(change: AlertChange, use_case: UseCase, stages: Sequence[Stage] = STAGES) -> Suppressed | None:
    """The reason of the first stage that has one, None where the change is sent."""
    return next((reason for stage in stages if (reason := stage(change, use_case)) is not None), None)


# --- held or dropped when it is about to be sent


@dataclass(frozen=True, slots=True)
class Occasion:
    """A notice that is about to be sent: what it tells of, to whom, and how things stand `at` that moment.

    `severity` as told; `alert` as it is now. `last_told_at`, `last_severity`: what the receiver heard last
    of this alert. `owes_news`: the notice superseded news that the receiver has not heard.
    `severities`: the use case's bands, the most severe first.
    """

    change: Change
    severity: str
    alert: Alert
    receiver: Receiver
    at: datetime
    silences: Sequence[Silence] = ()
    last_told_at: datetime | None = None
    last_severity: str | None = None
    owes_news: bool = False
    severities: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a notice is not sent now. `until`: when to ask again; None: it is never sent."""

    reason: Suppressed
    until: datetime | None = None


Hold = Callable[[Occasion], Verdict | None]


def settled(o: Occasion) -> Verdict | None:
    """Nobody is pressed for what has been done: a late reminder would wake people for nothing."""
    waits = {Change.ESCALATED: o.alert.state is State.OPEN, Change.OVERDUE: is_late(o.alert, o.at)}
    return None if o.owes_news or waits.get(o.change, True) else Verdict(Suppressed.SETTLED)


def silenced(o: Occasion) -> Verdict | None:
    """Held until the silence ends; whoever ends it early has what it holds judged again."""
    until = silenced_until(o.silences, o.alert.use_case, o.alert.scope, o.alert.id, o.at)
    return None if until is None else Verdict(Suppressed.SILENCED, until)


def repeat_interval(o: Occasion) -> Verdict | None:
    """Held until the receiver's interval since it last heard of the alert is over. What became more severe
    is told at once, and so is a reminder, which comes once."""
    if o.last_told_at is None or o.change in REMINDERS or _is_worse(o):
        return None
    until = o.last_told_at + timedelta(minutes=o.receiver.repeat_minutes)
    return Verdict(Suppressed.REPEATED, until) if o.at < until else None


def quiet_hours(o: Occasion) -> Verdict | None:
    """Held until the quiet hours end, unless it is of a severity for which the receiver is woken."""
    quiet = o.receiver.quiet_hours
    if quiet is None or o.severity in quiet.but_for:
        return None
    until = quiet_until(quiet, zone_of(o.receiver), o.at)
    return None if until is None else Verdict(Suppressed.QUIET_HOURS, until)


HOLDS: tuple[Hold, ...] = (settled, silenced, repeat_interval, quiet_hours)


def judge(occasion: Occasion, stages: Sequence[Hold] = HOLDS) -> Verdict | None:
    """The verdict of the first stage that has one, None where the notice is sent now."""
    return next((verdict for stage in stages if (verdict := stage(occasion)) is not None), None)


def _is_worse(o: Occasion) -> bool:
    if o.severity not in o.severities or o.last_severity not in o.severities:
        return o.severity != o.last_severity
    return o.severities.index(o.severity) < o.severities.index(o.last_severity)
