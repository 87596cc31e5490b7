"""The boundaries of a scope's areas, for maps that are drawn in the browser."""

import gzip
import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any

from fastapi import FastAPI, Header
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.geography.area import AreaTable
from surveillance.web.api.answer import PROBLEMS
from surveillance.web.boundaries import load_boundaries
from surveillance.web.house import House, needs

GEOJSON = "application/geo+json"
KEPT = "private, no-cache"  # the browser keeps it, and asks by its tag whether it is still the same
Reader = Annotated[Person, needs(Permission.READ_AGGREGATES)]


class Asked(BaseModel):
    """Headers of a request: what the browser has, and what it can unpack."""

    if_none_match: str = ""
    accept_encoding: str = ""


@dataclass(frozen=True, slots=True)
class Packed:
    """GeoJSON, packed, with the tag of what is in it."""

    body: bytes
    tag: str


def add_to(app: FastAPI, house: House) -> None:
    """Adds the boundaries."""

    @app.get("/api/scopes/{scope}/areas.geojson", responses=PROBLEMS, tags=["Geography"])
    def areas(person: Reader, scope: str, asked: Annotated[Asked, Header()]) -> Response:
        """The areas of a scope with code and name, where their boundaries are known. They tell of nobody."""
        return _answer(asked, pack(_table(house, person, scope)))

    @app.get("/api/scopes/{scope}/outlines.geojson", responses=PROBLEMS, tags=["Geography"])
    def outlines(person: Reader, scope: str, asked: Annotated[Asked, Header()]) -> Response:
        """The outlines of the authorities that the areas of a scope make up, where boundaries are known."""
        return _answer(asked, pack_outlines(_table(house, person, scope)))


def _table(house: House, person: Person, scope: str) -> AreaTable:
    if scope not in house.source.scopes or not person.may(Permission.READ_AGGREGATES, scope):
        raise HTTPException(404)
    return house.source.areas(scope)


def _answer(asked: Asked, packed: Packed | None) -> Response:
    if packed is None:
        raise HTTPException(404)
    headers = {"ETag": packed.tag, "Cache-Control": KEPT, "Vary": "Accept-Encoding"}
    if packed.tag in asked.if_none_match:
        return Response(status_code=304, headers=headers)
    if "gzip" not in asked.accept_encoding:
        return Response(gzip.decompress(packed.body), media_type=GEOJSON, headers=headers)
    return Response(packed.body, media_type=GEOJSON, headers=headers | {"Content-Encoding": "gzip"})


@lru_cache(maxsize=32)
def pack(table: AreaTable) -> Packed | None:
    """The areas of a table as GeoJSON; None where it has no boundaries."""
    if table.boundaries is None:
        return None
    names = dict(zip(table.codes, table.names, strict=True))
    return _packed(
        _feature({"code": code, "name": names[code]}, feature["geometry"])
        for feature in json.loads(table.boundaries.read_text(encoding="utf-8"))["features"]
        if (code := feature["properties"]["code"]) in names
    )


@lru_cache(maxsize=32)
def pack_outlines(table: AreaTable) -> Packed | None:
    """The outlines of the higher units as GeoJSON; None where the table has no boundaries."""
    if table.boundaries is None:
        return None
    return _packed(
        _feature({"name": unit}, {"type": "MultiLineString", "coordinates": lines})
        for unit, lines in load_boundaries(table.boundaries).outlines.items()
    )


def _feature(properties: dict[str, str], geometry: dict[str, Any]) -> dict[str, Any]:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _packed(features: Iterable[dict[str, Any]]) -> Packed:
    collection = {"type": "FeatureCollection", "features": list(features)}
    text = json.dumps(collection, separators=(",", ":")).encode()
    return Packed(gzip.compress(text, 6, mtime=0), f'"{hashlib.sha256(text).hexdigest()[:32]}"')
