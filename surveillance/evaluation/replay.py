"""A history through the service's own looks: which alerts a configuration would have raised, and when."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from surveillance.alerting.alert import Alert, State
from surveillance.alerting.finding import record_of
from surveillance.alerting.grouping import records_in
from surveillance.asking import Question, end_of, question_of
from surveillance.configuration import Configuration
from surveillance.detection.cluster import Cluster, Detector
from surveillance.evaluation.known import Known
from surveillance.line_list.record import Case
from surveillance.looking import SCANS, Counted, Decided, Seen, detect, independent_looks, with_recurrence
from surveillance.pipeline import change_alerts
from surveillance.store.line_list import ListedRow
from surveillance.use_case.model import UseCase

Looks = Literal["every_event", "daily"]


@dataclass(frozen=True)
class Arm:
    """One way to run a use case: when it looks, and which detectors raise alerts (None: all of them)."""

    looks: Looks
    detector: str | None = None

    @property
    def name(self) -> str:
        return f"{self.looks}/{self.detector or 'combined'}"


@dataclass(frozen=True)
class Moment:
    """A look: when, as of which day, and whether the clock asked for it."""

    at: datetime
    as_of: date
    midnight: bool


@dataclass(frozen=True)
class Raised:
    """An alert that an arm opened, that reached a stronger band (both: a step), or that a record joined.

    `records`: keys of its members.
    """

    arm: str
    alert: str
    at: datetime
    severity: str
    step: bool
    detectors: tuple[str, ...]
    records: tuple[str, ...]


@dataclass(frozen=True)
class Alarm:
    """A cluster that a scan found at one look."""

    at: datetime
    midnight: bool
    cases_a_day: float
    place: str
    detector: str
    centre: str
    p_value: float
    statistic: float
    observed: int
    expected: float
    window_days: int
    members: tuple[str, ...]


@dataclass
class Replayed:
    """What came of a replay."""

    raised: list[Raised] = field(default_factory=list)
    alarms: list[Alarm] = field(default_factory=list)
    looks: int = 0


def moments(
    rows: Iterable[ListedRow],
    areas: Mapping[str, int],
    zone: ZoneInfo,
    first: date,
    last: date,
) -> list[Moment]:
    """Every look from `first` to `last`: when a case became known, changed or ended, and each midnight."""
    begin = datetime.combine(first, time(), zone).astimezone(UTC)
    end = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
    news = {
        at
        for row in rows
        if isinstance(row.entry, Case) and row.entry.area in areas
        for at in (row.known_from, row.known_until)
        if at is not None and begin <= at < end
    }
    found = [Moment(at, at.astimezone(zone).date(), midnight=False) for at in news]
    for n in range((last - first).days + 1):
        day = first + timedelta(days=n)
        at = datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)
        found.append(Moment(at, day, midnight=True))
    return sorted(found, key=lambda moment: (moment.at, not moment.midnight))


class Replay:
    """One use case in one scope over one history, with any number of arms beside each other.

    Every arm sees the same clusters: the detectors run once a look.
    """

    def __init__(
        self,
        configuration: Configuration,
        use_case: str,
        scope: str,
        rows: Sequence[ListedRow],
        decided: Decided,
        period: tuple[date, date],
        arms: Sequence[Arm],
    ) -> None:
        self._configuration = configuration
        self._use_case = configuration.use_cases[use_case]
        self._region = configuration.regions[scope]
        self._rows, self._decided, self._period = rows, decided, period
        self._known = {place.name: Known(place.name, rows, decided) for place in self._use_case.places}
        every = configuration.detectors[use_case]
        asked = {arm.detector for arm in arms}
        self._detectors = [one for one in every if None in asked or one.name in asked]
        self._tracks = [_Track(arm, self._use_case, every) for arm in arms]
        self._before: dict[str, Counted] = {}
        self._left_out: set[str] = set()
        self._nightly: set[str] = set()
        self.done = Replayed()

    def run(self) -> Replayed:
        """All looks of the period, in order."""
        for _ in self.steps():
            pass
        return self.done

    def steps(self) -> Iterator[Moment]:
        """Takes one look after the other, those that any arm takes."""
        nightly = all(track.arm.looks == "daily" for track in self._tracks)
        region, ended = self._region, self._period[0] - timedelta(days=1)
        self._before = self._counted(Moment(end_of(ended, region), ended, midnight=True))
        for moment in moments(self._rows, region.read.index, region.zone, *self._period):
            if moment.midnight or not nightly:
                self._look(moment)
                yield moment

    def alerts(self, arm: Arm) -> tuple[Alert, ...]:
        """The arm's alerts as they stand, the oldest first; what was merged into another is left out."""
        track = next(track for track in self._tracks if track.arm == arm)
        return tuple(sorted(track.alerts.values(), key=lambda alert: (alert.opened_at, alert.id)))

    def leave_out(self, detector: str, looks: Looks) -> None:
        """From the next look on, without a detector that has said all that is asked of it in these looks."""
        (self._nightly if looks == "every_event" else self._left_out).add(detector)

    def _look(self, moment: Moment) -> None:
        self.done.looks += 1
        here, before = self._counted(moment), {} if moment.midnight else self._before
        out = self._left_out if moment.midnight else self._left_out | self._nightly
        due = [detector for detector in self._detectors if detector.name not in out]
        clusters = [c for place, one in here.items() for c in detect(one, due, before.get(place))]
        if moment.midnight:
            self._before = here
        question = next(iter(here.values())).question
        a_day = max(len(one.cases) for one in here.values()) / ((moment.as_of - question.start).days + 1)
        self.done.alarms += [_alarm(c, moment, a_day) for c in clusters if c.detector in SCANS]
        for track in self._tracks:
            if moment.midnight or track.arm.looks == "every_event":
                self.done.raised += track.see(question, clusters, self._known, moment)

    def _counted(self, moment: Moment) -> dict[str, Counted]:
        """What is counted at each place at that moment."""
        question = question_of(self._configuration, self._use_case, self._region, moment.as_of, moment.at)
        for known in self._known.values():
            known.advance(question)
        return {place: Counted(question, place, known.counted()) for place, known in self._known.items()}


class _Track:
    """The alerts of one arm."""

    def __init__(self, arm: Arm, use_case: UseCase, detectors: Sequence[Detector]) -> None:
        self.arm, self._detectors = arm, detectors
        self._use_case = use_case.model_copy(update={"looks": arm.looks})
        self.alerts: dict[str, Alert] = {}

    def see(
        self, question: Question, clusters: Sequence[Cluster], known: Mapping[str, Known], moment: Moment
    ) -> list[Raised]:
        """What a look changes: the alerts that it opens, makes more severe, or adds records to."""
        asked = replace(question, use_case=self._use_case)
        cases = {place: of_place.total for place, of_place in known.items()}
        looks_a_day = independent_looks(asked, self._detectors, cases)
        mine = [
            with_recurrence(cluster, looks_a_day)
            for cluster in clusters
            if self.arm.detector in (None, cluster.detector)
        ]
        ids = {member for cluster in mine for member in cluster.members}
        standing: dict[str, str] = {}
        records = {record for alert in self.alerts.values() for record in records_in(alert)}
        for of_place in known.values():
            standing |= of_place.standing(records | ids, question.as_of)
        met = tuple(alert for alert in self.alerts.values() if _may_change(alert, mine, ids, standing))
        if not met and not mine:
            return []
        counted = {place: of_place.behind(ids) for place, of_place in known.items()}
        seen = Seen(counted, (), met, standing)
        return [
            raised
            for change in change_alerts(asked, seen, mine, moment.at)
            if (raised := self._take(change.alert, moment)) is not None
        ]

    def _take(self, alert: Alert, moment: Moment) -> Raised | None:
        before = self.alerts.get(alert.id)
        if alert.state is State.MERGED:
            self.alerts.pop(alert.id, None)
        else:
            self.alerts[alert.id] = alert
        step = before is None or self._rank(alert) < self._rank(before)
        grew = before is not None and bool(records_in(alert) - records_in(before))
        if alert.state is State.MERGED or not (step or grew):
            return None
        return Raised(
            arm=self.arm.name,
            alert=alert.id,
            at=moment.at,
            severity=alert.severity,
            step=step,
            detectors=tuple(sorted({cluster.detector for cluster in alert.clusters})),
            records=tuple(map(record_of, alert.members)),
        )

    def _rank(self, alert: Alert) -> int:
        return [band.name for band in self._use_case.bands].index(alert.severity)


def _may_change(
    alert: Alert, clusters: Sequence[Cluster], ids: set[str], standing: Mapping[str, str]
) -> bool:
    """False only for an alert that this look leaves as it is: not found now nor before, all members as they
    were, and neither members nor area and days shared with what was found."""
    if alert.alive or any(standing.get(record_of(member)) != member for member in alert.members):
        return True
    if any(record_of(member) in ids for member in alert.members):
        return True
    return any(
        one.place == other.place
        and one.start <= other.end
        and other.start <= one.end
        and not frozenset(one.areas).isdisjoint(other.areas)
        for one in alert.clusters
        for other in clusters
    )


def _alarm(cluster: Cluster, moment: Moment, cases_a_day: float) -> Alarm:
    return Alarm(
        at=moment.at,
        midnight=moment.midnight,
        cases_a_day=cases_a_day,
        place=cluster.place,
        detector=cluster.detector,
        centre=cluster.centre or cluster.areas[0],
        p_value=cluster.p_value or 0.0,
        statistic=cluster.statistic or 0.0,
        observed=cluster.observed,
        expected=cluster.expected or 0.0,
        window_days=(cluster.end - cluster.start).days + 1,
        members=cluster.members,
    )
