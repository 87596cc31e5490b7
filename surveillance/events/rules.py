"""Rules between fields, as tables: which fields they read, when they are broken, what to do then."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from surveillance.events.refusal import Fault, RefusalCode

CLOCK_TOLERANCE = timedelta(minutes=5)
BROKEN_RULES = "broken_rules"


@dataclass(frozen=True, slots=True)
class Reception:
    """What is known about a message besides its bytes: whose topic it is, and when it was received."""

    organisation: str
    received_at: datetime


Broken = Callable[[Any, Reception | None], bool]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule; `fields` are the top-level fields it reads, its fault stands under `field`."""

    code: RefusalCode
    field: str
    fields: frozenset[str]
    rule: str
    fix: str
    broken: Broken

    @property
    def fault(self) -> Fault:
        return Fault(self.code, self.field, self.rule, self.fix)


def value_rule(field: str, reads: str, rule: str, fix: str, broken: Callable[[Any], bool]) -> Rule:
    """A rule about values; `reads` names its fields, separated by spaces."""
    return Rule(
        RefusalCode.INVALID_VALUE, field, frozenset(reads.split()), rule, fix, lambda event, _: broken(event)
    )


def in_order(earlier: str, later: str) -> Rule:
    """`earlier` <= `later`, where both are given."""

    def broken(event: Any, _: Reception | None) -> bool:
        first, second = getattr(event, earlier), getattr(event, later)
        return first is not None and second is not None and bool(first > second)

    return Rule(
        RefusalCode.TIME_ORDER,
        later,
        frozenset({earlier, later}),
        f"{later} must not be before {earlier}",
        f"Correct {earlier} or {later}; check the offsets from UTC",
        broken,
    )


def not_in_future(field: str) -> Rule:
    """At most five minutes after the message was received: clocks differ by that much."""

    def broken(event: Any, reception: Reception | None) -> bool:
        moment = getattr(event, field)
        if reception is None or moment is None:
            return False
        return bool(moment > reception.received_at + CLOCK_TOLERANCE)

    return Rule(
        RefusalCode.FUTURE_TIME,
        field,
        frozenset({field}),
        "A time must not lie more than 5 minutes after the message was received",
        f"Correct {field}; check the sending clock and the offset from UTC",
        broken,
    )


def area_rule(field: str) -> Rule:
    """Exactly one way of naming an area."""
    return value_rule(
        field,
        field,
        "An area is given in exactly one way",
        "Send one of code, postcode or missing",
        lambda event: getattr(event, field) is not None and getattr(event, field).given != 1,
    )


def merge_rules(id_field: str) -> tuple[Rule, ...]:
    """A merge names the record that goes on, which is another one; nothing else does."""
    return (
        value_rule(
            "merged_into",
            "action merged_into",
            "merged_into goes with the action merged, and with no other",
            "Send merged_into with the action merged; leave it out otherwise",
            lambda event: (event.action == "merged") != (event.merged_into is not None),
        ),
        value_rule(
            "merged_into",
            f"merged_into {id_field}",
            "A record cannot be merged into itself",
            "Name the record that goes on",
            lambda event: event.merged_into == getattr(event, id_field),
        ),
    )


OWN_ORGANISATION = Rule(
    RefusalCode.WRONG_ORGANISATION,
    "reporter_org",
    frozenset({"reporter_org"}),
    "The reporting organisation must be the one that owns this topic",
    "Send the organisation code that was agreed for this topic, or publish on your own topic",
    lambda event, reception: reception is not None and event.reporter_org != reception.organisation,
)


def obey(event: Any, rules: tuple[Rule, ...], context: ValidationInfo) -> None:
    """Raise one validation error that carries every broken rule; its context may be a Reception."""
    reception = context.context if isinstance(context.context, Reception) else None
    broken = tuple(rule for rule in rules if rule.broken(event, reception))
    if broken:
        raise PydanticCustomError(BROKEN_RULES, "rules between fields are broken", {"rules": broken})
