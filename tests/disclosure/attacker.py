"""An attacker on published numbers: every identity and every bound that they state, solved for the range of
any count of the population behind them.

The population is a table of cases by area, period, sex and age band; x[...] below is one cell of it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.optimize import Bounds as Box
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_matrix

from surveillance.disclosure.block import Table, publish_block
from surveillance.disclosure.protection import LEAST_SHOWN, Published, bounds, protect

Cells = npt.NDArray[np.int64]  # (areas, periods, sexes, bands)
Count = npt.NDArray[np.bool_]  # which cells of the population a count sums
Range = tuple[int, int]
Row = tuple[npt.NDArray[np.float64], float, float]  # coefficients, least, most


@dataclass(frozen=True)
class Shape:
    """districts[i], wards[i]: what the area i lies in; wards lie in districts."""

    districts: tuple[int, ...]
    wards: tuple[int, ...]
    periods: int
    sexes: int = 2
    bands: int = 2

    @property
    def size(self) -> tuple[int, int, int, int]:
        return len(self.districts), self.periods, self.sexes, self.bands

    def counts(self) -> dict[str, dict[str, Count]]:
        """Every one-way count, table by table: which cells of the population each sums."""
        area, period, sex, band = np.indices(self.size)
        district, ward = np.array(self.districts)[area], np.array(self.wards)[area]
        axes = {
            "period": period, "district": district, "ward": ward, "area": area, "sex": sex, "age": band
        }  # fmt: skip
        return {
            name: {f"{name}-{i}": of == i for i in sorted(set(of.ravel().tolist()))}
            for name, of in axes.items()
        }

    def crossed(self) -> list[Count]:
        """Counts of two-way tables, none of which is ever published."""
        counts = self.counts()
        pairs = [
            ("district", "period"),
            ("area", "period"),
            ("area", "sex"),
            ("district", "sex"),
            ("sex", "period"),
        ]
        return [
            a & b for one, other in pairs for a, b in product(counts[one].values(), counts[other].values())
        ]


@dataclass(frozen=True)
class Views:
    """All that anybody is ever shown of a block. A table that is None was withheld."""

    periods: tuple[Published, ...]
    tables: Mapping[str, Mapping[str, Published] | None]


Protect = Callable[[Shape, Cells], Views]


def tables_of(shape: Shape, cells: Cells) -> list[Table]:
    """The block's tables in the order in which they are asked."""
    counts = shape.counts()

    def table(name: str, chain: str, parent: tuple[int, ...] = ()) -> Table:
        of = counts[name]
        above = {"ward": "district", "area": "ward"}.get(name, "")
        owner = {f"{name}-{i}": f"{above}-{p}" for i, p in enumerate(parent)}
        return Table(name, chain, {c: int(cells[m].sum()) for c, m in of.items()}, owner)

    by_ward = dict(zip(shape.wards, shape.districts, strict=True))
    return [
        table("district", "area"),
        table("sex", "sex"),
        table("age", "age"),
        table("ward", "area", tuple(by_ward[w] for w in sorted(by_ward))),
        table("area", "area", shape.wards),
    ]


def as_released(shape: Shape, cells: Cells) -> Views:
    """What the service publishes of these cases."""
    periods = tuple(protect(int(cells[m].sum())) for m in shape.counts()["period"].values())
    return Views(periods, publish_block(periods, tables_of(shape, cells)))


def by_the_primary_rule_alone(shape: Shape, cells: Cells) -> Views:
    """Every count of every table suppressed or rounded by itself: what a toy version does."""
    counts = shape.counts()
    shown = {n: {c: protect(int(cells[m].sum())) for c, m in of.items()} for n, of in counts.items()}
    return Views(tuple(shown.pop("period").values()), shown)


def without_room_for_periods(shape: Shape, cells: Cells) -> Views:
    """Tables are published whole or not, whatever they say about small periods."""
    periods = tuple(protect(int(cells[m].sum())) for m in shape.counts()["period"].values())
    return Views(periods, publish_block((), tables_of(shape, cells)))


class Attack:
    """Everything that the views say, as linear constraints on the cells of the population.

    `withheld` adds that every withheld table has a small cell: the attacker knows the rule, and asks for a
    population that would be published in the same way.
    """

    def __init__(self, shape: Shape, views: Views, *, withheld: bool = False) -> None:
        self.shape = shape
        self.cells = int(np.prod(shape.size))
        counts = shape.counts()
        rows: list[Row] = []
        shown = list(zip(counts["period"].values(), views.periods, strict=True))
        for name, table in views.tables.items():
            shown += [(counts[name][cell], value) for cell, value in (table or {}).items()]
        # A table of one cell never is published, so that it tells nothing.
        chosen = [n for n, t in views.tables.items() if withheld and t is None and len(counts[n]) > 1]
        self.switches = sum(len(counts[name]) for name in chosen)
        for mask, value in shown:
            rows.append((self._row(mask), *map(float, bounds(value))))
        self._add_withheld(rows, [list(counts[name].values()) for name in chosen])
        self.rows = rows

    def range(self, count: Count) -> Range | None:
        """The smallest and the largest number that the count can be; None where the views contradict."""
        low, high = (self._solve(sign * self._row(count)) for sign in (1.0, -1.0))
        if low is None or high is None:
            return None
        return int(low[count].sum()), int(high[count].sum())

    def population(self, count: Count, value: int) -> Cells | None:
        """A population with this count that leads to the same views; None where there is none."""
        return self._solve(np.zeros(self.cells + self.switches), (self._row(count), value, value))

    def _row(self, mask: Count) -> npt.NDArray[np.float64]:
        return np.concatenate([mask.ravel().astype(float), np.zeros(self.switches)])

    def _add_withheld(self, rows: list[Row], tables: Sequence[Sequence[Count]]) -> None:
        most, at = 10_000.0, self.cells
        for of_table in tables:
            any_small = np.zeros(self.cells + self.switches)
            for mask in of_table:
                row = self._row(mask)
                row[at] = most  # the switch is on only where the cell is small
                rows.append((row, -np.inf, LEAST_SHOWN - 1 + most))
                any_small[at] = 1
                at += 1
            rows.append((any_small, 1, np.inf))

    def _solve(self, objective: npt.NDArray[np.float64], *extra: Row) -> Cells | None:
        rows = [*self.rows, *extra]
        matrix, low, high = (np.array(part) for part in zip(*rows, strict=True))
        n = self.cells + self.switches
        upper = np.concatenate([np.full(self.cells, np.inf), np.ones(self.switches)])
        solved = milp(
            objective,
            constraints=LinearConstraint(csr_matrix(matrix), low, high),
            integrality=np.ones(n),
            bounds=Box(np.zeros(n), upper),
        )
        if solved.status == 2:
            return None
        assert solved.status == 0, solved.message
        cells: Cells = np.round(solved.x[: self.cells]).astype(np.int64).reshape(self.shape.size)
        return cells


def leaks(shape: Shape, cells: Cells, protected: Protect) -> list[str]:
    """Every small one-way count that cannot be all of 0-7 by these views: its name and its range."""
    attack, found = Attack(shape, protected(shape, cells)), []
    for of_table in shape.counts().values():
        for name, count in of_table.items():
            if int(cells[count].sum()) < LEAST_SHOWN:
                ends = attack.range(count)
                if ends is None or ends[0] > 0 or ends[1] < LEAST_SHOWN - 1:
                    found.append(f"{name}: {ends}")
    return found
