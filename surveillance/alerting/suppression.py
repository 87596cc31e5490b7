"""Why a change of an alert is not sent to anybody: small stages in order, the first reason counts."""

from collections.abc import Callable
from enum import StrEnum

from surveillance.alerting.alert import AlertChange
from surveillance.use_case.model import UseCase


class Suppressed(StrEnum):
    """Every reason there is: a bounded label."""

    SHADOW = "shadow"  # the use case is being tried out: evaluated and stored, told to nobody
    UNCHANGED = "unchanged"  # no member joined or left, and the severity is the same


Stage = Callable[[AlertChange, UseCase], Suppressed | None]


def shadow_mode(_change: AlertChange, use_case: UseCase) -> Suppressed | None:
    """A use case in shadow mode tells nobody."""
    return Suppressed.SHADOW if use_case.shadow else None


def only_if_changed(change: AlertChange, _use_case: UseCase) -> Suppressed | None:
    """An alert is told again only when a member joins or leaves or its severity changes."""
    return None if change.told else Suppressed.UNCHANGED


STAGES: tuple[Stage, ...] = (shadow_mode, only_if_changed)


def suppressed(
    change: AlertChange, use_case: UseCase, stages: tuple[Stage, ...] = STAGES
) -> Suppressed | None:
    """The reason of the first stage that has one, None where the change is sent."""
    return next((reason for stage in stages if (reason := stage(change, use_case)) is not None), None)
