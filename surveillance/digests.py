"""Each receiver's daily digest: planned as a stored tick, owed once a day, sent through the outbox."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from surveillance.alerting.alert import Alert
from surveillance.alerting.digest import digest
from surveillance.alerting.hours import zone_of
from surveillance.configuration import Configuration
from surveillance.store import alerts, outbox
from surveillance.store.database import Transaction
from surveillance.store.ticks import Tick
from surveillance.use_case.receiver import Receiver

_NAME = "digest:"
_CAUGHT_UP = timedelta(days=7)
_AHEAD = timedelta(days=1)


def planned(last: Mapping[str, datetime], receivers: Iterable[Receiver], now: datetime) -> Iterator[Tick]:
    """The digests until tomorrow, from the last one that is planned on; a new receiver's begin today."""
    for receiver in receivers:
        if receiver.digest_at is None:
            continue
        name = _NAME + receiver.id
        first = max(last.get(name, now), now - _CAUGHT_UP)
        zone = zone_of(receiver)
        day = first.astimezone(zone).date()
        while (due_at := datetime.combine(day, receiver.digest_at, zone)) <= now + _AHEAD:
            if due_at > first:
                yield Tick(name, due_at)
            day += timedelta(days=1)


def owe(tx: Transaction, due: Iterable[Tick], configuration: Configuration, now: datetime) -> None:
    """Owes the digests that are due. Idempotent by receiver and day.

    A digest tells how things stand now. Of several days that were missed, only the last is told: the others
    would say the same again.
    """
    last: dict[str, datetime] = {}
    for tick in due:
        if tick.name.startswith(_NAME):
            name = tick.name.removeprefix(_NAME)
            last[name] = max(tick.due_at, last.get(name, tick.due_at))
    told = [
        (configuration.receivers[name], due_at)
        for name, due_at in last.items()
        if name in configuration.receivers
    ]
    if told:
        known = alerts.listed(tx)
        outbox.add(tx, [_notice(receiver, at, known, configuration, now) for receiver, at in told])


def _notice(
    receiver: Receiver,
    due_at: datetime,
    known: Iterable[Alert],
    configuration: Configuration,
    now: datetime,
) -> outbox.Notice:
    day = due_at.astimezone(zone_of(receiver)).date()
    return outbox.Notice(
        channel=receiver.channel,
        receiver=receiver.id,
        alert_id=None,
        revision=None,
        payload=digest(known, receiver, configuration.use_cases, day, now),
        created_at=now,
        digest=day,
    )
