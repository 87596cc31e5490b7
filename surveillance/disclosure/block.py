"""The tables of one block: which of them are published beside its periods."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from surveillance.disclosure.protection import LEAST_SHOWN, SMALL, Bounds, Published, bounds, protect, total


@dataclass(frozen=True)
class Table:
    """One partition of a block's cases: every cell that exists with its count, also where it is 0.

    Tables of one `chain` are nested: each refines the one before it, and `within` says which of its cells
    each of this table's cells lies in. A table that refines none has an empty `within`.
    """

    name: str
    chain: str
    cells: Mapping[str, int]
    within: Mapping[str, str]

    def __post_init__(self) -> None:
        if self.within and self.within.keys() != self.cells.keys():
            raise ValueError(f"{self.name}: within does not name the parent of every cell; give all or none")


PublishedTable = Mapping[str, int]
"""Cell -> its count to the nearest five; every cell of a published table has eight or more."""


def publish_block(periods: Sequence[Published], tables: Sequence[Table]) -> dict[str, PublishedTable | None]:
    """By name, the tables as they are published beside the block's periods; None: withheld.

    Tables are asked in the order given, coarser levels of a chain before finer ones. One with a single cell
    never is: it would be the total, and to withhold it would tell that the total leaves a small period no
    room, while any other table may be withheld because its cases stand in one cell. Raises ValueError where a
    table counts other cases than the rest.
    """
    if len({sum(table.cells.values()) for table in tables}) > 1:
        raise ValueError("tables: they do not count the same cases; build all of them from one tally")
    published: dict[str, PublishedTable | None] = {}
    accepted: list[Table] = []
    broken: set[str] = set()
    for table in tables:
        if len(table.cells) < 2:
            published[table.name] = None
            continue
        whole = _publish(table)
        if table.chain in broken or whole is None or not _leaves_room(periods, [*accepted, table]):
            published[table.name] = None
            broken.add(table.chain)
            continue
        published[table.name] = whole
        accepted.append(table)
    return published


def _publish(table: Table) -> PublishedTable | None:
    """The whole table, or None where any of its cells is small."""
    if min(table.cells.values(), default=0) < LEAST_SHOWN:
        return None
    return {cell: value for cell, count in table.cells.items() if (value := protect(count)) is not None}


def _leaves_room(periods: Sequence[Published], tables: Sequence[Table]) -> bool:
    """Whether each small period can still be any of 0-7 when these tables are known.

    With one small period at v the others give every total from low + v to high - 7 + v, and the tables
    every total within theirs.
    """
    if None not in periods:
        return True
    by_periods, by_tables = total(periods), block_total(tables)
    room = SMALL.high
    return by_periods.low + room <= by_tables.high and by_periods.high - room >= by_tables.low


def block_total(tables: Iterable[Table]) -> Bounds:
    """What the published values of these tables together say of the block's total."""
    chains: defaultdict[str, list[Table]] = defaultdict(list)
    for table in tables:
        chains[table.chain].append(table)
    ends = [_chain_total(chain) for chain in chains.values()]
    return Bounds(max(end.low for end in ends), min(end.high for end in ends))


def _chain_total(chain: Sequence[Table]) -> Bounds:
    """From the finest level up: a cell lies within its own bounds and within the sum of its parts."""
    parts: dict[str, Bounds] = {}
    for table in reversed(chain):
        here = {cell: _narrow(bounds(protect(count)), parts.get(cell)) for cell, count in table.cells.items()}
        parts = _sum_up(here, {} if table is chain[0] else table.within)
    return parts[""]


def _sum_up(cells: Mapping[str, Bounds], within: Mapping[str, str]) -> dict[str, Bounds]:
    """The bounds of each parent from those of its cells; the whole is the parent of a first level's cells."""
    sums: dict[str, Bounds] = {}
    for cell, own in cells.items():
        parent = within.get(cell, "")
        low, high = sums.get(parent, (0, 0))
        sums[parent] = Bounds(low + own.low, high + own.high)
    return sums


def _narrow(own: Bounds, parts: Bounds | None) -> Bounds:
    return own if parts is None else Bounds(max(own.low, parts.low), min(own.high, parts.high))
