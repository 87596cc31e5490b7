"""What is open, in numbers of alerts: for a receiver's day."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from surveillance.alerting.alert import Alert, State
from surveillance.alerting.due import is_late
from surveillance.alerting.matching import FINISHED
from surveillance.alerting.routing import concerns, takes
from surveillance.use_case.model import UseCase
from surveillance.use_case.receiver import Receiver


def digest(
    alerts: Iterable[Alert],
    receiver: Receiver,
    use_cases: Mapping[str, UseCase],
    day: date,
    at: datetime,
) -> dict[str, Any]:
    """Of the alerts that the receiver takes: how many are open, not acknowledged, overdue, by use case and
    severity. Alerts are counted and nothing else: no place, number of cases, age or method.

    Use cases in shadow mode are left out. Sorted as the configuration has use cases and their bands.
    """
    counts: dict[tuple[str, str], Counter[str]] = {}
    for alert in alerts:
        use_case = use_cases.get(alert.use_case)
        if use_case is not None and _is_counted(alert, use_case, receiver):
            counts.setdefault((alert.use_case, alert.severity), Counter()).update(_standing(alert, at))
    order = [(use_case.id, band.name) for use_case in use_cases.values() for band in use_case.bands]
    former = sorted(set(counts) - set(order))  # severities that were configured when the alert opened
    return {
        "digest": day.isoformat(),
        "counts": [
            {"use_case": key[0], "severity": key[1], **counts[key]} for key in order + former if key in counts
        ],
        "link": "/",
    }


def _is_counted(alert: Alert, use_case: UseCase, receiver: Receiver) -> bool:
    unfinished = alert.state not in FINISHED and alert.state is not State.MERGED
    told = not use_case.shadow and concerns(use_case, receiver) and takes(receiver, alert, use_case)
    return unfinished and told


def _standing(alert: Alert, at: datetime) -> dict[str, int]:
    unacknowledged = alert.state in (State.CANDIDATE, State.OPEN)
    return {"open": 1, "unacknowledged": int(unacknowledged), "overdue": int(is_late(alert, at))}
