"""The queue and one alert, as pages; `api` has the same as JSON."""

from typing import Annotated

from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.web.detail import alert_page
from surveillance.web.house import House, needs
from surveillance.web.summary import queue_page

REFRESH_SECONDS = 30
Reader = Annotated[Person, needs(Permission.READ_CASES)]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages."""

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def queue(person: Reader, refresh: str = "on") -> HTMLResponse:
        seconds = None if refresh == "off" else REFRESH_SECONDS
        page = queue_page(house.source, person, house.now())
        return house.render("queue.html", person, queue=page, refresh_seconds=seconds)

    @app.get("/alerts/{alert_id}", response_class=HTMLResponse, include_in_schema=False)
    def one_alert(person: Reader, alert_id: str) -> HTMLResponse:
        alert = house.alert(person, alert_id, Permission.READ_CASES)
        page = alert_page(house.source, alert, house.now())
        return house.render("alert.html", person, page=page, support_lines=page.support_lines)
