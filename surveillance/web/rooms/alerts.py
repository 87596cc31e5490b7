"""One alert and its revisions, as pages; `api` has the same as JSON."""

from typing import Annotated

from fastapi import FastAPI, Path
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import Alert
from surveillance.store.seen import Seen, saw
from surveillance.web.acting import alert_acts
from surveillance.web.detail import alert_page
from surveillance.web.graph import KINDS
from surveillance.web.house import House, needs
from surveillance.web.plain import plain_alert
from surveillance.web.revision import revision_page

Anybody = Annotated[Person, needs(Permission.READ_ALERTS)]
Reader = Annotated[Person, needs(Permission.READ_CASES)]
Number = Annotated[int, Path(ge=1, le=1_000_000)]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages."""

    @app.get("/alerts/{alert_id}", response_class=HTMLResponse, include_in_schema=False)
    def one_alert(person: Anybody, alert_id: str) -> HTMLResponse:
        alert = house.alert(person, alert_id)
        if not person.may(Permission.READ_CASES, alert.scope, alert.use_case):
            page = plain_alert(house.source, alert, house.now())
            _looked(house, person, alert, page="plain")
            return house.render("alert_plain.html", person, alert=page, support_lines=page.support_lines)
        seen = house.source.seen(person.id, alert_id)
        full = alert_page(house.source, alert, house.now(), seen)
        _looked(house, person, alert, page="alert")
        return house.render(
            "alert.html",
            person,
            page=full,
            acts=alert_acts(house, person, alert),
            support_lines=full.support_lines,
            tie_kinds=KINDS,
        )

    @app.get("/alerts/{alert_id}/revisions/{revision}", response_class=HTMLResponse, include_in_schema=False)
    def one_revision(person: Reader, alert_id: str, revision: Number) -> HTMLResponse:
        alert = house.alert(person, alert_id, Permission.READ_CASES)
        known = house.source.known(alert_id, revision)
        if known is None:
            raise HTTPException(404)
        page = revision_page(house.source, alert, known)
        house.record(person, "viewed", f"alert/{alert_id}", page="revision", revision=revision)
        lines = house.source.use_cases[alert.use_case].wording.support_lines
        return house.render("revision.html", person, page=page, support_lines=lines)


def _looked(house: House, person: Person, alert: Alert, page: str) -> None:
    """That the person was shown the alert, for the audit; and which revision, for what is new next time."""
    house.record(person, "viewed", f"alert/{alert.id}", page=page, revision=alert.revision)
    with house.desk.store.transaction() as tx:
        saw(tx, person.id, alert.id, Seen(alert.revision, house.now()))
