"""What one evaluation asks, what it looks at, and the clusters that it finds. All its answer depends on."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

import numpy as np

from surveillance.alerting.alert import Alert
from surveillance.configuration import Configuration, Region
from surveillance.detection.cluster import Cluster, Detector, Locations, Study
from surveillance.detection.study import make_study
from surveillance.line_list.duplicates import CountedCase, Pair, count_once
from surveillance.line_list.links import add_links
from surveillance.line_list.record import Case, RecordKey
from surveillance.reporting import Covered, with_reporting
from surveillance.store import alerts, evaluations, line_list, links
from surveillance.store.database import Transaction
from surveillance.store.pending import Claim
from surveillance.use_case.model import UseCase


@dataclass(frozen=True)
class Question:
    """What one evaluation asks: this use case, in this scope, as of this day, as known at this time."""

    use_case: UseCase
    region: Region
    start: date
    as_of: date
    known_at: datetime
    coverage: tuple[Covered, ...] = ()


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
        coverage=configuration.covered(use_case, claim.scope),
    )


def look(tx: Transaction, question: Question) -> Seen:
    """Loads the cases as they were known then, each person or event once, and the scope's alerts."""
    use_case, areas = question.use_case, question.region.read.index
    confirmed, rejected = line_list.duplicate_decisions(tx)
    tied = links.confirmed_links(tx)
    counted: dict[str, tuple[CountedCase, ...]] = {}
    standing: dict[str, str] = {}
    for place in use_case.places:
        known = line_list.cases_known(
            tx, use_case.id, place.name, question.start, question.as_of, question.known_at
        )
        cases = [case for case in known if case.area in areas]
        linked = add_links(cases, tied)
        counted[place.name] = count_once(linked, rejected, confirmed, use_case.count)
        standing |= {case.id: case.member for case in cases}
    raised = alerts.of_scope(tx, use_case.id, question.region.scope.id, question.start)
    # A member whose day has left the study is still a case: it leaves an alert only when withdrawn.
    older = {RecordKey.parse(m.rsplit("@", 1)[0]) for alert in raised for m in alert.members}
    for entry in line_list.current_entries(tx, older):
        if isinstance(entry, Case) and entry.use_case == use_case.id and entry.day < question.start:
            standing.setdefault(entry.id, entry.member)
    last = evaluations.last_day(tx, use_case.id, question.region.scope.id)
    return Seen(counted, tuple(tied), tuple(raised), standing, last)


def find_clusters(question: Question, seen: Seen, configuration: Configuration) -> tuple[Cluster, ...]:
    """Runs every detector of the use case at every place."""
    found: list[Cluster] = []
    for place, counted in seen.counted.items():
        study, fingerprint = study_of(question, place, counted), fingerprint_of(counted)
        for detector in configuration.detectors[question.use_case.id]:
            rng = np.random.default_rng(seed_of(question, place, fingerprint, detector))
            found += detector.detect(study, rng)
    return tuple(found)


def study_of(question: Question, place: str, counted: Sequence[CountedCase]) -> Study:
    """What a detector is given: counted cases as arrays, in the order of their ids."""
    ordered = sorted(counted, key=lambda c: c.case.key)
    return make_study(
        ids=[c.case.id for c in ordered],
        codes=[c.case.area for c in ordered],
        days=[c.case.day for c in ordered],
        tokens=[c.tokens for c in ordered],
        locations=locations_of(question, ordered),
        start=question.start,
        as_of=question.as_of,
        place=place,
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
