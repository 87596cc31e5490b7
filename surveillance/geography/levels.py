"""The levels at which areas are shown: the areas themselves and the higher units that they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass

from surveillance.geography.area import AreaTable

AREA = "area"
# Classes of areas, not places: nobody looks for one on a map.
CLASSES = frozenset({"rural_urban_class"})


@dataclass(frozen=True)
class Level:
    """One level. `of_area`: area code -> its unit at this level. `names`: unit -> its name."""

    name: str
    of_area: Mapping[str, str]
    names: Mapping[str, str]

    @property
    def units(self) -> tuple[str, ...]:
        """Every unit, sorted by code."""
        return tuple(sorted(self.names))


def levels_of(areas: AreaTable) -> dict[str, Level]:
    """Every level of the areas by its name, the coarsest first; `area` is the last."""
    levels = [Level(AREA, {c: c for c in areas.codes}, dict(zip(areas.codes, areas.names, strict=True)))]
    for unit, codes in areas.units.items():
        if unit in CLASSES:
            continue
        names = areas.unit_names.get(unit, {})
        of_area = dict(zip(areas.codes, codes, strict=True))
        levels.append(Level(unit, of_area, {code: names.get(code, code) for code in set(codes)}))
    return {level.name: level for level in sorted(levels, key=lambda one: (len(one.names), one.name))}


def nested_levels(areas: AreaTable) -> list[Level]:
    """One chain of levels, each of which lies wholly within the one before it, the coarsest first.

    From the areas upwards, each time the finest level that the last one lies within; of two such of one size
    the one that stands first in the file. A level with a single unit is the whole, and left out.
    """
    file_order = {unit: i for i, unit in enumerate((*areas.units, AREA))}
    finest_first = sorted(levels_of(areas).values(), key=lambda one: (-len(one.names), file_order[one.name]))
    at_areas = next(level for level in finest_first if level.name == AREA)
    chain = [at_areas]
    for level in finest_first:
        if level is not at_areas and len(level.names) > 1 and parents(chain[-1], level) is not None:
            chain.append(level)
    return chain[::-1]


def parents(finer: Level, coarser: Level) -> dict[str, str] | None:
    """Unit of the finer level -> the unit of the coarser one it lies in; None where they cross."""
    found: dict[str, str] = {}
    for area, unit in finer.of_area.items():
        above = coarser.of_area[area]
        if found.setdefault(unit, above) != above:
            return None
    return found
