"""Age bands, as the population of an area file is given in."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_COLUMN = re.compile(r"population_(\d+)_(\d+|plus)")
DEFAULT = ("population_0_15", "population_16_59", "population_60_plus")


@dataclass(frozen=True, slots=True)
class AgeBand:
    """From `first` to `last` years, both included; None: without an end. `measure`: the file's column."""

    measure: str
    first: int
    last: int | None

    @property
    def name(self) -> str:
        """`16-59`, `60-plus`: how tables call it."""
        return f"{self.first}-{'plus' if self.last is None else self.last}"

    @property
    def title(self) -> str:
        """`16 to 59`, `60 and over`: how people call it."""
        return f"{self.first} and over" if self.last is None else f"{self.first} to {self.last}"

    def holds(self, age: int) -> bool:
        """Whether somebody of this age belongs to it."""
        return self.first <= age and (self.last is None or age <= self.last)


def age_bands(measures: Iterable[str]) -> tuple[AgeBand, ...]:
    """The age bands among an area file's columns, the youngest first; three usual ones where it has none."""
    bands = [_band(match) for name in measures if (match := _COLUMN.fullmatch(name))]
    if not bands:
        return age_bands(DEFAULT)
    return tuple(sorted(bands, key=lambda band: band.first))


def _band(match: re.Match[str]) -> AgeBand:
    first, last = match.groups()
    return AgeBand(match.group(), int(first), None if last == "plus" else int(last))
