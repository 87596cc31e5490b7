"""Turns what happened into metrics; nothing else does."""

import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from surveillance import metrics
from surveillance.alerting.alert import Change
from surveillance.alerting.suppression import Suppressed
from surveillance.configuration import Configuration
from surveillance.events.message import Message
from surveillance.events.refusal import RefusalCode
from surveillance.line_list.record import RecordVersion
from surveillance.line_list.versions import Outcome
from surveillance.pipeline import Evaluated, Ingested
from surveillance.sending import Delivered
from surveillance.store import alerts, audit, dead_letters, deliveries, outbox, partners, pending, quality
from surveillance.store.database import Store, Transaction
from surveillance.store.ledger import Position, gaps
from surveillance.store.pending import Claim
from surveillance.submitting.spool import Spool

_DAY_SECONDS = 86_400
_TWO_MONTHS = timedelta(days=32)  # from the first of a month: into the month before the one before


@contextmanager
def batch() -> Iterator[None]:
    """Times one batch."""
    with metrics.BATCH_SECONDS.time():
        yield


def ingested(done: Ingested) -> None:
    """Counts every message of a batch that is new, by what became of it; a metric is told once a batch."""
    count: Counter[tuple[Any, ...]] = Counter()
    for (message, version), outcome in zip(done.versions, done.revised.outcomes, strict=True):
        of_partner = version.key.partner, version.key.kind
        count[metrics.MESSAGES, message.topic, str(outcome)] += 1
        count[metrics.PARTNER_MESSAGES, *of_partner, "accepted"] += 1
        late = days_late(message, version)
        if late is not None and outcome is not Outcome.REPEATED:
            metrics.PARTNER_DELAY.labels(*of_partner).observe(late)
        delay = report_delay_days(version.content)
        if delay is not None:
            metrics.REPORT_DELAY.labels(version.key.partner).observe(delay)
    for letter in done.letters:
        of_partner = letter.partner, letter.kind
        count[metrics.MESSAGES, letter.topic, "refused"] += 1
        count[metrics.REFUSALS, letter.topic, str(letter.code)] += 1
        count[metrics.PARTNER_MESSAGES, *of_partner, "refused"] += 1
        count[metrics.PARTNER_REFUSALS, *of_partner, str(letter.code)] += 1
    for trial in done.trials:  # whether it was right is for its partner to hear, and no refusal
        count[metrics.MESSAGES, trial.topic, "test"] += 1
    if done.repaired:
        messages: Iterable[Any] = (*(m for m, _ in done.versions), *done.letters, *done.trials)
        count.update((metrics.REPAIRED, message.topic) for message in messages)
    for (metric, *labels), number in count.items():
        metric.labels(*labels).inc(number)


def days_late(message: Message, version: RecordVersion) -> float | None:
    """Days from occurrence to receipt of a live message; None for history, which was received long after."""
    began = version.content.get("occurred_from") or version.content.get("arrived_at")
    if not isinstance(began, str) or version.received_at != message.received_at:
        return None
    return (message.received_at - datetime.fromisoformat(began)).total_seconds() / _DAY_SECONDS


def report_delay_days(content: Mapping[str, Any]) -> float | None:
    """Days from occurrence (or arrival) to report, where a record has both."""
    began = content.get("occurred_from") or content.get("arrived_at")
    reported = content.get("reported_at")
    if not isinstance(began, str) or not isinstance(reported, str):
        return None
    delay = datetime.fromisoformat(reported) - datetime.fromisoformat(began)
    return delay.total_seconds() / _DAY_SECONDS


@contextmanager
def evaluation(use_case: str) -> Iterator[Callable[[Evaluated, Claim, datetime], None]]:
    """Times one evaluation and counts how it ended; what is yielded is told the answer."""
    began = perf_counter()
    outcome = "failed"

    def answered(done: Evaluated, claim: Claim, now: datetime) -> None:
        nonlocal outcome
        outcome = "changed" if done.changes else "unchanged"
        for change in done.changes:
            metrics.ALERT_CHANGES.labels(use_case, str(change.change)).inc()
        for notice in done.notices:
            if reason := notice.suppressed_reason or notice.held_reason:
                metrics.SUPPRESSED.labels(str(reason)).inc()
        if claim.received_at is not None:
            metrics.ALERT_LATENCY.labels(use_case).observe((now - claim.received_at).total_seconds())

    try:
        yield answered
    finally:
        metrics.EVALUATIONS.labels(use_case, outcome).inc()
        metrics.EVALUATION_SECONDS.labels(use_case).observe(perf_counter() - began)


_ATTEMPTS = ("sent", "failed", "refused")


def delivered(done: Delivered | None) -> None:
    """Counts one attempt to send a notice, or why it was held or dropped."""
    if done is None:
        return
    if done.outcome in _ATTEMPTS:
        metrics.DELIVERIES.labels(done.notice.channel, done.outcome).inc()
    if done.reason is not None:
        metrics.SUPPRESSED.labels(done.reason).inc()


def begun(configuration: Configuration, topics: Iterable[str]) -> None:
    """Begins every count at nought, so that Prometheus sees the first of each."""
    for use_case in configuration.use_cases:
        for outcome in ("changed", "unchanged", "failed"):
            metrics.EVALUATIONS.labels(use_case, outcome)
        metrics.EVALUATION_SECONDS.labels(use_case)
        metrics.ALERT_LATENCY.labels(use_case)
        for change in Change:
            metrics.ALERT_CHANGES.labels(use_case, str(change))
    for topic in topics:
        metrics.REPAIRED.labels(topic)
        for became in (*map(str, Outcome), "refused", "test"):
            metrics.MESSAGES.labels(topic, became)
    for source in configuration.sources():
        metrics.PARTNER_DELAY.labels(source.partner, source.kind)
        for became in ("accepted", "refused"):
            metrics.PARTNER_MESSAGES.labels(source.partner, source.kind, became)
        for code in RefusalCode:
            metrics.PARTNER_REFUSALS.labels(source.partner, source.kind, str(code))
    for channel in {"alerts-topic", *(one.channel for one in configuration.receivers.values())}:
        for attempt in _ATTEMPTS:
            metrics.DELIVERIES.labels(channel, attempt)
    for reason in Suppressed:
        metrics.SUPPRESSED.labels(str(reason))


def outage(step: str) -> None:
    """Counts work that has to wait."""
    metrics.OUTAGES.labels(step).inc()


def succeeded(step: str, now: datetime) -> None:
    """Says when a step last did what it is for, also where there was nothing to do."""
    metrics.STEP_SUCCEEDED.labels(step).set(now.timestamp())
    metrics.OUTAGES.labels(step)


def verified(whole: bool, now: datetime) -> None:
    """Whether the audit chain is as it was written."""
    metrics.AUDIT_BROKEN.set(not whole)
    metrics.AUDIT_VERIFIED.labels("whole" if whole else "broken").set(now.timestamp())


def answered(status: int, seconds: float) -> None:
    """One request to the pages."""
    metrics.REQUESTS.labels(f"{status // 100}xx").inc()
    metrics.REQUEST_SECONDS.observe(seconds)


def spool(kept: Spool) -> None:
    """What waits in the spool, looked at whenever somebody asks."""
    for status in range(1, 6):
        metrics.REQUESTS.labels(f"{status}xx")
    metrics.SPOOL_LIMIT.set(kept.most_bytes)
    metrics.SPOOL_BYTES.set_function(kept.used_bytes)
    metrics.SPOOL_WAITING.set_function(lambda: len(kept.waiting()))
    metrics.SPOOL_AGE.set_function(kept.oldest_age_seconds)
    metrics.SPOOL_DISK_FREE.set_function(lambda: free_ratio(kept.directory))


def free_ratio(path: Path) -> float:
    """The free share of the disk that a path lies on."""
    disk = shutil.disk_usage(path)
    return disk.free / disk.total


def log_position(position: Position, end: int, owed: int) -> None:
    """Sets lag, gap and loss of one partition; `owed`: what the repair could not handle either."""
    labels = (position.place.topic, str(position.place.partition))
    metrics.LAG.labels(*labels).set(max(0, end - position.mark))
    metrics.LEDGER_GAP.labels(*labels).set(sum(len(gap) for gap in gaps(position, end)))
    metrics.LEDGER_OWED.labels(*labels).set(owed)
    metrics.LOST.labels(*labels).set(position.lost)


def gauges(store: Store, configuration: Configuration, now: datetime) -> None:
    """Sets what is read from the database: waiting work, alerts by state, silence of partners."""
    with store.reading() as tx:
        metrics.EVALUATIONS_WAITING.set(pending.waiting(tx))
        metrics.EVALUATIONS_AGE.set(pending.oldest_age(tx, now))
        late = alerts.count_late(tx, now)
        _outbox_gauges(tx, configuration, now)
        counted = alerts.count_by_state(tx)
        heard = partners.heard_of(tx)
        judged = partners.judged(tx)
        metrics.AUDIT_ENTRIES.set(audit.head(tx).sequence)
        _partner_gauges(tx, configuration, now)
    for use_case in configuration.use_cases:
        for state in alerts.AWAITED:
            metrics.ALERTS_OVERDUE.labels(use_case, state).set(late.get((use_case, state), 0))
    if store.file is not None:
        metrics.DISK_FREE.labels("database").set(free_ratio(store.file.parent))
    metrics.ALERTS.clear()
    for (use_case, state), number in counted.items():
        metrics.ALERTS.labels(use_case, state).set(number)
    last = {(seen.partner, seen.kind): seen.last_received_at for seen in heard}
    for source in configuration.sources():
        _, found = judged.get((source.partner, source.kind), (None, None))
        quiet = found is not None and found.quiet
        metrics.PARTNER_QUIET.labels(source.partner, source.kind).set(quiet)
        silence = _silence(last.get((source.partner, source.kind)), now)
        allowed = timedelta(hours=configuration.partners[source.partner].silence_after_hours)
        metrics.PARTNER_SILENCE.labels(source.partner, source.kind).set(silence)
        metrics.PARTNER_SILENT.labels(source.partner, source.kind).set(silence > allowed.total_seconds())


def _partner_gauges(tx: Transaction, configuration: Configuration, now: datetime) -> None:
    """What partners have to correct, and how complete their records of the last months are."""
    metrics.PARTNER_TO_CORRECT.clear()
    for (partner, code), number in dead_letters.open_by_partner(tx).items():
        metrics.PARTNER_TO_CORRECT.labels(partner, str(code)).set(number)
    since = (now.astimezone(UTC).date().replace(day=1) - _TWO_MONTHS).replace(day=1)
    for source in configuration.sources():
        for field, share in quality.shares(tx, (source.partner, source.kind), since).items():
            metrics.PARTNER_COMPLETENESS.labels(source.partner, source.kind, field).set(share)


def _outbox_gauges(tx: Transaction, configuration: Configuration, now: datetime) -> None:
    metrics.OUTBOX_AGE.set(outbox.oldest_age(tx, now))
    of_receivers = (
        (metrics.OUTBOX_AGE_OF, outbox.oldest_ages(tx, now)),
        (metrics.OUTBOX_REFUSED, deliveries.refusals(tx)),
        (metrics.RECEIVER_FAILURES, {name: one.failures for name, one in deliveries.outages(tx).items()}),
    )
    for gauge, found in of_receivers:
        for receiver in {*configuration.receivers, *found}:
            gauge.labels(receiver).set(found.get(receiver, 0))
    held = deliveries.held(tx, now)
    for reason in Suppressed:
        metrics.OUTBOX_HELD.labels(reason.value).set(held.get(reason.value, 0))


def _silence(last_received_at: datetime | None, now: datetime) -> float:
    """Seconds for which a partner has said nothing; one that never said anything has been silent for ever."""
    return math.inf if last_received_at is None else (now - last_received_at).total_seconds()
