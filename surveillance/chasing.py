"""Alerts that nobody takes up: marked as late and told, and passed from one who is on call to the next.

What is done stands in the alert's history, so that a restart repeats nothing.
"""

from collections.abc import Sequence
from datetime import datetime

from surveillance import narrate
from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.due import is_late, overdue
from surveillance.alerting.escalation import next_step
from surveillance.alerting.routing import Told, ladder
from surveillance.configuration import Configuration
from surveillance.pipeline import notice_to, notices_of
from surveillance.store import alerts, outbox
from surveillance.store.database import Store
from surveillance.store.outbox import Notice

_UNASSESSED = (State.OPEN, State.ACKNOWLEDGED, State.ASSESSING)


def mark_overdue(store: Store, configuration: Configuration, now: datetime) -> None:
    """Marks each target that an alert missed, once, and tells the alert's receivers."""
    late, marked = _late(store, Change.OVERDUE, _UNASSESSED, now)
    for alert in late:
        change = overdue(alert, {reason for reason, _ in marked.get(alert.id, ())}, now)
        if change is None:
            continue
        known = _is_known(alert, configuration)
        _save(store, change, list(notices_of([change], configuration)) if known else [])


def escalate(store: Store, configuration: Configuration, now: datetime) -> None:
    """Passes each alert that nobody acknowledged in time to the next on call, one step at a time."""
    late, done = _late(store, Change.ESCALATED, (State.OPEN,), now)
    for alert in late:
        if not _is_known(alert, configuration) or configuration.use_cases[alert.use_case].shadow:
            continue  # nobody was told, so nobody is late
        called = ladder(alert, configuration.use_cases[alert.use_case], configuration.receivers, now)
        step = next_step(alert, done.get(alert.id, ()), called, configuration.escalate_every, now)
        if step is None:
            continue
        change, receiver = step
        _save(store, change, [notice_to(Told(receiver), change)])


def _save(store: Store, change: AlertChange, notices: Sequence[Notice]) -> None:
    """Stores a change and who is to be told of it; where somebody changed the alert meanwhile, next time."""
    try:
        with store.transaction() as tx:
            alerts.save(tx, [change])
            outbox.add(tx, notices)
    except alerts.StaleAlert:
        return
    narrate.alert_changed(change)
    narrate.owed(notices)


def _late(
    store: Store, change: Change, states: tuple[State, ...], now: datetime
) -> tuple[list[Alert], dict[str, list[tuple[str, datetime]]]]:
    """The alerts in these states that miss a target, and why and when they changed in one way before."""
    with store.reading() as tx:
        late = [alert for alert in alerts.listed(tx, states=states) if is_late(alert, now)]
        return late, alerts.moments(tx, change, {alert.id for alert in late})


def _is_known(alert: Alert, configuration: Configuration) -> bool:
    return alert.use_case in configuration.use_cases and alert.scope in configuration.regions
