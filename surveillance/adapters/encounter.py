"""What messages said of an encounter, one after the other, as the full state that an event carries.

The state is a function of the set of messages: whatever the order of their arrival, it ends the same.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

Deed = Literal["attend", "admit", "change", "discharge", "cancel", "merge"]

# When the hospital says an encounter began: of an attendance the arrival, of an admission the admission.
BEGUN_AT = "begun_at"
_FIRST_SECOND = datetime(2020, 1, 1, tzinfo=UTC)
_ACTIONS: Mapping[Deed, str] = {"attend": "attended", "admit": "admitted", "discharge": "discharged"}


@dataclass(frozen=True)
class Said:
    """What one message says of an encounter, `at` the time of the message (aware).

    `fields` are fields of an AdmissionEvent, None where the message takes a value back; a field that is not
    there was not spoken of. There is nothing of a person in them but pseudonyms.
    """

    encounter_id: str
    at: datetime
    deed: Deed
    fields: Mapping[str, Any]


@dataclass
class _Course:
    """How an encounter went so far."""

    attended: bool = False
    admitted: bool = False
    cancelled: bool = False
    arrived_at: str | None = None
    admitted_at: str | None = None

    def take(self, said: Said, fields: dict[str, Any]) -> None:
        if said.deed == "attend":
            self.attended, self.cancelled = True, False
        elif said.deed == "admit":
            self.admitted, self.cancelled = True, False
            fields.pop("discharged_at", None)
        elif said.deed == "cancel":
            self._cancel()
        begun = said.fields.get(BEGUN_AT)
        if begun is not None and self.admitted:
            self.admitted_at = begun
        elif begun is not None:
            self.arrived_at = begun

    def _cancel(self) -> None:
        """HL7 cancels the admission of somebody who had attended before: the attendance stays."""
        self.cancelled = not (self.attended and self.admitted)
        self.admitted, self.admitted_at = False, None if not self.cancelled else self.admitted_at

    @property
    def times(self) -> dict[str, str]:
        """Nobody is admitted before they arrived, and who was admitted has arrived by then."""
        known = [time for time in (self.arrived_at, self.admitted_at) if time is not None]
        times = {"arrived_at": min(known, key=datetime.fromisoformat)} if known else {}
        if self.admitted and self.admitted_at is not None:
            times["admitted_at"] = self.admitted_at
        return times


def state_after(messages: Iterable[Said]) -> dict[str, Any]:
    """The event's fields after all that was said, `version` and `reporter_org` aside.

    Messages of the same second are taken in the order in which they are given.
    """
    course, fields = _Course(), dict[str, Any]()
    last: Said | None = None
    for last in sorted(messages, key=lambda said: said.at):
        fields |= {name: value for name, value in last.fields.items() if name != BEGUN_AT}
        course.take(last, fields)
    if last is None:
        raise ValueError("nothing was said")
    known = {name: value for name, value in fields.items() if value is not None}
    return {
        **known,
        **course.times,
        "encounter_id": last.encounter_id,
        "action": _action(last, course, known),
        "reported_at": last.at.isoformat(),
    }


def _action(last: Said, course: _Course, fields: Mapping[str, Any]) -> str:
    if "merged_into" in fields:
        return "merged"
    return "cancelled" if course.cancelled else _ACTIONS.get(last.deed, "amended")


def version_of(at: datetime, before: int = 0) -> int:
    """The version of what was known at a time: seconds since 2020, and more than the version before.

    A sender that lost its memory goes on where it was; the numbers last until 2088.
    """
    return max(1, int((at - _FIRST_SECOND).total_seconds()), before + 1)
