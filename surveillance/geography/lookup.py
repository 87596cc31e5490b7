"""From what partners send to area codes: LSOA codes of 2011 and 2021, postcodes, points.

This runs at the edge, before anything is stored, and neither postcode nor point outlasts it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from surveillance.events.refusal import Fault, RefusalCode, Refused
from surveillance.geography.area import AreaTable
from surveillance.geography.area_file import SHIPPED, beside, read_columns
from surveillance.geography.boundaries import Boundaries, load_boundaries
from surveillance.geography.distance import Floats, distances_km, on_sphere

# Small areas of the United Kingdom: LSOAs of England and Wales, data zones of Scotland and Northern Ireland,
# and Northern Ireland's super output areas of 2011. A person may live in one that is not loaded.
SMALL_AREA = re.compile(r"[EWS]01\d{6}|N2[01]\d{6}|95[A-Z]{2}\d{2}[SW]\d")
POSTCODE = re.compile(r"([A-Z]{1,2})\d[A-Z\d]?\d[ABD-HJLNP-UW-Z]{2}")
# The letters that postcodes of the United Kingdom and the Crown dependencies begin with.
POSTCODE_AREAS = frozenset(
    """
    AB AL B BA BB BD BH BL BN BR BS BT CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH
    EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M
    ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST
    SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE
    """.split()  # noqa: SIM905 - as words it can be read
)
# Pseudo-postcodes of the NHS Postcode Directory: what hospitals send where there is no address.
PSEUDO_POSTCODES = {"ZZ993VZ": "no_fixed_abode", "ZZ993WZ": "unknown", "ZZ993CZ": "unknown"}
ABROAD = re.compile(r"ZZ99\d[A-Z]Z")

ELSEWHERE = "elsewhere"
AREA_FIX = 'Send the LSOA code (2011 or 2021), or {"missing": "unknown"}'


@dataclass(frozen=True, eq=False)
class Gazetteer:
    """What is needed to find areas.

    tables: every area that is loaded; where two hold the same code, that is the same area.
    postcodes: postcode without space -> area code. newer_codes: LSOA of 2021 -> LSOA of 2011.
    boundaries: of the tables that have them. A point inside none of them goes to the nearest centroid.
    point_limit_km: a point farther than this from every centroid is elsewhere, and one that is less certain
        than this says nothing.
    """

    tables: tuple[AreaTable, ...]
    postcodes: Mapping[str, str] = field(default_factory=dict)
    newer_codes: Mapping[str, str] = field(default_factory=dict)
    boundaries: tuple[Boundaries, ...] = ()
    point_limit_km: float = 5.0

    @classmethod
    def load(cls, tables: tuple[AreaTable, ...]) -> "Gazetteer":
        """With the postcodes and boundaries that lie beside the tables' files, and the codes of 2021."""
        postcodes: dict[str, str] = {}
        for table in tables:
            postcodes |= _read_postcodes(table)
        newer = read_columns(SHIPPED / "lsoa21_to_lsoa11.csv.gz")
        boundaries = tuple(load_boundaries(table.boundaries) for table in tables if table.boundaries)
        return cls(tables, postcodes, dict(zip(newer["lsoa21"], newer["lsoa11"], strict=True)), boundaries)

    @cached_property
    def codes(self) -> frozenset[str]:
        """Every area code that is loaded."""
        return frozenset(code for table in self.tables for code in table.codes)

    @cached_property
    def sectors(self) -> frozenset[str]:
        """The postcode sectors (`CH11`: a postcode without its last two letters) with a known postcode."""
        return frozenset(postcode[:-2] for postcode in self.postcodes)

    @cached_property
    def _centroids(self) -> tuple[tuple[str, ...], Floats]:
        codes = tuple(code for table in self.tables for code in table.codes)
        spheres = [on_sphere(table.longitude, table.latitude) for table in self.tables]
        return codes, np.concatenate(spheres) if spheres else np.empty((0, 3))

    def resolve(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """An event's JSON values with each `*_area` as `{"code": ...}` or `{"missing": ...}`, and no point.

        A point stands in for an `incident_area` that is absent or missing. An area that exists but is not
        loaded becomes `{"missing": "elsewhere"}`. Raises Refused (unknown_area) with every fault.
        """
        resolved = dict(content)
        faults: list[Fault] = []
        for name, reference in content.items():
            if not name.endswith("_area") or not isinstance(reference, Mapping):
                continue
            try:
                resolved[name] = self.area_of(reference, name)
            except Refused as refused:
                faults += refused.faults
        if faults:
            raise Refused(tuple(faults))
        return self._place(resolved)

    def area_of(self, reference: Mapping[str, Any], name: str = "area") -> dict[str, str]:
        """One reference -> `{"code": ...}` or `{"missing": ...}`; Refused where it means no area at all."""
        if reference.get("code") is not None:
            return self._by_code(str(reference["code"]), f"{name}.code")
        if reference.get("postcode") is not None:
            return self._by_postcode(str(reference["postcode"]), f"{name}.postcode")
        return {"missing": str(reference.get("missing") or "unknown")}

    def area_at(self, longitude: float, latitude: float) -> str | None:
        """The area that holds a point, or else the nearest one within the limit; None: elsewhere."""
        holding = (boundaries.containing(longitude, latitude) for boundaries in self.boundaries)
        return next(filter(None, holding), None) or self.nearest(longitude, latitude)

    def nearest(self, longitude: float, latitude: float) -> str | None:
        """The area whose centroid is nearest to a point; None beyond the limit."""
        codes, centroids = self._centroids
        distances = distances_km(on_sphere(np.array([longitude]), np.array([latitude])), centroids)
        # A table that knows only its own plane has no degrees: its distances are NaN, never nearest.
        distances = np.where(np.isnan(distances), np.inf, distances)
        best = int(distances.argmin()) if len(codes) else -1
        return codes[best] if best >= 0 and distances[best] <= self.point_limit_km else None

    def _by_code(self, code: str, name: str) -> dict[str, str]:
        code = code if code in self.codes else self.newer_codes.get(code, code)
        if code in self.codes:
            return {"code": code}
        if SMALL_AREA.fullmatch(code):
            return {"missing": ELSEWHERE}
        raise _refused(name, "is not the code of a known area", AREA_FIX)

    def _by_postcode(self, written: str, name: str) -> dict[str, str]:
        postcode = normal_postcode(written)
        if postcode in self.postcodes:
            return {"code": self.postcodes[postcode]}
        if postcode in PSEUDO_POSTCODES:
            return {"missing": PSEUDO_POSTCODES[postcode]}
        if ABROAD.fullmatch(postcode):
            return {"missing": "outside_country"}
        match = POSTCODE.fullmatch(postcode)
        if not match or match[1] not in POSTCODE_AREAS:
            raise _refused(name, "is not a postcode", AREA_FIX)
        # Where every other postcode of the sector is known, one that is not is mistyped or new. A guess would
        # put a case into the wrong area; calling it elsewhere would lose the case.
        if postcode[:-2] in self.sectors:
            raise _refused(name, "is not a live postcode that this service knows", AREA_FIX)
        return {"missing": ELSEWHERE}

    def _place(self, content: dict[str, Any]) -> dict[str, Any]:
        point = content.pop("point", None)
        area = content.get("incident_area")
        if point is None or (area is not None and "code" in area):
            return content
        vague = (point.get("uncertainty_m") or 0.0) > 1000 * self.point_limit_km
        code = None if vague else self.area_at(point["longitude"], point["latitude"])
        reason = area or {"missing": "unknown" if vague else ELSEWHERE}
        content["incident_area"] = {"code": code} if code else reason
        return content


def normal_postcode(postcode: str) -> str:
    """Upper case without spaces: how postcodes are compared."""
    return "".join(postcode.split()).upper()


def _read_postcodes(table: AreaTable) -> dict[str, str]:
    for suffix in ("_postcodes.csv.gz", "_postcodes.csv"):
        path = beside(table.file, suffix)
        if path is not None:
            columns = read_columns(path)
            return dict(zip(map(normal_postcode, columns["postcode"]), columns["code"], strict=True))
    return {}


def _refused(name: str, rule: str, fix: str) -> Refused:
    return Refused((Fault(RefusalCode.UNKNOWN_AREA, name, rule, fix),))
