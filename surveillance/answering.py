"""What partners are answered about a batch, within its transaction: counts by month, what a record that came
again mends, and receipts."""

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from surveillance.configuration import Configuration
from surveillance.events.dead_letter import DeadLetter
from surveillance.events.message import Message
from surveillance.events.named import Named
from surveillance.events.receipt import receipt
from surveillance.events.trial import Trial
from surveillance.intake import Intake
from surveillance.line_list.quality import quality_of
from surveillance.line_list.record import RecordKey, RecordVersion
from surveillance.line_list.versions import Outcome
from surveillance.store import dead_letters, line_list, partner_months, quality, receipts
from surveillance.store.database import Store, Transaction
from surveillance.store.dead_letters import StoredLetter
from surveillance.store.partner_months import Month

_CHUNK = 1_000

Accepted = Sequence[tuple[Message, RecordVersion]]
_Made = tuple[str, dict[str, Any]]  # a partner, and a receipt for it
_Arrived = Mapping[RecordKey, Sequence[tuple[int, datetime]]]


def answer(
    tx: Transaction,
    new: Sequence[Message],
    accepted: Accepted,
    outcomes: Sequence[Outcome],
    letters: Sequence[DeadLetter],
    trials: Sequence[Trial],
    configuration: Configuration,
    intake: Intake,
) -> None:
    """Answers the messages of a batch that are new. Call it when versions and dead letters are stored."""
    _mend(tx, accepted, letters, intake.now)
    wanted = {partner.id for partner in configuration.partners.values() if partner.receipts}
    if wanted and intake.answers:
        made = [
            *_of_accepted(accepted, outcomes),
            *_of_refused(new, letters),
            *_of_tested(new, trials),
        ]
        _owe(tx, made, wanted, intake.now)
    partner_months.count(tx, _months(accepted, outcomes, letters, trials))


def answer_again(
    tx: Transaction,
    message: Message,
    version: RecordVersion,
    outcome: Outcome,
    configuration: Configuration,
    intake: Intake,
) -> None:
    """Answers a message that was refused once and is accepted now. It stays counted as refused."""
    _mend(tx, [(message, version)], (), intake.now)
    if configuration.partners[version.key.partner].receipts:
        named = Named(version.key.record_id, version.version)
        one = receipt(message, named, "accepted", outcome.value, replayed=True)
        receipts.add(tx, {version.key.partner: [one]}, intake.now)


def measure_stored(store: Store) -> int:
    """Measures the records that were stored before records were measured; how many. Safe to repeat."""
    last, measured = 0, 0
    while True:
        with store.transaction() as tx:
            found = quality.unmeasured(tx, last, _CHUNK)
            versions = line_list.versions_of(tx, found.values())
            numbers = {key: number for number, key in found.items()}
            quality.save(tx, {key: quality_of(some) for key, some in versions.items()}, numbers)
        if not found:
            return measured
        last, measured = max(found), measured + len(found)


def _mend(tx: Transaction, accepted: Accepted, letters: Iterable[DeadLetter], now: datetime) -> None:
    """Resolves the refusals of which the record came after all: that version or a higher one, not earlier.

    Whichever of the two is handled first, for the repair may fetch the older one later.
    """
    arrived: defaultdict[RecordKey, list[tuple[int, datetime]]] = defaultdict(list)
    for message, version in accepted:
        arrived[version.key].append((version.version, message.received_at))
    refused = {
        RecordKey(one.partner, one.kind, one.record_id) for one in letters if one.record_id is not None
    }
    for key, versions in line_list.versions_of(tx, refused).items():
        arrived[key] += [(version.version, version.received_at) for version in versions]
    mended = [one.id for one in dead_letters.open_about(tx, arrived) if _is_mended(one, arrived)]
    dead_letters.resolve(tx, mended, "correction", now)


def _is_mended(stored: StoredLetter, arrived: _Arrived) -> bool:
    letter = stored.letter
    key = RecordKey(letter.partner, letter.kind, letter.record_id or "")
    return any(
        version >= (letter.version or 1) and received_at >= letter.received_at
        for version, received_at in arrived[key]
    )


def _of_accepted(accepted: Accepted, outcomes: Iterable[Outcome]) -> Iterator[_Made]:
    for (message, version), outcome in zip(accepted, outcomes, strict=True):
        named = Named(version.key.record_id, version.version)
        yield version.key.partner, receipt(message, named, "accepted", outcome.value)


def _of_refused(new: Iterable[Message], letters: Iterable[DeadLetter]) -> Iterator[_Made]:
    messages = {(message.topic, message.partition, message.offset): message for message in new}
    for letter in letters:
        message = messages[letter.topic, letter.partition, letter.offset]
        named = Named(letter.record_id, letter.version)
        yield letter.partner, receipt(message, named, "refused", faults=letter.faults)


def _of_tested(new: Iterable[Message], trials: Iterable[Trial]) -> Iterator[_Made]:
    messages = {(message.topic, message.partition, message.offset): message for message in new}
    for trial in trials:
        message = messages[trial.topic, trial.partition, trial.offset]
        yield trial.partner, receipt(message, Named(trial.record_id, None), "test", faults=trial.faults)


def _owe(tx: Transaction, made: Iterable[_Made], wanted: Container[str], now: datetime) -> None:
    """Owes receipts to the partners that want them."""
    by_partner: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for partner, one in made:
        if partner in wanted:
            by_partner[partner].append(one)
    receipts.add(tx, by_partner, now)


def _months(
    accepted: Accepted,
    outcomes: Iterable[Outcome],
    letters: Iterable[DeadLetter],
    trials: Iterable[Trial],
) -> list[Month]:
    counted: defaultdict[tuple[str, str, date], Counter[str]] = defaultdict(Counter)
    for (message, version), outcome in zip(accepted, outcomes, strict=True):
        became = "repeated" if outcome is Outcome.REPEATED else "accepted"
        counted[version.key.partner, version.key.kind, _month(message.received_at)][became] += 1
    for letter in letters:
        counted[letter.partner, letter.kind, _month(letter.received_at)]["refused"] += 1
    for trial in trials:
        counted[trial.partner, trial.kind, _month(trial.received_at)]["tested"] += 1
    return [
        Month(*of_month, n["accepted"], n["repeated"], n["refused"], n["tested"])
        for of_month, n in counted.items()
    ]


def _month(moment: datetime) -> date:
    return moment.astimezone(UTC).date().replace(day=1)
