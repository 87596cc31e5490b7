"""The region that the synthetic feed is about: real areas, example partners, nobody who exists."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from surveillance.geography.area import AreaTable
from surveillance.geography.distance import Floats
from surveillance.use_case.model import Partner

Rng = np.random.Generator
Indices = npt.NDArray[np.int64]

# Shared by the simulated partners only, and public: it protects no one, because there is no one.
SIMULATED_SECRET = b"simulated partners share this"
KEY_SCHEME, KEY_ID = "simulated-hmac", "example-1"


@dataclass(frozen=True, eq=False)
class World:
    """areas: with populations and coordinates. postcodes: area code -> one of its postcodes; may be empty.
    emergency: who reports admissions; None for none. tag: begins every record id (letters, digits, `-`), so
    that two runs against one database report different records and different persons.
    """

    areas: AreaTable
    police: Partner
    coroner: Partner
    emergency: Partner | None = None
    postcodes: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""

    @cached_property
    def population(self) -> float:
        """How many people live in the areas."""
        return float(self._residents.sum())

    @cached_property
    def _residents(self) -> Floats:
        if self.areas.population is None:
            raise ValueError("a simulated feed needs an area file with populations")
        return self.areas.population

    @cached_property
    def _tree(self) -> Any:
        return cKDTree(self.areas.positions_km)

    def partner(self, partner: str) -> Partner:
        """One of the world's partners by its id; KeyError where there is none."""
        known = (self.police, self.coroner, self.emergency)
        return {p.id: p for p in known if p is not None}[partner]

    def draw_areas(self, rng: Rng, count: int) -> Indices:
        """(count,) indices of areas, drawn by population."""
        return rng.choice(len(self.areas), size=count, p=self._residents / self.population)

    def near(self, area: int, radius_km: float) -> Indices:
        """Indices of the areas whose centroid lies within `radius_km`, itself included, in file order."""
        found = self._tree.query_ball_point(self.areas.positions_km[area], radius_km)
        return np.array(sorted(found), dtype=np.int64)

    def person_key(self, person: int) -> dict[str, str]:
        """The pseudonym that every partner makes of one simulated person."""
        digest = hmac.new(SIMULATED_SECRET, f"{self.tag}:{person}".encode(), hashlib.sha256)
        return {"scheme": KEY_SCHEME, "key_id": KEY_ID, "value": digest.hexdigest()}

    def area_by_code(self, area: int) -> dict[str, str]:
        """An area as a reference by code."""
        return {"code": self.areas.codes[area]}

    def area_by_postcode(self, area: int) -> dict[str, str]:
        """An area as a reference by postcode, by code where none is known."""
        code = self.areas.codes[area]
        return {"postcode": self.postcodes[code]} if code in self.postcodes else {"code": code}

    def point(self, area: int) -> dict[str, float]:
        """The centroid of an area as a point."""
        longitude, latitude = float(self.areas.longitude[area]), float(self.areas.latitude[area])
        return {"longitude": longitude, "latitude": latitude, "uncertainty_m": 250.0}


def postcodes_by_area(area_of_postcode: Mapping[str, str]) -> dict[str, str]:
    """Postcode -> area code, turned into area code -> its first postcode."""
    return {area_of_postcode[postcode]: postcode for postcode in sorted(area_of_postcode, reverse=True)}
