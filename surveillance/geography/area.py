"""Areas: the smallest units that cases are counted in, with the higher units they belong to."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from surveillance.geography.area_file import AreaColumns, beside, find_area_file, read_area_file
from surveillance.geography.distance import Floats, Metric, positions_km, within_km
from surveillance.use_case.fault import ConfigError, ConfigFault


@dataclass(frozen=True, slots=True)
class Area:
    """One area. `units` maps a higher unit to this area's code in it: `{"lad": "E08000012", ...}`."""

    code: str
    name: str
    longitude: float
    latitude: float
    population: float | None
    units: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class AreaTable:
    """n areas as arrays, in the order of their file.

    name, file: what a scope calls it, and where it was read from.
    coordinates: (n, 2); x and y in km where `metric` is planar, else longitude and latitude in degrees.
    longitude, latitude: (n,) degrees (WGS84); NaN where the file has only a plane of its own.
    population: (n,), or None where the file has none.
    units: higher unit (`msoa`, `lad`, `sub_icb`, `icb`) -> the n codes of it.
    unit_names: higher unit -> code -> name.
    measures: other numbers per area (`population_60_plus`, `imd_decile`) -> (n,).
    parent: the table this one is a part of, None where it is the whole.
    """

    name: str
    file: Path
    codes: tuple[str, ...]
    names: tuple[str, ...]
    metric: Metric
    coordinates: Floats
    longitude: Floats
    latitude: Floats
    population: Floats | None = None
    units: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unit_names: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    measures: Mapping[str, Floats] = field(default_factory=dict)
    parent: "AreaTable | None" = None

    def __len__(self) -> int:
        return len(self.codes)

    @cached_property
    def index(self) -> Mapping[str, int]:
        """Area code -> its place in the arrays."""
        return MappingProxyType({code: i for i, code in enumerate(self.codes)})

    @cached_property
    def positions_km(self) -> Floats:
        """(n, 2) or (n, 3) positions whose Euclidean distance is this table's distance in km."""
        return positions_km(self.coordinates, self.metric)

    @property
    def whole(self) -> "AreaTable":
        """The table as its file gives it."""
        return self.parent or self

    @property
    def boundaries(self) -> Path | None:
        """A GeoJSON file of the areas' boundaries (property `code`, WGS84), where there is one."""
        return beside(self.file, ".geojson")

    @cached_property
    def credit(self) -> str:
        """Whose the areas are, and under which licence, as it must stand beside what is drawn of them.

        It is the text beside the file (`NAME_credit.txt`); empty where there is none.
        """
        file = beside(self.file, "_credit.txt")
        return file.read_text(encoding="utf-8").strip() if file is not None else ""

    def area(self, code: str) -> Area:
        """One area; KeyError where there is none of this code."""
        i = self.index[code]
        return Area(
            code=code,
            name=self.names[i],
            longitude=float(self.longitude[i]),
            latitude=float(self.latitude[i]),
            population=None if self.population is None else float(self.population[i]),
            units={unit: codes[i] for unit, codes in self.units.items()},
        )

    def within(self, units: Mapping[str, str]) -> "AreaTable":
        """The areas that belong to every one of these higher units: `{"icb": "E54000008"}`.

        Raises ConfigError where the file has no such unit, or no area lies in all of them.
        """
        if not units:
            return self
        chosen = np.ones(len(self), dtype=np.bool_)
        for unit, code in units.items():
            if unit not in self.units:
                raise self._fault(f"within.{unit}", "no such unit", f"Use one of: {', '.join(self.units)}")
            chosen &= np.array([other == code for other in self.units[unit]], dtype=np.bool_)
        if not chosen.any():
            raise self._fault("within", "no area lies in these units", "Check the codes against the file")
        return self._take(chosen)

    def around(self, inside: "AreaTable", radius_km: float) -> "AreaTable":
        """The areas of `inside` and every area of the whole file within `radius_km` of one of them."""
        whole = self.whole
        near = within_km(whole.positions_km, inside.positions_km, radius_km)
        return whole._take(near | whole.mask(inside))

    def mask(self, inside: "AreaTable") -> npt.NDArray[np.bool_]:
        """(n,) which of these areas are also in `inside`."""
        return np.array([code in inside.index for code in self.codes], dtype=np.bool_)

    def _take(self, chosen: npt.NDArray[np.bool_]) -> "AreaTable":
        rows = np.flatnonzero(chosen).tolist()
        return AreaTable(
            name=self.name,
            file=self.file,
            codes=tuple(self.codes[i] for i in rows),
            names=tuple(self.names[i] for i in rows),
            metric=self.metric,
            coordinates=self.coordinates[chosen],
            longitude=self.longitude[chosen],
            latitude=self.latitude[chosen],
            population=None if self.population is None else self.population[chosen],
            units={unit: tuple(codes[i] for i in rows) for unit, codes in self.units.items()},
            unit_names=self.unit_names,
            measures={name: values[chosen] for name, values in self.measures.items()},
            parent=self.whole,
        )

    def _fault(self, key: str, problem: str, fix: str) -> ConfigError:
        return ConfigError([ConfigFault(self.name, key, problem, fix)])


def load_areas(areas: str, base: Path) -> AreaTable:
    """The areas of a shipped file by its name, or of a CSV file by its path relative to `base`.

    Raises ConfigError with every fault of the file.
    """
    path = find_area_file(areas, base)
    columns: AreaColumns = read_area_file(path)
    coordinates = columns.plane_km if columns.plane_km is not None else columns.degrees
    return AreaTable(
        name=areas,
        file=path,
        codes=columns.codes,
        names=columns.names,
        metric="great_circle" if columns.plane_km is None else "planar",
        coordinates=coordinates,
        longitude=columns.degrees[:, 0],
        latitude=columns.degrees[:, 1],
        population=columns.population,
        units=columns.units,
        unit_names=columns.unit_names,
        measures=columns.measures,
    )
