"""Turns what happened into log lines by which one record can be followed; nothing else does.

    message handled: topic, partition, offset -> record (its stand-in) -> looks
    evaluated:       look -> evaluation
    alert changed:   evaluation, or entry of the audit chain -> alert, revision; records that joined or left
    notice owed, notice handled:  alert, revision -> delivery

A record's stand-in is an HMAC under the operator's key, the same that the audit chain has for it. No line
holds anything of a payload, nor who acted: the audit chain says who, under the entry's number.
docs/operators/logs.md has every line with its keys.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import structlog

from surveillance.alerting.alert import Alert, AlertChange
from surveillance.alerting.finding import record_of
from surveillance.events.message import Message
from surveillance.line_list.record import RecordKey
from surveillance.pipeline import Evaluated, Ingested
from surveillance.sending import Delivered
from surveillance.store.outbox import Notice
from surveillance.store.pending import Claim

log = structlog.get_logger(__name__)

StandIn = Callable[[RecordKey], str]
"""What stands for a record where its id must not."""


def ingested(done: Ingested, stand_in: StandIn) -> None:
    """A line for each message that nobody had handled before."""
    looks = {(asked.use_case, asked.scope): _look(asked) for asked in done.requested}
    tell = log.bind(repaired=done.repaired).info
    for (message, version), outcome in zip(done.versions, done.revised.outcomes, strict=True):
        touched = done.revised.touched.get(version.key, ())
        asked = sorted(looks[pair] for pair in touched if pair in looks)
        _handled(message, version.key, str(outcome), tell, stand_in, looks=asked)
    for letter in done.letters:
        _handled(letter, _named(letter), "refused", tell, stand_in, code=str(letter.code))
    for trial in done.trials:
        _handled(trial, _named(trial), "test", tell, stand_in)


def evaluated(claim: Claim, done: Evaluated, stand_in: StandIn) -> None:
    """A line for the evaluation, one for each alert that it changed, one for each notice owed of it."""
    if done.evaluation is None:  # a later day was looked at already: that is looked at once more instead
        log.info("look left to a later day", **claimed(claim))
        return
    log.info(
        "evaluated",
        **claimed(claim),
        evaluation=done.evaluation,
        received_at=_moment(claim.received_at),
        changes=len(done.changes),
        seconds=round(sum(done.seconds.values()), 3),
    )
    before = {alert.id: alert for alert in done.before}
    for change in done.changes:
        told = {"evaluation": done.evaluation, **_moved(before.get(change.alert.id), change.alert, stand_in)}
        alert_changed(change, **told)
    owed(done.notices)


def claimed(claim: Claim) -> dict[str, Any]:
    """Which look a worker answers, and which attempt at it this is."""
    return {
        "look": _look(claim),
        "use_case": claim.use_case,
        "scope": claim.scope,
        "as_of": str(claim.as_of),
        "attempt": claim.attempt,
    }


def spans(messages: Iterable[Message]) -> dict[str, str]:
    """Where a batch was read: by topic/partition its first and last offset."""
    offsets: defaultdict[str, list[int]] = defaultdict(list)
    for message in messages:
        offsets[f"{message.topic}/{message.partition}"].append(message.offset)
    return {place: f"{min(read)}-{max(read)}" for place, read in sorted(offsets.items())}


def alert_changed(change: AlertChange, **where_from: Any) -> None:
    """One revision of an alert. `where_from`: the evaluation or the entry of the audit chain behind it."""
    alert = change.alert
    log.info(
        "alert changed",
        alert=alert.id,
        revision=alert.revision,
        change=str(change.change),
        use_case=alert.use_case,
        scope=alert.scope,
        state=str(alert.state),
        severity=alert.severity,
        **where_from,
    )


def owed(notices: Iterable[Notice]) -> None:
    """A line for each notice: who is to be told of which revision, and why later or never."""
    for notice in notices:
        log.info(
            "notice owed",
            delivery=notice.idempotency_key,
            alert=notice.alert_id,
            revision=notice.revision,
            receiver=notice.receiver,
            channel=notice.channel,
            reason=_reason(notice.suppressed_reason or notice.held_reason),
        )


def delivered(done: Delivered | None) -> None:
    """What became of one notice that was taken up."""
    if done is None or done.outcome == "waits":
        return
    notice = done.notice
    log.info(
        "notice handled",
        delivery=notice.idempotency_key,
        alert=notice.alert_id,
        revision=notice.revision,
        receiver=notice.receiver,
        channel=notice.channel,
        attempt=notice.attempt,
        outcome=done.outcome,
        reason=done.reason,
        error=done.error,
        code=done.code,
    )


def acted(
    act: str, subject: str, entry: int, changes: Iterable[AlertChange], records: Collection[str] = ()
) -> None:
    """What a person did, and the alerts that it changed. `entry`: of the audit chain, which says who it was.
    `records`: stand-ins of those that it concerned."""
    log.info("act", act=act, subject=subject, entry=entry, records=sorted(records))
    for change in changes:
        alert_changed(change, entry=entry)


def _handled(
    message: Any,
    key: RecordKey | None,
    outcome: str,
    tell: Callable[..., object],
    stand_in: StandIn,
    **more: Any,
) -> None:
    tell(
        "message handled",
        topic=message.topic,
        partition=message.partition,
        offset=message.offset,
        record=None if key is None else stand_in(key),
        outcome=outcome,
        received_at=_moment(message.received_at),
        **more,
    )


def _named(one: Any) -> RecordKey | None:
    return None if one.record_id is None else RecordKey(one.partner, one.kind, one.record_id)


def _moved(before: Alert | None, after: Alert, stand_in: StandIn) -> Mapping[str, list[str]]:
    """The stand-ins of the records that joined and left an alert."""
    had = {record_of(member) for member in (before.members if before is not None else ())}
    has = {record_of(member) for member in after.members}
    return {
        "joined": sorted(stand_in(RecordKey.parse(record)) for record in has - had),
        "left": sorted(stand_in(RecordKey.parse(record)) for record in had - has),
    }


def _look(asked: Any) -> str:
    return f"{asked.use_case}/{asked.scope}/{asked.as_of}"


def _moment(moment: Any) -> str | None:
    return None if moment is None else moment.isoformat()


def _reason(reason: str | None) -> str | None:
    return None if reason is None else str(reason)
