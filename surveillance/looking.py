"""What one evaluation asks, what it looks at, and the clusters that it finds. All its answer depends on."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from operator import attrgetter
from typing import Any

import numpy as np

from surveillance.alerting.alert import Alert
from surveillance.configuration import Configuration, Region, baseline_start
from surveillance.detection.cluster import Cluster, Detector, Locations, Study
from surveillance.detection.recurrence import independent_looks_a_day, recurrence_interval_days
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.detection.scan.poisson import PoissonScan
from surveillance.detection.study import make_study
from surveillance.line_list.duplicates import CountedCase, Pair, count_once
from surveillance.line_list.links import add_links
from surveillance.line_list.record import Case, RecordKey
from surveillance.reporting import Covered, with_reporting
from surveillance.store import alerts, evaluations, line_list, links
from surveillance.store.database import Transaction
from surveillance.store.pending import Claim
from surveillance.use_case.model import UseCase

SCANS = (PermutationScan.name, PoissonScan.name)
"""Detectors whose p-value is that of one look among many."""


@dataclass(frozen=True)
class Question:
    """What one evaluation asks: this use case, in this scope, as of this day, as known at this time.

    complete_from: per area that is read, from when on partners report it as they do now.
    """

    use_case: UseCase
    region: Region
    start: date
    as_of: date
    known_at: datetime
    complete_from: tuple[date, ...] | None = None
    coverage: tuple[Covered, ...] = ()


@dataclass(frozen=True)
class Decided:
    """What people decided about pairs of records: one person's or not, and linked."""

    confirmed: Collection[Pair] = frozenset()
    rejected: Collection[Pair] = frozenset()
    tied: tuple[Pair, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What one evaluation looked at; all that its answer depends on."""

    counted: Mapping[str, tuple[CountedCase, ...]]
    tied: tuple[Pair, ...]
    alerts: tuple[Alert, ...]
    standing: Mapping[str, str]
    last_looked: date | None = None


def ask(claim: Claim, configuration: Configuration) -> Question:
    """The question behind a claim. Nothing that became known after the day `as_of` ended is looked at.

    While that day lasts, all that is stored counts: a broker's clock may be ahead of ours.
    """
    use_case, region = configuration.use_cases[claim.use_case], configuration.regions[claim.scope]
    day_ends = datetime.combine(claim.as_of + timedelta(days=1), time(), region.zone)
    return Question(
        use_case=use_case,
        region=region,
        start=configuration.study_start(use_case, claim.scope, claim.as_of),
        as_of=claim.as_of,
        known_at=claim.known_at or day_ends,
        complete_from=configuration.complete_from(use_case, claim.scope, claim.as_of),
        coverage=configuration.covered(use_case, claim.scope),
    )


def look(tx: Transaction, question: Question) -> Seen:
    """Loads the cases as they were known then, each person or event once, and the scope's alerts."""
    use_case = question.use_case
    confirmed, rejected = line_list.duplicate_decisions(tx)
    decided = Decided(confirmed, rejected, tuple(links.confirmed_links(tx)))
    known = {
        place.name: line_list.cases_known(
            tx, use_case.id, place.name, question.start, question.as_of, question.known_at
        )
        for place in use_case.places
    }
    counted, standing = count(question, known, decided)
    raised = alerts.of_scope(tx, use_case.id, question.region.scope.id, question.start)
    # A member whose day has left the study is still a case: it leaves an alert only when withdrawn.
    older = {RecordKey.parse(m.rsplit("@", 1)[0]) for alert in raised for m in alert.members}
    for entry in line_list.current_entries(tx, older):
        if isinstance(entry, Case) and entry.use_case == use_case.id and entry.day < question.start:
            standing.setdefault(entry.id, entry.member)
    last = evaluations.last_day(tx, use_case.id, question.region.scope.id)
    return Seen(counted, decided.tied, tuple(raised), standing, last)


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


def find_clusters(question: Question, seen: Seen, configuration: Configuration) -> tuple[Cluster, ...]:
    """Runs every detector of the use case at every place, each with the past that it asks for."""
    detectors = configuration.detectors[question.use_case.id]
    looks = independent_looks(question, detectors, {p: len(counted) for p, counted in seen.counted.items()})
    return tuple(
        with_recurrence(cluster, looks)
        for place, counted in seen.counted.items()
        for cluster in detect(question, place, counted, detectors)
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


def detect(
    question: Question, place: str, counted: Sequence[CountedCase], detectors: Iterable[Detector]
) -> list[Cluster]:
    """What some detectors find at one place, each with random numbers of its own."""
    studies: dict[date, Study] = {}
    fingerprint = fingerprint_of(counted)
    found: list[Cluster] = []
    for detector in detectors:
        start = max(question.start, baseline_start(question.use_case, detector, question.as_of))
        if start not in studies:
            studies[start] = study_of(question, place, counted, start)
        rng = np.random.default_rng(seed_of(question, place, fingerprint, detector))
        found += detector.detect(studies[start], rng)
    return found


def study_of(question: Question, place: str, counted: Sequence[CountedCase], start: date) -> Study:
    """What a detector is given: cases counted since `start` as arrays, in the order of their ids."""
    ordered = sorted((c for c in counted if c.case.day >= start), key=attrgetter("case.key"))
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
    """All that is needed to explain and to recompute an evaluation: by place, the records of each case."""
    return {
        "start": question.start,
        "as_of": question.as_of,
        "known_at": question.known_at,
        "cases": {p: sorted(c.records for c in counted) for p, counted in seen.counted.items()},
        "links": seen.tied,
        "clusters": clusters,
    }
