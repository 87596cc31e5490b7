"""What lies sealed, under which keys: known at every start, counted, and sealed anew under the newest key."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, TableClause, and_, delete, func, or_, select, tuple_, update

from surveillance.sealing import MARK, SealFault, SealingKeys
from surveillance.store.database import Store, Transaction
from surveillance.store.sealed import (
    SAYS_NOTHING,
    SAYS_NOTHING_BYTES,
    Sealed,
    SealedBytes,
    SealedText,
    as_stored,
    is_sealed,
    sealed_columns,
)
from surveillance.store.tables import Base
from surveillance.store.tables_sealing import sealing_keys

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Lying:
    """Of a column: values sealed that open, sealed that do not, and plain ones that say something."""

    place: str
    sealed: int
    shut: int
    plain: int


@dataclass(frozen=True, slots=True)
class Done:
    """Of some rows of a table: values that were not under the newest key and now are, and values that no key
    opens, which stay as they are."""

    table: str
    sealed: int
    shut: int


def lying(tx: Transaction) -> Iterator[Lying]:
    """Every column that may be sealed, with what lies in it. Opens every sealed value."""
    for of in _tables():
        stored = as_stored(of)
        for name, kind in sealed_columns(of).items():
            column = stored.c[name]
            plain = select(func.count()).where(_says_something(column, kind), ~is_sealed(column))
            values = tx.execute(select(column).where(is_sealed(column))).yield_per(_PAGE).scalars()
            opened = [0, 0]
            for value in values:
                opened[_opens(value, kind, tx)] += 1
            yield Lying(kind.place, opened[True], opened[False], int(tx.execute(plain).scalar_one()))


def unsealed(tx: Transaction, keys: SealingKeys) -> Iterator[tuple[str, int]]:
    """The tables that hold values which are not under the newest key, and how many."""
    for of in _tables():
        stored = as_stored(of)
        counts = (
            tx.execute(select(func.count()).select_from(stored).where(one)).scalar_one()
            for one in _undone(of, stored, keys).values()
        )
        if found := sum(counts):
            yield of.name, found


def seal_all(store: Store, keys: SealingKeys) -> Iterator[Done]:
    """Seals under the newest key what is plain or under another, a page of a table at a time. Broken off it
    goes on where it was: what is done is not done again."""
    for of in _tables():
        yield from _seal(store, of, keys)


def forget_keys(tx: Transaction, keys: SealingKeys) -> list[str]:
    """Removes the notes of keys under which nothing lies any more; returns their ids. Nobody else writes."""
    c = sealing_keys.c.key_id
    old = tx.execute(select(c).where(c != keys.first).order_by(c)).scalars().all()
    gone = [one for one in old if not _in_use(tx, one)]
    tx.execute(delete(sealing_keys).where(c.in_(gone)))
    return gone


def _tables() -> Iterator[Table]:
    return (of for of in Base.metadata.sorted_tables if sealed_columns(of))


def _says_something(column: ColumnElement[Any], kind: Sealed) -> ColumnElement[bool]:
    if isinstance(kind, SealedText):
        return column.is_not(None) & column.not_in(SAYS_NOTHING)
    if isinstance(kind, SealedBytes):
        return func.length(column) > SAYS_NOTHING_BYTES
    return column.is_not(None)


def _opens(value: Any, kind: Sealed, tx: Transaction) -> bool:
    try:
        kind.process_result_value(value, tx.dialect)
    except SealFault:
        return False
    return True


def _in_use(tx: Transaction, key_id: str) -> bool:
    return any(
        tx.execute(select(1).select_from(stored).where(is_sealed(stored.c[name], key_id)).limit(1)).first()
        for of in _tables()
        for stored in (as_stored(of),)
        for name in sealed_columns(of)
    )


def _undone(of: Table, stored: TableClause, keys: SealingKeys) -> dict[str, ColumnElement[bool]]:
    """By column, whether its value is to be sealed."""
    return {
        name: _says_something(stored.c[name], kind) & ~is_sealed(stored.c[name], keys.first)
        for name, kind in sealed_columns(of).items()
    }


def _seal(store: Store, of: Table, keys: SealingKeys) -> Iterator[Done]:
    last: tuple[Any, ...] | None = None
    while True:
        with store.transaction() as tx:
            rows = _next(tx, of, keys, last)
            done = [_seal_row(tx, of, row, keys) for row in rows]
        if not rows:
            return
        yield Done(of.name, sum(sealed for sealed, _ in done), sum(shut for _, shut in done))
        last = tuple(getattr(rows[-1], key.name) for key in of.primary_key.columns)


def _next(tx: Transaction, of: Table, keys: SealingKeys, last: tuple[Any, ...] | None) -> list[Row[Any]]:
    """The rows after the last one, in the order of their key, that have something to be sealed; kept from
    other writers until the end."""
    stored = as_stored(of)
    undone = _undone(of, stored, keys)
    order = [stored.c[key.name] for key in of.primary_key.columns]
    wanted = select(*order, *(stored.c[name] for name in undone)).where(or_(*undone.values()))
    if last is not None:
        after = tuple_(*order) > tuple_(*last) if len(order) > 1 else order[0] > last[0]
        wanted = wanted.where(after)
    return list(tx.execute(wanted.order_by(*order).limit(_PAGE).with_for_update()).all())


def _seal_row(tx: Transaction, of: Table, row: Row[Any], keys: SealingKeys) -> tuple[int, int]:
    """How many values of the row were sealed, and how many no key opens."""
    newest, shut = f"{MARK}{keys.first}:", 0
    values: dict[str, Any] = {}
    for name, kind in sealed_columns(of).items():
        value = getattr(row, name)
        text = value.decode("latin-1") if isinstance(value, bytes) else value
        if value is None or (isinstance(text, str) and text.startswith(newest)):
            continue
        try:
            values[name] = kind.process_result_value(value, tx.dialect)
        except SealFault:
            shut += 1
    if values:
        same = and_(*(key == getattr(row, key.name) for key in of.primary_key.columns))
        tx.execute(update(of).where(same).values(**values))
    return len(values), shut
