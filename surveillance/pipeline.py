"""The one orchestration: ingest, evaluate, deliver. Read this file first.

    messages -> read -> revise the line list -> pending evaluations            one transaction a batch
    pending evaluation -> look -> find clusters -> match alerts -> outbox      one transaction an evaluation
    outbox -> send                                                             one transaction a notice

Every write is idempotent, by the key its store function names: a step done twice changes nothing.
"""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from time import perf_counter
from typing import Any

import numpy as np

from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.due import with_due_times
from surveillance.alerting.matching import Look, match
from surveillance.alerting.routing import route
from surveillance.alerting.severity import grade
from surveillance.alerting.wording import notice
from surveillance.configuration import Configuration, Region
from surveillance.detection.cluster import Cluster, Study
from surveillance.detection.study import make_study
from surveillance.events.canonical import canonical_hash
from surveillance.events.dead_letter import DeadLetter, dead_letter
from surveillance.events.decode import decode
from surveillance.events.message import Message
from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.events.topics import source_of
from surveillance.line_list.duplicates import CountedCase, Pair, count_once
from surveillance.line_list.links import add_links
from surveillance.line_list.record import Case, RecordKey, RecordVersion
from surveillance.revising import Revised, revise_line_list
from surveillance.store import (
    alerts,
    dead_letters,
    evaluations,
    ledger,
    line_list,
    links,
    outbox,
    partners,
    pending,
)
from surveillance.store.database import Store, Transaction
from surveillance.use_case.model import UseCase

UNSTORABLE = Fault(
    RefusalCode.UNSTORABLE,
    "",
    "The record cannot be stored",
    "Nothing is wrong that you could see; the service's operator replays it after a repair",
)

# --- ingest -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Intake:
    """The circumstances in which a batch is taken in.

    place: the log that a topic and partition is now. repaired: the ledger lacked these messages.
    unstorable: the database refused them before, so they become dead letters. evaluates: whether the cases
    that they touch are evaluated, unless the messages are history.
    """

    place: Callable[[str, int], ledger.LogPlace]
    dead_letter_key: bytes
    now: datetime
    prefix: str = ""
    repaired: bool = False
    unstorable: bool = False
    evaluates: bool = True


@dataclass(frozen=True)
class Ingested:
    """What became of a batch: every message is a record version or a dead letter."""

    messages: tuple[Message, ...]
    versions: tuple[tuple[Message, RecordVersion], ...]
    letters: tuple[DeadLetter, ...]
    revised: Revised
    repaired: bool


def ingest(
    messages: Sequence[Message], configuration: Configuration, store: Store, intake: Intake
) -> Ingested:
    """Reads a batch and stores it with everything that follows from it, in one transaction.

    Raises only what the database raises. Done twice: nothing changes.
    """
    read = [(m, read_message(m, configuration, intake)) for m in messages]
    versions = tuple((m, r) for m, r in read if isinstance(r, RecordVersion))
    letters = tuple(r for _, r in read if isinstance(r, DeadLetter))
    with store.transaction() as tx:
        revised = revise_line_list(tx, [v for _, v in versions], configuration, intake.now)
        dead_letters.add(tx, letters, intake.place, intake.now)
        _request_evaluations(tx, configuration, revised, versions, intake)
        new = _mark_handled(tx, messages, intake)
        partners.saw(tx, _seen(new, letters, intake))
    return Ingested(tuple(messages), versions, letters, revised, intake.repaired)


def read_message(
    message: Message, configuration: Configuration, intake: Intake
) -> RecordVersion | DeadLetter:
    """A message as the version of a record, or as the dead letter that says why not."""
    source = source_of(message.topic, intake.prefix)
    try:
        if intake.unstorable:
            raise Refused((UNSTORABLE,))
        organisation = configuration.partners[source.partner].organisation
        event = decode(message.value, source, organisation, message.received_at)
        content = configuration.gazetteer.resolve(event.model_dump(mode="json"))
    except Refused as refused:
        return dead_letter(message, source, refused, intake.dead_letter_key)
    return RecordVersion(
        key=RecordKey(source.partner, source.kind, event.key_id),
        version=event.version,
        content_hash=canonical_hash(content),
        received_at=message.received_at,
        content=content,
    )


def _request_evaluations(
    tx: Transaction,
    configuration: Configuration,
    revised: Revised,
    versions: Sequence[tuple[Message, RecordVersion]],
    intake: Intake,
) -> None:
    """Asks to look again wherever a live message touched a case; history is looked at when it is asked."""
    live = {v.key: m for m, v in versions if not source_of(m.topic, intake.prefix).backfill}
    if not live or not intake.evaluates:
        return
    oldest = min(message.received_at for message in live.values())
    requests = [
        pending.Request(u, s, intake.now.astimezone(configuration.regions[s].zone).date(), oldest)
        for u, s in revised.touched_by(live)
        if configuration.use_cases[u].looks == "every_event"
    ]
    pending.request(tx, requests, intake.now)


def _mark_handled(tx: Transaction, messages: Sequence[Message], intake: Intake) -> list[Message]:
    """Enters the batch into the ledger; returns the messages that were not in it before."""
    by_log: dict[ledger.LogPlace, list[Message]] = {}
    for message in messages:
        by_log.setdefault(intake.place(message.topic, message.partition), []).append(message)
    new: list[Message] = []
    for place, of_log in sorted(by_log.items(), key=lambda item: item[0]):  # one order for every worker
        offsets = {m.offset: m for m in of_log}
        new += [offsets[o] for o in ledger.unhandled(tx, place, offsets, intake.now)]
        ledger.mark(tx, place, offsets, intake.now, intake.repaired)
    return new


def _seen(new: Iterable[Message], letters: Iterable[DeadLetter], intake: Intake) -> Iterator[partners.Seen]:
    refused = {(letter.topic, letter.partition, letter.offset) for letter in letters}
    by_source: dict[tuple[str, str], list[Message]] = {}
    for message in new:
        source = source_of(message.topic, intake.prefix)
        by_source.setdefault((source.partner, source.kind), []).append(message)
    for (partner, kind), messages in by_source.items():
        bad = sum((m.topic, m.partition, m.offset) in refused for m in messages)
        yield partners.Seen(partner, kind, max(m.received_at for m in messages), len(messages), bad)


# --- evaluate ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Question:
    """What one evaluation asks: this use case, in this scope, as of this day, as known at this time."""

    use_case: UseCase
    region: Region
    start: date
    as_of: date
    known_at: datetime

    def is_overtaken(self, raised: Iterable[Alert]) -> bool:
        """Whether an alert rests on a later day already: what was known earlier cannot revise it."""
        return any(alert.as_of > self.as_of for alert in raised)


@dataclass(frozen=True)
class Seen:
    """What one evaluation looked at; all that its answer depends on."""

    counted: Mapping[str, tuple[CountedCase, ...]]
    tied: tuple[Pair, ...]
    alerts: tuple[Alert, ...]
    standing: Mapping[str, str]


@dataclass
class Evaluated:
    """An evaluation's answer, with the seconds that each stage took."""

    question: Question
    changes: tuple[AlertChange, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)


def evaluate(claim: pending.Claim, configuration: Configuration, store: Store, now: datetime) -> Evaluated:
    """Answers one pending evaluation, and stores alerts, history, snapshot and outbox under its claim.

    Raises ClaimLost or StaleAlert, having stored nothing, where another worker or a person was faster.
    """
    question = ask(claim, configuration, now)
    clocked = _Stages()
    with store.reading() as tx:
        seen = look(tx, question)
    clocked.end("load")
    if question.is_overtaken(seen.alerts):
        with store.transaction() as tx:
            pending.finish(tx, claim, now)
        return Evaluated(question, seconds=clocked.seconds)
    clusters = find_clusters(question, seen, configuration)
    clocked.end("detect")
    changes = change_alerts(question, seen, clusters, now)
    clocked.end("match")
    with store.transaction() as tx:
        snapshot = snapshot_of(question, seen, clusters) if changes else None
        stored = evaluations.save(tx, claim, question.known_at, now, len(clusters), snapshot, clocked.seconds)
        alerts.save(tx, changes, stored)
        outbox.add(tx, notices_of(changes, question.use_case))
        pending.finish(tx, claim, now)
    clocked.end("store")
    return Evaluated(question, changes, clusters, clocked.seconds)


def ask(claim: pending.Claim, configuration: Configuration, now: datetime) -> Question:
    """The question behind a claim. Nothing that became known after the day `as_of` ended is looked at."""
    use_case, region = configuration.use_cases[claim.use_case], configuration.regions[claim.scope]
    day_ends = datetime.combine(claim.as_of + timedelta(days=1), time(), region.zone)
    return Question(
        use_case=use_case,
        region=region,
        start=configuration.study_start(use_case, claim.scope, claim.as_of),
        as_of=claim.as_of,
        known_at=claim.known_at or min(now, day_ends),
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
        standing |= {str(case.key): case.member for case in cases}
    raised = alerts.of_scope(tx, use_case.id, question.region.scope.id, question.start)
    # A member whose day has left the study is still a case: it leaves an alert only when withdrawn.
    older = {RecordKey.parse(m.rsplit("@", 1)[0]) for alert in raised for m in alert.members}
    for entry in line_list.current_entries(tx, older):
        if isinstance(entry, Case) and entry.use_case == use_case.id and entry.day < question.start:
            standing.setdefault(str(entry.key), entry.member)
    return Seen(counted, tuple(tied), tuple(raised), standing)


def find_clusters(question: Question, seen: Seen, configuration: Configuration) -> tuple[Cluster, ...]:
    """Runs every detector of the use case at every place."""
    return tuple(
        cluster
        for place, counted in seen.counted.items()
        for detector in configuration.detectors[question.use_case.id]
        for cluster in detector.detect(
            study_of(question, place, counted),
            np.random.default_rng(seed_of(question, place, counted, detector)),
        )
    )


def study_of(question: Question, place: str, counted: Sequence[CountedCase]) -> Study:
    """What a detector is given: counted cases as arrays, in the order of their ids."""
    ordered = sorted(counted, key=lambda c: c.case.key)
    return make_study(
        ids=[str(c.case.key) for c in ordered],
        codes=[c.case.area for c in ordered],
        days=[c.case.day for c in ordered],
        tokens=[c.tokens for c in ordered],
        locations=question.region.locations,
        start=question.start,
        as_of=question.as_of,
        place=place,
    )


def seed_of(question: Question, place: str, counted: Sequence[CountedCase], detector: Any) -> int:
    """Same cases, same day, same detector: same random numbers, on any worker, at any time."""
    members = sorted(c.case.member for c in counted)
    text = "\n".join(
        (
            question.use_case.id,
            question.region.scope.id,
            question.as_of.isoformat(),
            place,
            detector.name,
            detector.version,
            *members,
        )
    )
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def change_alerts(
    question: Question, seen: Seen, clusters: Iterable[Cluster], now: datetime
) -> tuple[AlertChange, ...]:
    """What the clusters that reach a severity band change in the scope's alerts."""
    behind: defaultdict[str, list[str]] = defaultdict(list)
    for counted in seen.counted.values():
        for one in counted:  # a person's records may differ by place: all of them are behind the case
            behind[str(one.case.key)] += one.records
    use_case = question.use_case
    looked = Look(
        use_case=use_case.id,
        scope=question.region.scope.id,
        as_of=question.as_of,
        at=now,
        standing=seen.standing,
        severities=tuple(band.name for band in use_case.bands),
    )
    changes = match(seen.alerts, grade(clusters, use_case.bands, behind), looked)
    return tuple(with_due_times(change, question.region.working_time) for change in changes)


def notices_of(changes: Iterable[AlertChange], use_case: UseCase) -> Iterator[outbox.Notice]:
    """A notice per change and receiver; where one is not to be sent, the reason is stored in its place."""
    for change in changes:
        chosen = route(change, use_case)
        for receiver in chosen.receivers or use_case.receivers:
            yield outbox.Notice(
                channel=receiver,  # a receiver is its own channel until people are receivers too
                receiver=receiver,
                alert_id=change.alert.id,
                revision=change.alert.revision,
                payload=notice(change),
                created_at=change.at,
                suppressed_reason=chosen.suppressed,
            )


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


class _Stages:
    """Seconds per stage, each from the end of the one before."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = perf_counter()

    def end(self, stage: str) -> None:
        now = perf_counter()
        self.seconds[stage] = now - self._last
        self._last = now


Send = Callable[[str, Mapping[str, Any]], None]
"""Sends a message about the alert of that id; whatever it raises, the notice stays owed."""

# --- deliver ----------------------------------------------------------------------------------------------


def deliver(store: Store, channels: Mapping[str, Send], now: datetime) -> tuple[outbox.Due, str] | None:
    """Sends the notice that is due next, if any: in revision order per alert, same key on every repeat.

    Returns it with `sent` or `failed`. One that fails is kept, its error recorded, and tried again later.
    """
    with store.transaction() as tx:
        owed = outbox.next_due(tx, now)
    if owed is None:
        return None
    try:
        channels[owed.channel](owed.alert_id, {**owed.payload, "idempotency_key": owed.idempotency_key})
    except Exception as error:  # whatever a receiver does, the notice stays
        with store.transaction() as tx:
            outbox.failed(tx, owed, type(error).__name__, now)
        return owed, "failed"
    with store.transaction() as tx:
        outbox.sent(tx, owed, now)
    return owed, "sent"
