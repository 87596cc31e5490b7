"""The overview as a page, as JSON and as GeoJSON."""

import json
import threading
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from markupsafe import Markup
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.configuration import Configuration
from surveillance.following import Following
from surveillance.geography.area import AreaTable
from surveillance.geography.levels import levels_of
from surveillance.releasing import series_of
from surveillance.use_case.model import UseCase
from surveillance.web import words
from surveillance.web.api.answer import PROBLEMS
from surveillance.web.boundaries import load_boundaries, outline
from surveillance.web.house import House, needs
from surveillance.web.overview.figures import Figures
from surveillance.web.overview.live import count_live
from surveillance.web.overview.page import (
    STANDINGS,
    OverviewPage,
    count_words,
    drawing_of,
    fifth_words,
    overview_page,
    rate_words,
    values_of,
)
from surveillance.web.overview.picture import shape_at
from surveillance.web.overview.published import read_published
from surveillance.web.overview.question import Question, ask, subjects
from surveillance.web.partners import settled_after_days

GEOJSON = "application/geo+json"
DELAYS_KEPT = timedelta(minutes=10)
Reader = Annotated[Person, needs(Permission.READ_AGGREGATES)]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the page, its JSON and the outlines of its map."""
    desk = Answering(house)
    app.state.warm = desk.warm
    _add_page(app, house, desk)
    _add_figures(app, desk)
    _add_outlines(app, house)


def _add_page(app: FastAPI, house: House, desk: "Answering") -> None:
    @app.get("/overview", response_class=HTMLResponse, include_in_schema=False)
    def overview(person: Reader, request: Request) -> HTMLResponse:
        if not subjects(person, house.desk.configuration):
            raise HTTPException(404)
        page = desk.answer(person, dict(request.query_params))
        return house.render(
            "overview.html",
            person,
            page=page,
            standings=STANDINGS,
            count_words=count_words,
            rate_words=rate_words,
            fifth_words=fifth_words,
            number=words.number,
            marks={standing: shape_at(standing) for standing in STANDINGS},
            drawing=_embedded(drawing_of(page)),
            support_lines=page.question.use_case.wording.support_lines,
        )


def _add_figures(app: FastAPI, desk: "Answering") -> None:
    @app.get("/api/overview", responses=PROBLEMS, tags=["Overview"])
    def figures(
        person: Reader,
        use_case: str = "",
        scope: str = "",
        numbers: str = "",
        place: str = "",
        level: str = "",
        stratum: str = "",
        first: str = "",
        last: str = "",
        unit: str = "",
    ) -> JSONResponse:
        """Cases by days and areas, with rates, funnel and groups. Every count is a pair: the smallest and the
        largest number that it can be; one number twice where the person may see it to the case."""
        asked = {"use_case": use_case, "scope": scope, "numbers": numbers, "place": place, "level": level}
        asked |= {"stratum": stratum, "first": first, "last": last, "unit": unit}
        return JSONResponse(values_of(desk.answer(person, {k: v for k, v in asked.items() if v})))

    @app.get("/api/overview/areas.geojson", responses=PROBLEMS, tags=["Overview"])
    def areas(person: Reader, request: Request) -> Response:
        """The units of a question with their shapes, counts, rates and standings, as GeoJSON."""
        page = desk.answer(person, dict(request.query_params))
        return JSONResponse(_as_geojson(page), media_type=GEOJSON)


def _add_outlines(app: FastAPI, house: House) -> None:
    @app.get("/api/scopes/{scope}/outlines/{level}.geojson", responses=PROBLEMS, tags=["Geography"])
    def outlines(person: Reader, scope: str, level: str) -> Response:
        """The outlines of the units of a level. They tell of nobody."""
        regions = house.desk.configuration.regions
        if scope not in regions or not person.may(Permission.READ_AGGREGATES, scope):
            raise HTTPException(404)
        table = regions[scope].inside
        if level not in levels_of(table) or table.boundaries is None:
            raise HTTPException(404)
        return Response(_outlines(table, level), media_type=GEOJSON)


@dataclass
class Answering:
    """Answers questions, live or from releases; keeps what it follows."""

    house: House
    followed: dict[tuple[str, str, str], Following] = field(default_factory=dict)
    delays: dict[str, tuple[datetime, float]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def warm(self) -> None:
        """Counts every use case once, so that nobody's first page waits for it."""
        configuration = self.house.desk.configuration
        for use_case in configuration.use_cases.values():
            for scope in use_case.scopes:
                self._following(use_case, scope, use_case.places[0].name).counted()

    def answer(self, person: Person, asked: dict[str, str]) -> OverviewPage:
        """The page of a question. That somebody saw live counts enters the audit chain."""
        configuration, now = self.house.desk.configuration, self.house.now()
        question = ask(person, configuration, asked, self._today(configuration, asked, now))
        today = now.astimezone(question.region.zone).date()
        figures = self._live(question, today) if question.live else self._published(question)
        if question.live:
            subject = f"overview/{question.use_case.id}/{question.scope}"
            days = {"first": question.first.isoformat(), "last": question.last.isoformat()}
            shown = {"place": question.place, "level": question.level.name, "stratum": question.stratum.id}
            self.house.record(person, "viewed", subject, **days, **shown)
        at_words = words.at_time(now, question.region.zone)
        part = asked.get("part", "1")
        if not (part.isascii() and part.isdigit() and 0 < int(part[:6]) < 1000):
            raise HTTPException(400)
        return overview_page(person, configuration, question, figures, today, at_words, int(part))

    def _today(self, configuration: Configuration, asked: dict[str, str], now: datetime) -> date:
        scope = asked.get("scope", "")
        region = configuration.regions.get(scope) or next(iter(configuration.regions.values()))
        return now.astimezone(region.zone).date()

    def _live(self, question: Question, today: date) -> Figures:
        following = self._following(question.use_case, question.scope, question.place)
        return count_live(question, following.counted(), self._settled_days(question.use_case), today)

    def _following(self, use_case: UseCase, scope: str, place: str) -> Following:
        key, desk = (use_case.id, scope, place), self.house.desk
        with self.lock:
            if key not in self.followed:
                codes = desk.configuration.regions[scope].inside.codes
                self.followed[key] = Following(desk.store, use_case.id, place, use_case.count, codes)
            return self.followed[key]

    def _settled_days(self, use_case: UseCase) -> float:
        """How long most reports take; looked up now and then, since it hardly changes."""
        now = self.house.now()
        kept = self.delays.get(use_case.records)
        if kept is None or now - kept[0] > DELAYS_KEPT:
            rows = [t for t in self.house.source.timeliness() if t.kind == use_case.records]
            kept = self.delays[use_case.records] = (now, settled_after_days(rows))
        return kept[1]

    def _published(self, question: Question) -> Figures:
        series = series_of(self.house.desk.configuration, question.use_case, question.scope)
        with self.house.desk.store.reading() as tx:
            return read_published(tx, question, series)


def _embedded(values: Any) -> Markup:
    """JSON that may stand in a page: nothing in it ends its element."""
    text = json.dumps(values, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)


@lru_cache(maxsize=32)
def _outlines(table: AreaTable, level: str) -> bytes:
    if table.boundaries is None:
        return b""
    rings = load_boundaries(table.boundaries).rings
    members: dict[str, list[Any]] = {}
    for area, unit in levels_of(table)[level].of_area.items():
        members.setdefault(unit, []).extend(rings.get(area, ()))
    features = [
        {
            "type": "Feature",
            "properties": {"code": unit},
            "geometry": {"type": "MultiLineString", "coordinates": list(outline(of_unit))},
        }
        for unit, of_unit in members.items()
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")).encode()


def _as_geojson(page: OverviewPage) -> dict[str, Any]:
    """One feature per unit. A unit of several areas has the polygons of all of them."""
    shapes = _shapes(page.question.region.inside, page.question.level.name)
    features = [
        {
            "type": "Feature",
            "properties": unit,
            "geometry": {"type": "MultiPolygon", "coordinates": shapes[unit["code"]]}
            if unit["code"] in shapes
            else None,
        }
        for unit in values_of(page)["areas"]
    ]
    return {"type": "FeatureCollection", "features": features}


@lru_cache(maxsize=32)
def _shapes(table: AreaTable, level: str) -> dict[str, list[Any]]:
    if table.boundaries is None:
        return {}
    of_area = levels_of(table)[level].of_area
    shapes: dict[str, list[Any]] = {}
    for feature in json.loads(table.boundaries.read_text(encoding="utf-8"))["features"]:
        unit, geometry = of_area.get(feature["properties"]["code"]), feature["geometry"]
        if unit is not None:
            is_one = geometry["type"] == "Polygon"
            shapes.setdefault(unit, []).extend(
                [geometry["coordinates"]] if is_one else geometry["coordinates"]
            )
    return shapes
