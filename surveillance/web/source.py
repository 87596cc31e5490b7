"""What the pages need to know, and nothing of how it is stored."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from surveillance.alerting.alert import Alert, AlertChange
from surveillance.detection.silence import Quietness
from surveillance.geography.area import AreaTable
from surveillance.line_list.duplicates import CountedCase, Pair
from surveillance.line_list.record import RecordKey
from surveillance.store.deliveries import Attempt, Delivery
from surveillance.store.evaluations import Evaluation
from surveillance.store.queue import Choice, Cut, Listed, Mark, Reach, Revision, Step, View
from surveillance.store.seen import Seen
from surveillance.use_case.model import Partner, Scope, UseCase


@dataclass(frozen=True, slots=True)
class Timeliness:
    """How late one partner's records of one kind (`incident`, `admission`) run.

    `last_received_at` is None where nothing has come yet. The delays are days from the case day to
    receipt over recent records, history loaded by the operator left out; None where there are too few.
    `quietness` compares what it sent up to the last midnight with its own past; None where that is too short.
    """

    partner: Partner
    kind: str
    last_received_at: datetime | None
    median_delay_days: float | None = None
    delay_90_percent_days: float | None = None
    quietness: Quietness | None = None


@dataclass(frozen=True, slots=True)
class Ties:
    """What people and keys say about pairs of records: linked by a person, or perhaps one person's."""

    linked: tuple[Pair, ...] = ()
    proposed: tuple[Pair, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """One revision of an alert, and the evaluation behind it: None where a person made the change.

    `days`: of the records in the alert's areas at its leading place, the case days as known then.
    """

    change: AlertChange
    evaluation: Evaluation | None
    days: Mapping[RecordKey, date]


def leading_place(alert: Alert, use_case: UseCase) -> str:
    """The place that the alert's strongest evidence counts by; the use case's first where it has none."""
    return alert.clusters[0].place if alert.clusters else use_case.places[0].name


class AlertSource(Protocol):
    """The service as the pages see it. Every call reads what is stored now; datetimes are aware."""

    @property
    def use_cases(self) -> Mapping[str, UseCase]:
        """What is counted, by id. Fixed while the service runs."""
        ...

    @property
    def scopes(self) -> Mapping[str, Scope]:
        """Where, by id. Fixed while the service runs."""
        ...

    def areas(self, scope: str) -> AreaTable:
        """Every area whose cases an evaluation of the scope reads, neighbours included."""
        ...

    def is_ready(self) -> bool:
        """Whether alerts can be read now; no may also be said by raising."""
        ...

    def counts(self, choice: Choice) -> Mapping[View, int]:
        """How many of the alerts chosen each view shows."""
        ...

    def listed(self, choice: Choice, cut: Cut) -> Sequence[Listed]:
        """A part of one view of the alerts chosen, in its order."""
        ...

    def in_full(self, alert_ids: Collection[str]) -> Mapping[str, Alert]:
        """Those few alerts, by id."""
        ...

    def steps(self, after: Mapping[str, int]) -> Mapping[str, Sequence[Step]]:
        """By alert, its history after a revision (0: all), the oldest first, without the alerts of then."""
        ...

    def seen(self, person: str, alert_id: str) -> Seen | None:
        """What a person was shown of an alert; None: nothing yet."""
        ...

    def revisions(self, known: Mapping[str, int]) -> Mapping[str, Revision]:
        """Every alert whose revision is not the one known; quick where nothing changed at all."""
        ...

    def mark(self, within: Reach) -> Mark:
        """What rises with every change of an alert within reach."""
        ...

    def known(self, alert_id: str, revision: int) -> Known | None:
        """One revision of an alert with what was looked at for it; None where there is none."""
        ...

    def ties(self, records: Collection[RecordKey]) -> Ties:
        """What is stored about pairs of these records."""
        ...

    def alert(self, alert_id: str) -> Alert | None:
        """One alert; None where there is none of this id, whatever the text."""
        ...

    def history(self, alert_id: str) -> Sequence[AlertChange]:
        """Every row of an alert's history, the oldest first."""
        ...

    def deliveries(self, alert_id: str, now: datetime) -> tuple[Sequence[Delivery], Sequence[Attempt]]:
        """Everything that was to be told of an alert, by revision, and every attempt, the oldest first."""
        ...

    def sentence(self, alert: Alert) -> str:
        """What a lead reads first, in plain and safe words."""
        ...

    def cases(self, alert: Alert, first: date, last: date) -> Sequence[CountedCase]:
        """The cases of the alert's use case and scope at every place, as known now, each counted once.

        From `first` to `last`, both included; at least those in the alert's areas and its members.
        """
        ...

    def timeliness(self) -> Sequence[Timeliness]:
        """One row per partner and kind of record that it sends."""
        ...
