"""The one orchestration: ingest, evaluate, deliver. Read this file first.

    messages -> read -> revise the line list -> pending evaluations            one transaction a batch
    pending evaluation -> look -> find clusters -> match alerts -> outbox      one transaction an evaluation
    outbox -> send                                                             one transaction a notice

Every write is idempotent, by the key its store function names: a step done twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import perf_counter
from typing import Any

from surveillance import looking
from surveillance.alerting.alert import AlertChange
from surveillance.alerting.due import with_due_times
from surveillance.alerting.matching import Look, match
from surveillance.alerting.routing import route
from surveillance.alerting.severity import grade
from surveillance.alerting.wording import notice
from surveillance.asking import Question, ask, during_the_day, end_of, question_of
from surveillance.configuration import Configuration
from surveillance.detection.cluster import Cluster
from surveillance.events.dead_letter import DeadLetter
from surveillance.events.message import Message
from surveillance.events.rules import CLOCK_TOLERANCE
from surveillance.events.topics import source_of
from surveillance.intake import Intake, read_message, seen_of
from surveillance.line_list.record import RecordVersion
from surveillance.looking import Seen, find_clusters, look, snapshot_of
from surveillance.revising import Revised, revise_line_list
from surveillance.store import alerts, dead_letters, evaluations, ledger, outbox, partners, pending
from surveillance.store.database import Store, Transaction
from surveillance.use_case.model import UseCase

# --- ingest -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ingested:
    """What became of a batch: of its messages, those that nobody had handled yet, each a record's version
    or a dead letter."""

    messages: int
    versions: tuple[tuple[Message, RecordVersion], ...]
    letters: tuple[DeadLetter, ...]
    revised: Revised
    repaired: bool


def ingest(
    messages: Sequence[Message], configuration: Configuration, store: Store, intake: Intake
) -> Ingested:
    """Reads a batch and stores it with everything that follows from it, in one transaction.

    Done twice, nothing changes: what the ledger holds is not handled again.
    """
    read = {m: read_message(m, configuration, intake) for m in messages}
    with store.transaction() as tx:
        new = _mark_handled(tx, messages, intake)
        versions = tuple((m, r) for m in new if isinstance(r := read[m], RecordVersion))
        letters = tuple(r for m in new if isinstance(r := read[m], DeadLetter))
        revised = revise_line_list(tx, [v for _, v in versions], configuration, intake.now)
        dead_letters.add(tx, letters, intake.place, intake.now)
        _request_evaluations(tx, configuration, revised, versions, intake)
        partners.saw(tx, seen_of(new, letters, intake))
    return Ingested(len(messages), versions, letters, revised, intake.repaired)


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
    received = [message.received_at for message in live.values()]
    oldest, now = min(received), _brokers_time(intake.now, received)
    requests = []
    for use_case, scope in revised.touched_by(live):
        zone = configuration.regions[scope].zone
        today = now.astimezone(zone).date()
        if configuration.use_cases[use_case].looks == "every_event":
            requests.append(pending.Request(use_case, scope, today, oldest))
        elif oldest.astimezone(zone).date() < today:  # midnight's look was before this was stored
            requests.append(pending.Request(use_case, scope, today - timedelta(days=1), oldest))
    pending.request(tx, requests, intake.now)


def _brokers_time(now: datetime, received: Iterable[datetime]) -> datetime:
    """Now by the clock of the broker, which may be ahead of ours: what it has taken is known already.

    Never further than clocks may differ, for a topic that keeps the sender's time holds what senders like.
    """
    return max(now, min(max(received, default=now), now + CLOCK_TOLERANCE))


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


# --- evaluate ---------------------------------------------------------------------------------------------


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
    if seen.last_looked is not None and seen.last_looked > question.as_of:
        return _look_at(seen.last_looked, claim, question, store, now)
    clusters = find_clusters(question, seen, configuration)
    clocked.end("detect")
    changes = change_alerts(question, seen, clusters, now)
    clocked.end("match")
    with store.transaction() as tx:
        snapshot = snapshot_of(question, seen, clusters) if changes else None
        known_at = min(now, question.known_at)
        finished_at = now + timedelta(seconds=sum(clocked.seconds.values()))
        stored = evaluations.save(tx, claim, known_at, finished_at, len(clusters), snapshot, clocked.seconds)
        alerts.save(tx, changes, stored)
        outbox.add(tx, notices_of(changes, question.use_case))
        pending.finish(tx, claim, now)
    clocked.end("store")
    return Evaluated(question, changes, clusters, clocked.seconds)


def draw_ahead(configuration: Configuration, store: Store, now: datetime) -> None:
    """Draws what the looks of today compare with. Nothing is stored; a look draws itself what is missing."""
    for use_case in configuration.use_cases.values():
        for scope in use_case.scopes if use_case.looks == "every_event" else ():
            region = configuration.regions[scope]
            today = now.astimezone(region.zone).date()
            asked = question_of(configuration, use_case, region, today, end_of(today, region))
            question = during_the_day(configuration, asked)
            with store.reading() as tx:
                seen = look(tx, question)
            looking.draw_ahead(question, seen, configuration)


def _look_at(later: date, claim: pending.Claim, question: Question, store: Store, now: datetime) -> Evaluated:
    """Looks at the later day once more instead of at one that a look went beyond already: what was known
    then cannot revise an alert that rests on more."""
    with store.transaction() as tx:
        pending.finish(tx, claim, now)
        pending.request(tx, [pending.Request(claim.use_case, claim.scope, later, claim.received_at)], now)
    return Evaluated(question)


def change_alerts(
    question: Question, seen: Seen, clusters: Sequence[Cluster], now: datetime
) -> tuple[AlertChange, ...]:
    """What the clusters that reach a severity band change in the scope's alerts."""
    members = {member for cluster in clusters for member in cluster.members}
    behind: defaultdict[str, list[str]] = defaultdict(list)
    for counted in seen.counted.values():
        for one in counted:  # a person's records may differ by place: all of them are behind the case
            if one.case.id in members:
                behind[one.case.id] += one.records
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


def deliver(
    store: Store, channels: Mapping[str, Send], clock: Callable[[], datetime]
) -> tuple[outbox.Due, str] | None:
    """Sends the notice that is due next, if any: in revision order per alert, same key on every repeat.

    Returns it with `sent` or `failed`. One that fails is kept, its error recorded, and tried again later.
    """
    with store.transaction() as tx:
        owed = outbox.next_due(tx, clock())
    if owed is None:
        return None
    try:
        channels[owed.channel](owed.alert_id, {**owed.payload, "idempotency_key": owed.idempotency_key})
    except Exception as error:  # whatever a receiver does, the notice stays
        with store.transaction() as tx:
            outbox.failed(tx, owed, type(error).__name__, clock())
        return owed, "failed"
    with store.transaction() as tx:
        outbox.sent(tx, owed, clock())
    return owed, "sent"
