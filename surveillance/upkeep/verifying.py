"""Whether a database is what it says it is: nothing cut off, nothing changed, nothing that does not follow.

Read within one consistent view, so that a worker may go on meanwhile.
"""

import math
import random
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from surveillance.configuration import Configuration
from surveillance.line_list.merges import merge_targets
from surveillance.line_list.quality import quality_of
from surveillance.line_list.record import Case, RecordKey
from surveillance.redefining import fingerprints
from surveillance.releasing import verify_releases
from surveillance.revising import Following, following
from surveillance.store import audit, erasures, line_list, listed, quality, records, schema, seals, soundness
from surveillance.store.database import Store, Transaction
from surveillance.store.line_list import ListedRow

_SHUT = (
    "not looked at, for they would have to be opened. Give restricted_keys_file "
    "(SURVEILLANCE_RESTRICTED_KEYS_FILE) the keys under which they lie sealed"
)
_MOST_FAULTS = 20  # of one check that are told one by one


@dataclass(frozen=True)
class Keys:
    """Of the audit chain, and of the HMACs that stand for erased records: neither lies in the database."""

    audit: bytes
    erasure: bytes


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: what was found, and every fault."""

    about: str
    found: str
    faults: tuple[str, ...] = ()


@dataclass
class _Compared:
    """Records whose derived rows were compared with what their versions give."""

    records: int = 0
    faults: list[str] = field(default_factory=list)


def verify(
    store: Store,
    configuration: Configuration,
    keys: Keys,
    sample: int | None = None,
    published: audit.Head | None = None,
) -> Iterator[Check]:
    """Looks at everything, one check after the other; of records at a random `sample`, None for all.

    Raises SchemaFault where the schema is not this code's: nothing else could be said then.
    """
    with store.reading() as tx:
        schema.check(tx)
        yield Check("schema", "the newest revision")
        yield _check("tables", f"{soundness.count_rows(tx)} rows read", soundness.broken_files(tx))
        yield _check("references", "every row refers to one that is there", soundness.broken_references(tx))
        sealed = _sealed(tx)
        yield sealed
        yield _audit(tx, keys, published)
        yield _releases(tx)
        yield _ledger(tx)
        if sealed.faults:
            yield Check("alerts, snapshots, line list", "", (_SHUT,))
            return
        yield _check("alerts", "every revision once, the last one current", soundness.faulty_alerts(tx))
        yield _check("snapshots", "one for every evaluated revision", soundness.without_snapshot(tx))
        yield _derived(tx, configuration, keys, sample)


def _check(about: str, found: str, faults: Collection[str] | Iterator[str]) -> Check:
    faults = tuple(faults)
    more = len(faults) - _MOST_FAULTS
    told = faults[:_MOST_FAULTS] if more <= 0 else (*faults[:_MOST_FAULTS], f"and {more} more")
    return Check(about, found, told)


def _sealed(tx: Transaction) -> Check:
    columns = list(seals.lying(tx))
    sealed, plain = sum(one.sealed for one in columns), sum(one.plain for one in columns)
    faults = [
        f"{one.place}: {one.shut} values cannot be opened with the keys of restricted_keys_file"
        for one in columns
        if one.shut
    ]
    return _check("restricted values", f"{sealed} sealed, and all of them open; {plain} plain", faults)


def _audit(tx: Transaction, keys: Keys, published: audit.Head | None) -> Check:
    try:
        last = audit.verify(tx, keys.audit, published)
    except audit.Broken as broken:
        return Check("audit chain", "", (str(broken),))
    return Check("audit chain", f"{last.sequence} entries, whole; head {last}")


def _releases(tx: Transaction) -> Check:
    try:
        return Check("published counts", f"{verify_releases(tx)} as they were published")
    except audit.Broken as broken:
        return Check("published counts", "", (str(broken),))


def _ledger(tx: Transaction) -> Check:
    logs = soundness.log_holes(tx)
    lost = sum(log.lost for log in logs)
    faults = [
        f"{log.topic}/{log.partition}: {log.missing} offsets below handled ones are not handled; the repair "
        "of a worker fetches them"
        for log in logs
        if log.missing
    ]
    if letters := soundness.letters_unhandled(tx):
        faults.append(f"{letters} dead letters of messages that the ledger does not hold")
    told = f", {lost} offsets had expired before they were handled" if lost else ""
    return _check("ledger", f"{len(logs)} logs without gaps{told}", faults)


def _derived(tx: Transaction, configuration: Configuration, keys: Keys, sample: int | None) -> Check:
    if listed.written_definitions(tx) != fingerprints(configuration):
        words = (
            "not compared: the use cases have changed, and the next worker to start writes the line list anew"
        )
        return Check("line list", words)
    total = records.count_records(tx)
    step = max(1, math.ceil(total / sample)) if sample else 1
    compared = _Compared()
    for chosen in listed.keys_spread(tx, step, random.randrange(step)):
        compared.records += len(chosen)
        compared.faults += _different(tx, chosen, configuration)
        back = erasures.erased_among(tx, keys.erasure, chosen)
        compared.faults += [f"record {n} was erased and is there" for n in _numbers(tx, back)]
    return _check("line list", f"{compared.records} of {total} records are what follows", compared.faults)


def _different(tx: Transaction, keys: Collection[RecordKey], configuration: Configuration) -> Iterator[str]:
    """What is stored about these records otherwise than their versions give it."""
    should, wanted = following(tx, keys, configuration), set(keys)
    there, gives = _stored(tx, keys), _given(should, wanted)
    for name in gives:
        wrong = {key for key, _ in there[name] ^ gives[name]}
        yield from (f"record {n}: its {name} is not what follows from it" for n in _numbers(tx, wrong))


_Aspects = dict[str, set[tuple[RecordKey, object]]]


def _stored(tx: Transaction, keys: Collection[RecordKey]) -> _Aspects:
    numbers = records.numbers_of(tx, keys)
    merged = records.merges_of(tx, keys)
    return {
        "line list": {(row.entry.key, row) for row in line_list.rows_of(tx, keys)},
        "person": {(key, person) for person, key in line_list.persons_of(tx, keys)},
        "merges": {(key, target) for key, targets in merged.items() for target in targets},
        "quality": set(quality.stored(tx, numbers).items()),
    }


def _given(should: Following, wanted: Collection[RecordKey]) -> _Aspects:
    own = [row for row in should.rows if row.entry.key in wanted]
    now = [row.entry for row in own if row.known_until is None and isinstance(row.entry, Case)]
    versions = {key: some for key, some in should.versions.items() if key in wanted}
    return {
        "line list": {(row.entry.key, _as_stored(row)) for row in own},
        "person": {(case.key, person) for case in now for person in case.person_keys},
        "merges": {(key, target) for key, some in versions.items() for target in merge_targets(some)},
        "quality": {(key, quality_of(some)) for key, some in versions.items()},
    }


def _as_stored(row: ListedRow) -> ListedRow:
    """The line list keeps an exclusion's reason, and not the field that it rests on."""
    if isinstance(row.entry, Case):
        return row
    return replace(row, entry=replace(row.entry, field=""))


def _numbers(tx: Transaction, keys: Collection[RecordKey]) -> list[int]:
    """Our numbers for records: a partner's id has no place in what a command prints."""
    return sorted(records.numbers_of(tx, keys).values())
