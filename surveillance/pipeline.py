"""The one orchestration: ingest, evaluate, deliver. Read this file first.

    messages -> read -> revise the line list -> pending evaluations            one transaction a batch
    pending evaluation -> look -> find clusters -> match alerts -> outbox      one transaction an evaluation
    outbox -> hold or send                                                     one transaction a notice

Every write is idempotent, by the key its store function names: a step done twice changes nothing.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from time import perf_counter

from surveillance import looking, sending
from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.comparison import may_wait
from surveillance.alerting.due import with_due_times
from surveillance.alerting.matching import Look, match
from surveillance.alerting.routing import Told, route
from surveillance.alerting.severity import grade
from surveillance.alerting.suppression import Suppressed
from surveillance.alerting.wording import notice
from surveillance.answering import answer, answer_again
from surveillance.asking import Question, ask, during_the_day, end_of, question_of
from surveillance.configuration import Configuration
from surveillance.delivery.parcel import NotTaken
from surveillance.detection.cluster import Cluster
from surveillance.events.dead_letter import DeadLetter
from surveillance.events.message import Message
from surveillance.events.rules import CLOCK_TOLERANCE
from surveillance.events.topics import source_of
from surveillance.events.trial import Trial
from surveillance.intake import Intake, Read, Readings, read_message, refuse_erased, seen_of
from surveillance.line_list.record import RecordVersion
from surveillance.looking import Seen, find_clusters, look, snapshot_of
from surveillance.revising import Revised, revise_line_list
from surveillance.sending import Delivered, Post
from surveillance.store import (
    alerts,
    dead_letters,
    evaluations,
    ledger,
    outbox,
    partners,
    pending,
    test_records,
)
from surveillance.store.database import Store, Transaction

# --- ingest -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ingested:
    """What became of a batch: of its messages, those that nobody had handled yet, each a record's version,
    a dead letter, or a test record that was answered and left at that; and the looks that it asks for."""

    messages: int
    versions: tuple[tuple[Message, RecordVersion], ...]
    letters: tuple[DeadLetter, ...]
    revised: Revised
    repaired: bool
    trials: tuple[Trial, ...] = ()
    requested: tuple[pending.Request, ...] = ()


def ingest(
    messages: Sequence[Message],
    configuration: Configuration,
    store: Store,
    intake: Intake,
    read: Readings | None = None,
) -> Ingested:
    """Reads a batch, unless it was read before, and stores it with everything that follows from it, in one
    transaction.

    Done twice, nothing changes: what the ledger holds is not handled again.
    """
    read = read or read_all(messages, configuration, intake)
    with store.transaction() as tx:
        new = _mark_handled(tx, messages, intake)
        kept = refuse_erased(tx, {m: read[m] for m in new}, intake)
        versions = tuple((m, r) for m, r in kept.items() if isinstance(r, RecordVersion))
        letters = tuple(r for r in kept.values() if isinstance(r, DeadLetter))
        revised = revise_line_list(tx, [v for _, v in versions], configuration, intake.now)
        trials = tuple(r for r in kept.values() if isinstance(r, Trial))
        dead_letters.add(tx, letters, intake.place, intake.now)
        test_records.add(tx, trials, intake.place, intake.now)
        answer(tx, new, versions, revised.outcomes, letters, trials, configuration, intake)
        requested = _request_evaluations(tx, configuration, revised, versions, intake)
        counted = [m for m in new if not isinstance(kept[m], Trial)]
        partners.saw(tx, seen_of(counted, letters, intake))
    return Ingested(len(messages), versions, letters, revised, intake.repaired, trials, requested)


def read_all(messages: Iterable[Message], configuration: Configuration, intake: Intake) -> Readings:
    """What each message is; nothing is asked of the database."""
    return {message: read_message(message, configuration, intake) for message in messages}


def ingest_again(
    message: Message,
    letter: int,
    configuration: Configuration,
    store: Store,
    intake: Intake,
    also: Callable[[Transaction], None],
) -> Read | None:
    """Stores a message that was refused, if it is not refused today, and resolves its dead letter.

    None: the letter was resolved already, and nothing is done. `also` runs in the transaction that stores it.
    """
    with store.transaction() as tx:
        if dead_letters.taken(tx, letter) is None:
            return None
        read = refuse_erased(tx, {message: read_message(message, configuration, intake)}, intake)[message]
        if isinstance(read, DeadLetter):
            return read
        dead_letters.resolve(tx, [letter], "replay", intake.now)
        if isinstance(read, Trial):
            test_records.add(tx, [read], intake.place, intake.now)
        else:
            revised = revise_line_list(tx, [read], configuration, intake.now)
            answer_again(tx, message, read, revised.outcomes[0], configuration, intake)
            _request_evaluations(tx, configuration, revised, [(message, read)], intake)
        also(tx)
    return read


def _request_evaluations(
    tx: Transaction,
    configuration: Configuration,
    revised: Revised,
    versions: Sequence[tuple[Message, RecordVersion]],
    intake: Intake,
) -> tuple[pending.Request, ...]:
    """Asks to look again wherever a live message touched a case; history is looked at when it is asked."""
    live = {v.key: m for m, v in versions if not source_of(m.topic, intake.prefix).backfill}
    if not live or not intake.evaluates:
        return ()
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
    return tuple(requests)


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
        new += [offsets[o] for o in ledger.mark(tx, place, offsets, intake.now, intake.repaired)]
    return new


# --- evaluate ---------------------------------------------------------------------------------------------


@dataclass
class Evaluated:
    """An evaluation's answer, with the seconds that each stage took, its number, and the alerts before it."""

    question: Question
    changes: tuple[AlertChange, ...] = ()
    clusters: tuple[Cluster, ...] = ()
    notices: tuple[outbox.Notice, ...] = ()
    seconds: dict[str, float] = field(default_factory=dict)
    evaluation: int | None = None
    before: Sequence[Alert] = ()


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
        if pending.is_asked_again(tx, claim):
            changes = _without_waiting(changes, seen)
        snapshot = snapshot_of(question, seen, clusters) if changes else None
        known_at = min(now, question.known_at)
        finished_at = now + timedelta(seconds=sum(clocked.seconds.values()))
        stored = evaluations.save(tx, claim, known_at, finished_at, len(clusters), snapshot, clocked.seconds)
        alerts.save(tx, changes, stored)
        notices = tuple(notices_of(changes, configuration))
        outbox.add(tx, notices)
        pending.finish(tx, claim, now)
    clocked.end("store")
    return Evaluated(question, changes, clusters, notices, clocked.seconds, stored, seen.alerts)


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


def _without_waiting(changes: Iterable[AlertChange], seen: Seen) -> tuple[AlertChange, ...]:
    """The changes of a look that is followed by another, but for those that may as well wait for it."""
    before = {alert.id: alert for alert in seen.alerts}
    return tuple(change for change in changes if not may_wait(before.get(change.alert.id), change))


def notices_of(changes: Iterable[AlertChange], configuration: Configuration) -> Iterator[outbox.Notice]:
    """A notice per change and receiver; where one is not to be sent, the reason is stored in its place."""
    for change in changes:
        use_case = configuration.use_cases[change.alert.use_case]
        days_off = configuration.regions[change.alert.scope].scope.bank_holidays
        chosen = route(change, use_case, configuration.receivers, days_off)
        for told in chosen.told:
            yield notice_to(told, change, chosen.suppressed)


def notice_to(told: Told, change: AlertChange, suppressed: Suppressed | None = None) -> outbox.Notice:
    """What one receiver is told of a change, and from when on."""
    return outbox.Notice(
        channel=told.receiver.channel,
        receiver=told.receiver.id,
        alert_id=change.alert.id,
        revision=change.alert.revision,
        payload=notice(change),
        created_at=change.at,
        suppressed_reason=suppressed,
        not_before=told.not_before,
        held_reason=told.reason,
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


# --- deliver ----------------------------------------------------------------------------------------------


def deliver(
    store: Store, post: Post, configuration: Configuration, clock: Callable[[], datetime]
) -> Delivered | None:
    """Sends the notice that is due next, if any: in revision order per alert, same key on every repeat.

    Returns what became of it. One that is held, or fails, is kept with its reason and judged or tried again.
    """
    with post.taking(store, clock()) as (tx, owed):
        if owed is None:
            return None
        kept = sending.keep_back(tx, owed, configuration, clock())
    try:
        return kept or _send(store, owed, post, clock)
    finally:
        post.done(owed)


def _send(store: Store, owed: outbox.Due, post: Post, clock: Callable[[], datetime]) -> Delivered:
    try:
        code = sending.send(owed, post.senders)
    except NotTaken as error:
        with store.transaction() as tx:
            return sending.store_failure(tx, owed, error, clock())
    with store.transaction() as tx:
        outbox.sent(tx, owed, clock(), code)
    return Delivered(owed, "sent", code=code)
