"""An alert that nobody acknowledges in time goes to the next who is on call, and then to the next."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.due import missed_acknowledging
from surveillance.alerting.finding import SERVICE
from surveillance.use_case.receiver import Receiver


def next_step(
    alert: Alert,
    steps_done: Sequence[tuple[str, datetime]],
    ladder: Sequence[Receiver],
    every: timedelta,
    at: datetime,
) -> tuple[AlertChange, Receiver] | None:
    """The change that escalates an alert, and to whom; None where it is not time, or nobody is left.

    The first step comes when the alert should have been acknowledged, each further one `every` after the one
    before: a service that was down does not call everybody at once. `steps_done`: reason and time of the
    alert's earlier `escalated` changes, the first one first. Each reason names the time that was missed and
    who was called, so that a step is taken once and nobody is called twice, whoever is on the ladder by now;
    all begins anew only when the alert was reopened.
    """
    missed = missed_acknowledging(alert)
    if alert.state is not State.OPEN or alert.acknowledge_due is None or missed is None:
        return None
    taken = [(reason, when) for reason, when in steps_done if reason.startswith(missed)]
    to = next((one for one in ladder if not any(r.endswith(_to(one)) for r, _ in taken)), None)
    if to is None or at <= (taken[-1][1] + every if taken else alert.acknowledge_due):
        return None
    after = replace(alert, revision=alert.revision + 1, changed_at=at)
    reason = f"{missed}: step {len(taken) + 1}{_to(to)}"
    return AlertChange(Change.ESCALATED, after, at, SERVICE, reason, told=True), to


def _to(receiver: Receiver) -> str:
    return f", to {receiver.id}"
