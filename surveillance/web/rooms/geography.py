"""The boundaries of a scope's areas, for maps that are drawn in the browser."""

import gzip
import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated

from fastapi import FastAPI, Header
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.geography.area import AreaTable
from surveillance.web.boundaries import load_boundaries
from surveillance.web.house import House, needs

GEOJSON = "application/geo+json"
KEPT = "private, no-cache"  # the browser keeps it, and asks by its tag whether it is still the same
Reader = Annotated[Person, needs(Permission.READ_AGGREGATES)]


@dataclass(frozen=True, slots=True)
class Packed:
    """GeoJSON, packed, with the tag of what is in it."""

    body: bytes
    tag: str


def add_to(app: FastAPI, house: House) -> None:
    """Adds the boundaries."""

    @app.get("/api/scopes/{scope}/areas.geojson", tags=["Geography"])
    def areas(
        person: Reader,
        scope: str,
        if_none_match: Annotated[str, Header()] = "",
        accept_encoding: Annotated[str, Header()] = "",
    ) -> Response:
        """The areas of a scope with code and name, and the outlines of the authorities that they make up.

        404 where their boundaries are not known. They tell of nobody.
        """
        if scope not in house.source.scopes or not person.may(Permission.READ_AGGREGATES, scope):
            raise HTTPException(404)
        packed = pack(house.source.areas(scope))
        if packed is None:
            raise HTTPException(404)
        headers = {"ETag": packed.tag, "Cache-Control": KEPT, "Vary": "Accept-Encoding"}
        if packed.tag in if_none_match:
            return Response(status_code=304, headers=headers)
        if "gzip" not in accept_encoding:
            return Response(gzip.decompress(packed.body), media_type=GEOJSON, headers=headers)
        return Response(packed.body, media_type=GEOJSON, headers=headers | {"Content-Encoding": "gzip"})


@lru_cache(maxsize=32)
def pack(table: AreaTable) -> Packed | None:
    """The areas of a table as GeoJSON; None where it has no boundaries."""
    if table.boundaries is None:
        return None
    names = dict(zip(table.codes, table.names, strict=True))
    features = [
        {
            "type": "Feature",
            "properties": {"code": code, "name": names[code]},
            "geometry": feature["geometry"],
        }
        for feature in json.loads(table.boundaries.read_text(encoding="utf-8"))["features"]
        if (code := feature["properties"]["code"]) in names
    ]
    features += [
        {
            "type": "Feature",
            "properties": {"outline": unit},
            "geometry": {"type": "MultiLineString", "coordinates": lines},
        }
        for unit, lines in load_boundaries(table.boundaries).outlines.items()
    ]
    text = json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")).encode()
    return Packed(gzip.compress(text, 6, mtime=0), f'"{hashlib.sha256(text).hexdigest()[:32]}"')
