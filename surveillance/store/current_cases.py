"""The current cases of a use case at a place, read so that a reader can follow them as they change."""

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, func, select

from surveillance.line_list.record import Case
from surveillance.store.database import Transaction
from surveillance.store.line_list import case_rows
from surveillance.store.tables import line_list


class Stamp(NamedTuple):
    """What tells whether a reader has every row: how many there are, and the sum of their numbers. A row is
    written once and its number never given again."""

    rows: int
    sum: int


def stamp(tx: Transaction, use_case: str, place: str) -> Stamp:
    """The stamp of the current cases."""
    row = tx.execute(
        select(func.count(), func.coalesce(func.sum(line_list.c.id), 0)).where(_current(use_case, place))
    ).one()
    return Stamp(int(row[0]), int(row[1]))


def row_numbers(tx: Transaction, use_case: str, place: str, after: int = 0) -> set[int]:
    """The numbers of the rows of the current cases, of those over `after`."""
    query = select(line_list.c.id).where(_current(use_case, place), line_list.c.id > after)
    return set(tx.execute(query).scalars())


def rows(tx: Transaction, numbers: Iterable[int]) -> dict[int, Case]:
    """Cases by the numbers of their rows."""
    return case_rows(tx, numbers)


def _current(use_case: str, place: str) -> ColumnElement[bool]:
    return and_(
        line_list.c.use_case == use_case,
        line_list.c.place == place,
        line_list.c.known_until.is_(None),
        line_list.c.reason.is_(None),
    )
