"""Who hears of a change, and from when on: by use case, scope, severity, working hours and who is on call.

A use case names its receivers; each takes what its own entry says. Outside its working hours who is on call
for it is told at once, and it itself when its hours begin: nobody comes to work and knows of nothing.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.hours import away_until, on_call
from surveillance.alerting.suppression import Suppressed, suppressed
from surveillance.use_case.model import UseCase
from surveillance.use_case.receiver import Receiver


@dataclass(frozen=True, slots=True)
class Told:
    """A receiver that is told; where it is told later, from when on and why."""

    receiver: Receiver
    not_before: datetime | None = None
    reason: Suppressed | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Who is to be told of a change. With `suppressed`, who would have been, and why they are not."""

    told: tuple[Told, ...]
    suppressed: Suppressed | None = None


def route(
    change: AlertChange,
    use_case: UseCase,
    receivers: Mapping[str, Receiver],
    days_off: Collection[date] = (),
) -> Route:
    """The receivers of a change, each once, in the use case's order. `days_off`: its scope's holidays."""
    found: dict[str, Told] = {}
    for told in _told(change, use_case, receivers, days_off):
        known = found.get(told.receiver.id)
        if known is None or known.not_before is not None:  # told at once wins over told later
            found[told.receiver.id] = told
    return Route(tuple(found.values()), suppressed(change, use_case))


def _told(
    change: AlertChange, use_case: UseCase, receivers: Mapping[str, Receiver], days_off: Collection[date]
) -> Iterator[Told]:
    for receiver in named_by(use_case, receivers):
        if not takes(receiver, change.alert, use_case):
            continue
        opens = away_until(receiver, change.at, days_off)
        if opens is None:
            yield Told(receiver)
            continue
        yield Told(receiver, opens, Suppressed.OUTSIDE_HOURS)
        callees = (receivers[name] for name in on_call(receiver, change.at) if name in receivers)
        called = next((one for one in callees if takes(one, change.alert, use_case)), None)
        if called is not None:
            yield Told(called)


def ladder(
    alert: Alert, use_case: UseCase, receivers: Mapping[str, Receiver], at: datetime
) -> tuple[Receiver, ...]:
    """Who is called, one after the other, while nobody acknowledges: those on call now for the receivers
    that the use case names, in order, each once."""
    names = dict.fromkeys(
        name
        for receiver in named_by(use_case, receivers)
        if takes(receiver, alert, use_case)
        for name in on_call(receiver, at)
    )
    called = (receivers[name] for name in names if name in receivers)
    return tuple(one for one in called if takes(one, alert, use_case))


def named_by(use_case: UseCase, receivers: Mapping[str, Receiver]) -> Iterator[Receiver]:
    """The receivers that a use case names, each once, in its order."""
    return (receivers[name] for name in dict.fromkeys(use_case.receivers) if name in receivers)


def concerns(use_case: UseCase, receiver: Receiver) -> bool:
    """Whether a receiver has to do with a use case: it is named there, or names it itself, for whom is on
    call hears of it as well."""
    return receiver.id in use_case.receivers or use_case.id in receiver.use_cases


def takes(receiver: Receiver, alert: Alert, use_case: UseCase) -> bool:
    """Whether the receiver's entry lets an alert through: its use case, scope and severity."""
    return (
        (not receiver.use_cases or alert.use_case in receiver.use_cases)
        and (not receiver.scopes or alert.scope in receiver.scopes)
        and _is_severe_enough(alert.severity, receiver.minimum_severity, use_case)
    )


def _is_severe_enough(severity: str, least: str | None, use_case: UseCase) -> bool:
    bands = [band.name for band in use_case.bands]  # the most severe first
    if least is None or least not in bands or severity not in bands:
        return True  # what cannot be compared is told
    return bands.index(severity) <= bands.index(least)
