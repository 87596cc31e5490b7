"""Who was told of an alert: every notice, how it stands and why, and every attempt to send it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Change
from surveillance.alerting.suppression import Suppressed
from surveillance.store.deliveries import Attempt, Delivery
from surveillance.web import words

STANDINGS = {
    "sent": "Told",
    "owed": "Being sent",
    "held": "Held back",
    "suppressed": "Not sent",
    "refused": "Refused by the receiver",
}
REASONS = {
    Suppressed.SHADOW: "the use case is being tried out, so nobody is told",
    Suppressed.UNCHANGED: "no member joined or left, and the severity is the same",
    Suppressed.SETTLED: "what it asks for was done before it could be sent",
    Suppressed.SUPERSEDED: "a later message says all of it",
    Suppressed.SILENCED: "a person silenced the alert",
    Suppressed.REPEATED: "the receiver had heard of the alert only just before",
    Suppressed.OUTSIDE_HOURS: "outside working hours; who is on call was told",
    Suppressed.QUIET_HOURS: "quiet hours",
}
OUTCOMES = {"sent": "taken", "failed": "not taken, tried again", "refused": "refused"}


@dataclass(frozen=True, slots=True)
class ToldRow:
    """One notice to one receiver. `attempts`: what came of each, with the time, the oldest first."""

    revision: int | None
    change: str
    receiver: str
    channel: str
    standing: str
    why: str
    attempts: tuple[str, ...]


def told_rows(
    deliveries: Iterable[Delivery], attempts: Iterable[Attempt], zone: ZoneInfo
) -> Iterator[ToldRow]:
    """The notices in the order given, each with its attempts."""
    of_notice: defaultdict[int, list[str]] = defaultdict(list)
    for attempt in attempts:
        of_notice[attempt.delivery].append(_attempt_words(attempt, zone))
    for one in deliveries:
        yield ToldRow(
            revision=one.revision,
            change=words.CHANGES[Change(one.change)],
            receiver=one.receiver,
            channel=one.channel,
            standing=STANDINGS[one.standing],
            why=REASONS[Suppressed(one.reason)] if one.reason and one.standing != "sent" else "",
            attempts=tuple(of_notice[one.id]),
        )


def _attempt_words(attempt: Attempt, zone: ZoneInfo) -> str:
    why = " ".join(str(part) for part in (attempt.error, attempt.code) if part is not None)
    said = f" ({why})" if why and attempt.outcome != "sent" else ""
    return f"{words.at_time(attempt.at, zone)}: {OUTCOMES[attempt.outcome]}{said}"
