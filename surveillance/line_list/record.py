"""A partner's record, its versions, and what a use case makes of it: a Case or an Exclusion."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any, NamedTuple


class RecordKey(NamedTuple):
    """Who sent it, which kind of event it is (`incident` or `admission`), and the partner's own id for it."""

    partner: str
    kind: str
    record_id: str

    def __str__(self) -> str:
        return "/".join(self)

    @classmethod
    def parse(cls, text: str) -> "RecordKey":
        partner, kind, record_id = text.split("/", 2)
        return cls(partner, kind, record_id)


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """The full state of a record as of one version.

    `content` holds the event's JSON values with every area resolved to a code and every postcode
    dropped. `content_hash` is the SHA-256 of its canonical JSON: of two payloads for one version, the
    larger hash wins, so any order of arrival ends in the same state.
    """

    key: RecordKey
    version: int
    content_hash: str
    received_at: datetime
    content: Mapping[str, Any]

    @property
    def rank(self) -> tuple[int, str]:
        """The order in which versions win."""
        return self.version, self.content_hash


@dataclass(frozen=True)
class Case:
    """A record that counts for a use case, at one place (`residence`, `incident`, `care_home`, ...).

    `day` is the case day in the scope's time zone. `received_at`: of the first version that counted, so that
    a later correction makes no case look late. `tokens` are what links cases: shared settings,
    locations of concern and confirmed links, each as `type:identifier`.
    """

    key: RecordKey
    version: int
    use_case: str
    place: str
    area: str
    day: date
    received_at: datetime
    person_keys: tuple[str, ...] = ()
    age: int | None = None
    sex: str | None = None
    tokens: tuple[str, ...] = ()

    @cached_property
    def id(self) -> str:
        """The record as text."""
        return str(self.key)

    @cached_property
    def member(self) -> str:
        """How an alert names this case: record@version."""
        return f"{self.id}@{self.version}"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """A record that does not count for a use case at a place, and why (a code: counted and shown).

    `field` names the field that the reason rests on, never its value.
    """

    key: RecordKey
    version: int
    use_case: str
    place: str
    reason: str
    field: str = ""
