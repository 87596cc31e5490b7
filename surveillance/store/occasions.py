"""What suppression must know of a notice that is about to be sent."""

from datetime import datetime

from surveillance.alerting.alert import Change
from surveillance.alerting.suppression import Occasion
from surveillance.store import alerts, outbox, silences
from surveillance.store.database import Transaction
from surveillance.use_case.receiver import Receiver


def occasion_of(
    tx: Transaction, due: outbox.Due, receiver: Receiver, severities: tuple[str, ...], at: datetime
) -> Occasion | None:
    """How things stand for a notice; None for a digest, which nothing suppresses. `severities`: the bands of
    the alert's use case, the most severe first."""
    alert = None if due.alert_id is None else alerts.show(tx, due.alert_id)
    if alert is None:
        return None
    told_at, told_severity, owes_news = outbox.last_told(tx, due)
    return Occasion(
        change=Change(due.payload["change"]),
        severity=due.payload["severity"],
        alert=alert,
        receiver=receiver,
        at=at,
        silences=silences.active(tx, at),
        last_told_at=told_at,
        last_severity=told_severity,
        owes_news=owes_news,
        severities=severities,
    )
