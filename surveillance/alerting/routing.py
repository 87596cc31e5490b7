"""Who hears of a change."""

from dataclasses import dataclass

from surveillance.alerting.alert import AlertChange
from surveillance.alerting.suppression import Suppressed, suppressed
from surveillance.use_case.model import UseCase


@dataclass(frozen=True, slots=True)
class Route:
    """The receivers of a change, or why there are none."""

    receivers: tuple[str, ...]
    suppressed: Suppressed | None = None


def route(change: AlertChange, use_case: UseCase) -> Route:
    """The receivers that a use case names, each once, in its order, unless the change is suppressed."""
    reason = suppressed(change, use_case)
    return Route((), reason) if reason else Route(tuple(dict.fromkeys(use_case.receivers)))
