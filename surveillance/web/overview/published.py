"""The overview's numbers as they are published: nothing here reads the line list."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from surveillance.disclosure.protection import SMALL, Bounds, bounds, in_words, total
from surveillance.releasing import Series
from surveillance.store import releases
from surveillance.store.database import Transaction
from surveillance.store.releases import Block, Release
from surveillance.tallying import FEMALE, NOT_FEMALE
from surveillance.web.overview.figures import Figures, Period
from surveillance.web.overview.question import Question, level_title

NOTHING = Bounds(0, 0)
NOT_COMPLETE = "No whole block of periods lies within these days."
WITHHELD = (
    "Not published for these days: at least one of them may be small, and then none is shown, so that no "
    "small number can be worked out."
)


def read_published(tx: Transaction, question: Question, series: Series | None) -> Figures:
    """The numbers of a question, from the releases that lie within its days."""
    if series is None or question.place != series.place:
        return _nothing(question, _why_not(series))
    periods = releases.published(tx, question.use_case.id, question.scope, question.first, question.last)
    blocks = releases.published_blocks(
        tx, question.use_case.id, question.scope, question.first, question.last
    )
    if question.stratum.id != "all":
        return _of_stratum(question, blocks)
    return _of_everybody(question, series, periods, blocks)


def _of_everybody(
    question: Question, series: Series, periods: Sequence[Release], blocks: Sequence[Block]
) -> Figures:
    units, why = _units(question, series, blocks)
    return Figures(
        step=series.publication.period,
        periods=tuple(Period(p.first_day, p.last_day, bounds(p.cases)) for p in periods),
        total=total(p.cases for p in periods),
        units=units,
        why_no_units=why,
        units_first=blocks[0].first_day if blocks else question.first,
        units_last=blocks[-1].last_day if blocks else question.last,
        unit_days=sum((block.last_day - block.first_day).days + 1 for block in blocks),
        by_age=_added(blocks, "age"),
        notes=_notes(periods),
        of_unit=_of_unit(question, blocks) if units else (),
    )


def _of_stratum(question: Question, blocks: Sequence[Block]) -> Figures:
    """A sex or an age band: whole blocks of the whole scope."""
    table, cell, note = _cell(question)
    shown = [(block, block.tables.get(table)) for block in blocks]
    periods = tuple(
        Period(block.first_day, block.last_day, bounds(cells[cell])) for block, cells in shown if cells
    )
    notes: tuple[str, ...] = (note,) if note else ()
    if len(periods) < len(shown):
        notes += ("For some blocks of periods this is not published: one of the groups may be small.",)
    return Figures(
        step="block",
        periods=periods,
        total=Bounds(sum(p.cases.low for p in periods), sum(p.cases.high for p in periods)),
        units=None,
        why_no_units="Areas are published for everybody only, never by sex or age.",
        units_first=question.first,
        units_last=question.last,
        unit_days=0,
        by_age=None,
        notes=notes,
    )


def _cell(question: Question) -> tuple[str, str, str]:
    """Table and cell of a stratum, and what the cell holds beside it."""
    stratum = question.stratum
    if stratum.sex is not None:
        return ("sex", FEMALE, "") if stratum.sex == FEMALE else (
            "sex",
            NOT_FEMALE,
            "With people of another or of no recorded sex.",
        )  # fmt: skip
    name = stratum.band.name if stratum.band else ""
    return "age", name, "People whose age is not recorded are with the middle age band."


def _units(
    question: Question, series: Series, blocks: Sequence[Block]
) -> tuple[Mapping[str, Bounds] | None, str]:
    name = question.level.name
    if name not in {level.name for level in series.levels}:
        chain = ", ".join(level_title(level.name) for level in series.levels)
        return None, f"Not published at this level, which would cut across another. Published: {chain}."
    if not blocks:
        return None, NOT_COMPLETE
    added = _added(blocks, name)
    return added, "" if added is not None else WITHHELD


def _added(blocks: Sequence[Block], name: str) -> Mapping[str, Bounds] | None:
    """A table summed over blocks; None where it is withheld in one of them."""
    tables = [block.tables.get(name) or {} for block in blocks]
    cells = {frozenset(table) for table in tables}
    if len(cells) != 1 or not all(tables):  # one is withheld, or the areas are others now
        return None
    return {cell: total(table[cell] for table in tables) for cell in sorted(tables[0])}


def _of_unit(question: Question, blocks: Sequence[Block]) -> tuple[Period, ...]:
    if question.unit is None:
        return ()
    cells = [(block, block.tables.get(question.level.name) or {}) for block in blocks]
    return tuple(Period(b.first_day, b.last_day, bounds(table[question.unit])) for b, table in cells)


def _notes(periods: Sequence[Release]) -> tuple[str, ...]:
    small = sum(1 for p in periods if p.cases is None)
    if not small:
        return ()
    return (f"{small} of {len(periods)} periods had fewer than {SMALL.high + 1} cases, or none.",)


def _why_not(series: Series | None) -> str:
    if series is None:
        return "Counts of this use case are not published here."
    return f"Published by {series.place} only: another place would count the same people again."


def _nothing(question: Question, why: str) -> Figures:
    return Figures("month", (), NOTHING, None, why, question.first, question.last, 0, None)


class PublishedRow(NamedTuple):
    """One published number as it may leave the service, in words: to the nearest five, `0-7`, or `withheld`
    for a whole table."""

    table: str
    cell: str
    first: date
    last: date
    cases: str


def published_rows(
    tx: Transaction, use_case: str, scope: str, first: date = date.min, last: date = date.max
) -> Iterator[PublishedRow]:
    """Every number that is published of a use case in a scope over whole periods and blocks between two days:
    all that an export may hold. A table that is withheld has one row, without a cell."""
    for one in releases.published(tx, use_case, scope, first, last):
        yield PublishedRow("all", "", one.first_day, one.last_day, in_words(one.cases))
    for block in releases.published_blocks(tx, use_case, scope, first, last):
        for name, cells in block.tables.items():
            shown = {cell: in_words(cases) for cell, cases in cells.items()} if cells else {"": "withheld"}
            for cell, count in shown.items():
                yield PublishedRow(name, cell, block.first_day, block.last_day, count)
