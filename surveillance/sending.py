"""What `deliver` does with one notice: takes it up, holds it back where something says so, or sends it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Lock

from surveillance.alerting.suppression import Suppressed, Verdict, judge
from surveillance.configuration import Configuration
from surveillance.delivery.parcel import NotTaken, Parcel, Refused, Send
from surveillance.store import occasions, outbox
from surveillance.store.database import Store, Transaction

_TURN = timedelta(seconds=1)


@dataclass(frozen=True)
class Post:
    """Where one process sends from: a sender for each receiver, and to whom it is sending at this moment."""

    senders: Mapping[str, Send]
    lease: timedelta = outbox.LEASE
    _busy: set[str] = field(default_factory=set)
    _taking: Lock = field(default_factory=Lock)

    @contextmanager
    def taking(self, store: Store, now: datetime) -> Iterator[tuple[Transaction, outbox.Due | None]]:
        """The notice that is due next, taken up in the transaction that the block ends. No other thread is
        sending to its receiver, so that whoever answers slowly holds up one thread at most."""
        with self._taking:
            with store.transaction() as tx:
                owed = outbox.next_due(tx, now, self.lease, self._busy)
                yield tx, owed
            if owed is not None:
                self._busy.add(owed.receiver)

    def done(self, owed: outbox.Due) -> None:
        """Nothing is being sent to this receiver any more."""
        self._busy.discard(owed.receiver)


@dataclass(frozen=True)
class Delivered:
    """What became of a notice: `outcome` is sent, failed, refused, held, suppressed or waits; `reason` why it
    was held or suppressed; `error` and `code` what its receiver answered."""

    notice: outbox.Due
    outcome: str
    reason: str | None = None
    error: str | None = None
    code: int | None = None


def keep_back(
    tx: Transaction, owed: outbox.Due, configuration: Configuration, now: datetime
) -> Delivered | None:
    """Holds or drops a notice that was taken up, with its reason; None where it is to be sent now."""
    if owed.was_held and outbox.has_later(tx, owed):
        outbox.suppress(tx, owed, Suppressed.SUPERSEDED.value)
        return Delivered(owed, "suppressed", Suppressed.SUPERSEDED.value)
    verdict = _verdict(tx, owed, configuration, now)
    if verdict is None:
        if outbox.clear_way(tx, owed):
            return None
        outbox.wait(tx, owed, now + _TURN)
        return Delivered(owed, "waits")
    if verdict.until is None:
        outbox.suppress(tx, owed, verdict.reason.value)
        return Delivered(owed, "suppressed", verdict.reason.value)
    outbox.hold(tx, owed, verdict.reason.value, verdict.until)
    return Delivered(owed, "held", verdict.reason.value)


def _verdict(
    tx: Transaction, owed: outbox.Due, configuration: Configuration, now: datetime
) -> Verdict | None:
    receiver = configuration.receivers.get(owed.receiver)
    if receiver is None:
        return None
    use_case = configuration.use_cases.get(owed.payload.get("use_case", ""))
    severities = tuple(band.name for band in use_case.bands) if use_case is not None else ()
    occasion = occasions.occasion_of(tx, owed, receiver, severities, now)
    return None if occasion is None else judge(occasion)


def send(owed: outbox.Due, senders: Mapping[str, Send]) -> int | None:
    """Sends a notice; returns the receiver's code. Raises NotTaken or Refused, and nothing else."""
    parcel = Parcel(
        key=owed.idempotency_key,
        about=owed.alert_id or owed.idempotency_key,
        content=owed.payload,
        owed_at=owed.created_at,
        attempt=owed.attempt,
    )
    if owed.receiver not in senders:
        raise Refused("NoSuchReceiver")
    try:
        return senders[owed.receiver](parcel)
    except NotTaken:
        raise
    except Exception as error:  # whatever a channel does, the notice stays; its text may hold an address
        raise NotTaken(type(error).__name__) from None


def store_failure(tx: Transaction, owed: outbox.Due, error: NotTaken, at: datetime) -> Delivered:
    """Keeps a notice that was not taken: to be sent again, or for a replay where it was refused for good."""
    failure = outbox.Failure(error.error, error.code, error.retry_after)
    if isinstance(error, Refused):
        outbox.refused(tx, owed, failure, at)
        return Delivered(owed, "refused", None, error.error, error.code)
    outbox.failed(tx, owed, failure, at)
    return Delivered(owed, "failed", None, error.error, error.code)
