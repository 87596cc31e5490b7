"""The queue and one alert, as pages and as JSON."""

from dataclasses import asdict
from typing import Annotated

from fastapi import FastAPI
from fastapi.encoders import jsonable_encoder
from fastapi.responses import HTMLResponse, JSONResponse

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.web.acting import alert_acts
from surveillance.web.detail import alert_page
from surveillance.web.house import House, needs
from surveillance.web.summary import queue_page

REFRESH_SECONDS = 30
NOT_IN_JSON = ("maps", "epicurve")
Reader = Annotated[Person, needs(Permission.READ_CASES)]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages and their JSON."""
    _add_pages(app, house)
    _add_api(app, house)


def _add_pages(app: FastAPI, house: House) -> None:
    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def queue(person: Reader, refresh: str = "on") -> HTMLResponse:
        seconds = None if refresh == "off" else REFRESH_SECONDS
        page = queue_page(house.source, person, house.now())
        return house.render("queue.html", person, queue=page, refresh_seconds=seconds)

    @app.get("/alerts/{alert_id}", response_class=HTMLResponse, include_in_schema=False)
    def one_alert(person: Reader, alert_id: str) -> HTMLResponse:
        alert = house.alert(person, alert_id, Permission.READ_CASES)
        page = alert_page(house.source, alert, house.now())
        acts = alert_acts(house, person, alert)
        return house.render("alert.html", person, page=page, acts=acts, support_lines=page.support_lines)


def _add_api(app: FastAPI, house: House) -> None:
    @app.get("/api/alerts")
    def alerts(person: Reader) -> JSONResponse:
        """Every alert, as the queue shows it, with what is being watched and how late partners run."""
        return JSONResponse(jsonable_encoder(asdict(queue_page(house.source, person, house.now()))))

    @app.get("/api/alerts/{alert_id}")
    def one_alert(person: Reader, alert_id: str) -> JSONResponse:
        """One alert with its evidence, members, areas, daily cases, partners and history."""
        alert = house.alert(person, alert_id, Permission.READ_CASES)
        page = alert_page(house.source, alert, house.now())
        values = {key: value for key, value in asdict(page).items() if key not in NOT_IN_JSON}
        bars = [
            {"first": bar.first, "last": bar.last, "members": bar.members, "others_in_the_areas": bar.others}
            for bar in page.epicurve.bars
        ]
        return JSONResponse(jsonable_encoder({**values, "cases_per_day": bars}))
