"""What one evaluation asks, what it looks at, and the clusters that it finds. All its answer depends on."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from operator import attrgetter
from typing import Any

import numpy as np

from surveillance.alerting.alert import Alert
from surveillance.asking import Question
from surveillance.configuration import Configuration, baseline_start
from surveillance.detection.cluster import Cluster, Detector, Locations, Reference, Study
from surveillance.detection.recurrence import independent_looks_a_day, recurrence_interval_days
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.detection.scan.poisson import PoissonScan
from surveillance.detection.study import make_study
from surveillance.line_list.duplicates import CountedCase, Pair, count_once
from surveillance.line_list.links import add_links
from surveillance.line_list.record import Case, RecordKey
from surveillance.reporting import with_reporting
from surveillance.store import alerts, evaluations, line_list, links
from surveillance.store.database import Transaction

SCANS = (PermutationScan.name, PoissonScan.name)
"""Detectors whose p-value is that of one look among many."""


@dataclass(frozen=True)
class Decided:
    """What people decided about pairs of records: one person's or not, and linked."""

    confirmed: Collection[Pair] = frozenset()
    rejected: Collection[Pair] = frozenset()
    tied: tuple[Pair, ...] = ()


@dataclass(frozen=True, eq=False)
class Counted:
    """The counted cases of a question at one place, and what detectors are given of them, each made once."""

    question: Question
    place: str
    cases: Sequence[CountedCase]
    _studies: dict[date, Study] = field(default_factory=dict)

    @cached_property
    def fingerprint(self) -> str:
        return fingerprint_of(self.cases)

    def study(self, detector: Detector) -> Study:
        """What the detector is given, with the past that it asks for."""
        asked = self.question
        start = max(asked.start, baseline_start(asked.use_case, detector, asked.as_of))
        if start not in self._studies:
            self._studies[start] = study_of(asked, self.place, self.cases, start)
        return self._studies[start]

    def seed(self, detector: Detector) -> int:
        return seed_of(self.question, self.place, self.fingerprint, detector)

    def reference(self, detector: Detector) -> Reference:
        """For looks that are compared with this one."""
        return Reference(self.study(detector), self.seed(detector))


@dataclass(frozen=True)
class Seen:
    """What one evaluation looked at; all that its answer depends on.

    before: by place, what the midnight before counted, where it is compared with that.
    """

    counted: Mapping[str, tuple[CountedCase, ...]]
    tied: tuple[Pair, ...]
    alerts: tuple[Alert, ...]
    standing: Mapping[str, str]
    last_looked: date | None = None
    before: Mapping[str, Counted] = field(default_factory=dict)


def look(tx: Transaction, question: Question) -> Seen:
    """Loads the cases as they were known then, each person or event once, and the scope's alerts."""
    use_case, before = question.use_case, question.before
    confirmed, rejected = line_list.duplicate_decisions(tx)
    decided = Decided(confirmed, rejected, tuple(links.confirmed_links(tx)))
    asked = [line_list.Then(q.start, q.as_of, q.known_at) for q in (question, before) if q is not None]
    known = {
        place.name: line_list.cases_known_then(tx, use_case.id, place.name, asked)
        for place in use_case.places
    }
    counted, standing = count(question, {place: of_place[0] for place, of_place in known.items()}, decided)
    raised = alerts.of_scope(tx, use_case.id, question.region.scope.id, question.start)
    # A member whose day has left the study is still a case: it leaves an alert only when withdrawn.
    older = {RecordKey.parse(m.rsplit("@", 1)[0]) for alert in raised for m in alert.members}
    for entry in line_list.current_entries(tx, older):
        if isinstance(entry, Case) and entry.use_case == use_case.id and entry.day < question.start:
            standing.setdefault(entry.id, entry.member)
    last = evaluations.last_day(tx, use_case.id, question.region.scope.id)
    midnight = {} if before is None else _count_before(before, {p: k[1] for p, k in known.items()}, decided)
    return Seen(counted, decided.tied, tuple(raised), standing, last, midnight)


def count(
    question: Question, known: Mapping[str, Iterable[Case]], decided: Decided
) -> tuple[dict[str, tuple[CountedCase, ...]], dict[str, str]]:
    """By place, the scope's cases among those known, each person or event once; and what stands of them."""
    areas = question.region.read.index
    counted: dict[str, tuple[CountedCase, ...]] = {}
    standing: dict[str, str] = {}
    for place, of_place in known.items():
        cases = [case for case in of_place if case.area in areas]
        linked = add_links(cases, decided.tied)
        counted[place] = count_once(linked, decided.rejected, decided.confirmed, question.use_case.count)
        standing |= {case.id: case.member for case in cases}
    return counted, standing


def _count_before(
    before: Question, known: Mapping[str, list[Case]], decided: Decided
) -> Mapping[str, Counted]:
    """What the midnight before counted. Kept, for all looks of a day see the same, as a rule."""
    key = before.use_case.id, before.region.scope.id
    last = _midnights.get(key)
    if last is None or not _same(last.question, before) or (last.known, last.decided) != (known, decided):
        counted, _ = count(before, known, decided)
        of_place = {place: Counted(before, place, cases) for place, cases in counted.items()}
        last = _midnights[key] = _Midnight(before, known, decided, of_place)
    return last.counted


@dataclass(frozen=True)
class _Midnight:
    """What the midnight before a day that goes on counted, and of what."""

    question: Question
    known: Mapping[str, list[Case]]
    decided: Decided
    counted: Mapping[str, Counted]


# The last of each use case and scope.
_midnights: dict[tuple[str, str], _Midnight] = {}


def _same(one: Question, other: Question) -> bool:
    """Whether two questions are one. Of one configuration they share all but the days."""
    return (one.use_case is other.use_case and one.region is other.region) and (
        (one.start, one.as_of, one.known_at, one.complete_from)
        == (other.start, other.as_of, other.known_at, other.complete_from)
    )


def find_clusters(question: Question, seen: Seen, configuration: Configuration) -> tuple[Cluster, ...]:
    """Runs every detector of the use case at every place, each with the past that it asks for."""
    detectors = configuration.detectors[question.use_case.id]
    looks = independent_looks(question, detectors, {p: len(counted) for p, counted in seen.counted.items()})
    return tuple(
        with_recurrence(cluster, looks)
        for place, counted in seen.counted.items()
        for cluster in detect(Counted(question, place, counted), detectors, seen.before.get(place))
    )


def independent_looks(question: Question, detectors: Iterable[Detector], cases: Mapping[str, int]) -> float:
    """How many independent scans a day the use case's looks at these cases (by place) are worth."""
    scans = sum(detector.name in SCANS for detector in detectors) * len(cases)
    days = (question.as_of - question.start).days + 1
    most = max(cases.values(), default=0)
    return independent_looks_a_day(most / days, question.use_case.looks == "every_event", scans)


def with_recurrence(cluster: Cluster, looks_a_day: float) -> Cluster:
    """A scan's cluster with the recurrence interval that is true of how its use case looks; p stays."""
    if cluster.detector not in SCANS or cluster.p_value is None:
        return cluster
    return replace(
        cluster,
        recurrence_interval_days=recurrence_interval_days(cluster.p_value, looks_a_day),
        parameters={**cluster.parameters, "independent_looks_a_day": round(looks_a_day, 4)},
    )


def detect(here: Counted, detectors: Iterable[Detector], before: Counted | None = None) -> list[Cluster]:
    """What some detectors find at one place, each with random numbers of its own."""
    found: list[Cluster] = []
    for detector in detectors:
        study, rng = here.study(detector), np.random.default_rng(here.seed(detector))
        if before is not None and detector.name in SCANS:
            study = replace(study, reference=before.reference(detector))
        found += detector.detect(study, rng)
    return found


def study_of(question: Question, place: str, counted: Sequence[CountedCase], start: date) -> Study:
    """What a detector is given: cases counted since `start` as arrays, in the order of their ids."""
    ordered = sorted((c for c in counted if c.case.day >= start), key=attrgetter("case.id"))
    return make_study(
        ids=[c.case.id for c in ordered],
        codes=[c.case.area for c in ordered],
        days=[c.case.day for c in ordered],
        tokens=[c.tokens for c in ordered],
        locations=locations_of(question, ordered),
        start=start,
        as_of=question.as_of,
        place=place,
        ages=[c.case.age for c in ordered],
        sexes=[c.case.sex for c in ordered],
        complete_from=question.complete_from,
        received=[c.case.received_at.astimezone(question.region.zone).date() for c in ordered],
        holidays=question.region.scope.bank_holidays,
    )


def locations_of(question: Question, counted: Sequence[CountedCase]) -> Locations:
    """The region's areas, in groups whose reports come alike from the partners of these cases."""
    partners = {c.case.key.partner for c in counted}
    partners |= {record.partition("/")[0] for c in counted if len(c.records) > 1 for record in c.records}
    return with_reporting(
        question.region.locations, question.coverage, partners, question.start, question.as_of
    )


def draw_ahead(question: Question, seen: Seen, configuration: Configuration) -> None:
    """Draws all that looks of the day will compare with, so that none of them waits for it."""
    for detector in configuration.detectors[question.use_case.id]:
        for counted in seen.before.values():
            if isinstance(detector, PermutationScan):
                detector.draw(counted.reference(detector))


def fingerprint_of(counted: Sequence[CountedCase]) -> str:
    """Of the cases as they are counted, in whatever order."""
    members = sorted(c.case.member for c in counted)
    return hashlib.sha256("\n".join(members).encode()).hexdigest()


def seed_of(question: Question, place: str, fingerprint: str, detector: Detector) -> int:
    """Same cases, same day, same detector: same random numbers, on any worker, at any time."""
    text = "\n".join(
        (
            question.use_case.id,
            question.region.scope.id,
            question.as_of.isoformat(),
            place,
            detector.name,
            detector.version,
            fingerprint,
        )
    )
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def snapshot_of(question: Question, seen: Seen, clusters: Sequence[Cluster]) -> dict[str, Any]:
    """All that is needed to explain and to recompute an evaluation: by place, the records of each case, and
    which were others at the midnight that it is compared with."""
    asked, before = {p: _groups(counted) for p, counted in seen.counted.items()}, question.before
    snapshot = {
        "start": question.start,
        "as_of": question.as_of,
        "known_at": question.known_at,
        "cases": {place: sorted(groups) for place, groups in asked.items()},
        "links": seen.tied,
        "clusters": clusters,
    }
    if before is None:
        return snapshot
    then = {place: _groups(counted.cases) for place, counted in seen.before.items()}
    compared_with = {
        "start": before.start,
        "as_of": before.as_of,
        "known_at": before.known_at,
        "without": {place: sorted(asked[place] - groups) for place, groups in then.items()},
        "and": {place: sorted(groups - asked[place]) for place, groups in then.items()},
    }
    return {**snapshot, "compared_with": compared_with}


def _groups(counted: Iterable[CountedCase]) -> set[tuple[str, ...]]:
    return {one.records for one in counted}
