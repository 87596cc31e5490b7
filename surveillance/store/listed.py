"""Under which definition of each use case the line list was written."""

from collections.abc import Iterator, Mapping

from sqlalchemy import delete, select

from surveillance.line_list.record import RecordKey
from surveillance.store.database import Transaction
from surveillance.store.statements import execute_many, insert_into
from surveillance.store.tables import definitions, records


def written_definitions(tx: Transaction) -> dict[str, str]:
    """Use case -> fingerprint of the definition under which all its rows were written."""
    return {row.use_case: row.fingerprint for row in tx.execute(select(definitions))}


def save_definitions(tx: Transaction, fingerprints: Mapping[str, str]) -> None:
    """States that every row is written under these definitions. Idempotent by use case; workers that start at
    once may all say so."""
    tx.execute(delete(definitions).where(definitions.c.use_case.not_in(sorted(fingerprints))))
    statement = insert_into(tx, definitions)
    stated = statement.on_conflict_do_update(
        index_elements=["use_case"], set_={"fingerprint": statement.excluded.fingerprint}
    )
    rows = [{"use_case": name, "fingerprint": fingerprints[name]} for name in sorted(fingerprints)]
    execute_many(tx, stated, rows)


def keys_after(tx: Transaction, number: int, limit: int) -> tuple[list[RecordKey], int]:
    """The next records in the order of their numbers, and the number of the last one."""
    rows = tx.execute(
        select(records.c.record, records.c.partner, records.c.kind, records.c.record_id)
        .where(records.c.record > number)
        .order_by(records.c.record)
        .limit(limit)
    ).all()
    return [RecordKey(*row[1:]) for row in rows], rows[-1][0] if rows else number


def keys_spread(tx: Transaction, step: int, first: int) -> Iterator[list[RecordKey]]:
    """Every `step`-th record from the `first` on, in the order of their numbers, a thousand at a time."""
    after, seen = 0, 0
    while True:
        keys, after = keys_after(tx, after, 1_000)
        yield [key for place, key in enumerate(keys, seen) if place % step == first % step]
        seen += len(keys)
        if len(keys) < 1_000:
            return
