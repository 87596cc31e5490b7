"""The queue: the first page, its views, filters and pages."""

from typing import Annotated, Literal

from fastapi import FastAPI, Header, Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import State
from surveillance.store.queue import View
from surveillance.web.house import House, needs
from surveillance.web.queue import Asked, queue_page
from surveillance.web.rooms.live import mark_for

REFRESH_SECONDS = 30
Reader = Annotated[Person, needs(Permission.READ_ALERTS)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9-]{0,63}$")]


class AskingFor(BaseModel):
    """Which alerts; what nobody could choose is refused."""

    view: View = View.ALL
    use_case: Name = ""
    scope: Name = ""
    severity: Name = ""
    state: State | Literal[""] = ""
    page: Annotated[int, Field(ge=1, le=100_000)] = 1


class Asking(AskingFor):
    """The query of the page's address."""

    refresh: Literal["on", "off"] = "on"


def add_to(app: FastAPI, house: House) -> None:
    """Adds the queue."""

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def queue(
        person: Reader, asking: Annotated[Asking, Query()], hx_request: Annotated[bool, Header()] = False
    ) -> HTMLResponse:
        mark = mark_for(house.source, person)
        asked = Asked(**asking.model_dump(exclude={"refresh"}))
        page = queue_page(house.source, person, asked, house.now())
        if hx_request:  # an open page keeps its list up to date: that somebody looks is known already
            return house.render("queue_list.html", person, queue=page)
        house.record(person, "viewed", "alerts", view=str(asked.view), page=asked.page, **asked.filters)
        seconds = None if asking.refresh == "off" else REFRESH_SECONDS
        live = person.may(Permission.READ_CASES)
        return house.render("queue.html", person, queue=page, refresh_seconds=seconds, live=live, mark=mark)
