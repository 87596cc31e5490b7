"""Alerts opened by hand, and members added: people see clusters that no detector does."""

from collections.abc import Iterator
from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting.alert import Alert
from surveillance.alerting.finding import record_of
from surveillance.web.acting import Shown, Wrong, check, zone_of
from surveillance.web.choosing import offer
from surveillance.web.deeds import REASON, Choice, Circumstances, Deed, Field, Typed, records_of
from surveillance.web.house import House, needs
from surveillance.web.rooms.acts import CONFLICT, SEE_OTHER, UNPROCESSABLE, Sent, attempt, decision

Opener = Annotated[Person, needs(Permission.ACT)]
Decider = Annotated[Person, needs(Permission.DECIDE)]
CHOSEN = Field("record", "Cases", "choose", required=True)


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages. They stand before those of an alert, whose id could be `new`."""
    _add_opening(app, house)
    _add_members(app, house)


def _add_opening(app: FastAPI, house: House) -> None:
    @app.get("/alerts/new", response_class=HTMLResponse, include_in_schema=False)
    def new(request: Request, person: Opener) -> Response:
        typed = Typed({key: tuple(request.query_params.getlist(key)) for key in request.query_params})
        house.record(person, "viewed", "alerts/new", what=typed.one("what"))
        return _open_page(house, person, typed)

    @app.post("/alerts/new", include_in_schema=False)
    def open_alert(person: Opener, typed: Sent) -> Response:
        chosen = _chosen(house, person, typed)
        if chosen is None or typed.one("look"):
            return _open_page(house, person, typed)
        wrong = check(_opening(house, chosen, typed), typed, house.now())
        if wrong.fields:
            return _open_page(house, person, typed, wrong, UNPROCESSABLE)
        opened: list[Alert] = []
        why = decision(house, person, typed)
        refused = attempt(
            lambda: opened.append(house.desk.open(*chosen, typed.one("severity"), records_of(typed), why))
        )
        if refused is not None:
            return _open_page(house, person, typed, *refused)
        return RedirectResponse(f"/alerts/{opened[0].id}", SEE_OTHER)


def _open_page(
    house: House, person: Person, typed: Typed, wrong: Wrong | None = None, status: int = 200
) -> HTMLResponse:
    """What to choose from: first where and what, then the cases."""
    chosen = _chosen(house, person, typed)
    return house.render(
        "acts/new.html",
        person,
        status,
        whats=tuple(_whats(house, person)),
        typed=typed,
        form=None if chosen is None else _opening(house, chosen, typed, wrong),
        offer=None if chosen is None else offer(house, *chosen, typed),
    )


def _opening(house: House, chosen: tuple[str, str], typed: Typed, wrong: Wrong | None = None) -> Shown:
    bands = tuple(Choice(b.name, b.name) for b in house.source.use_cases[chosen[0]].bands)
    fields = (CHOSEN, Field("severity", "Severity", "choice", required=True, choices=bands), REASON)
    return Shown(_deed("open", "Open the alert"), "/alerts/new", 0, fields, typed, wrong or Wrong())


def _whats(house: House, person: Person) -> Iterator[Choice]:
    """Every use case and scope in which the person may open an alert."""
    for use_case in house.source.use_cases.values():
        for scope in use_case.scopes:
            if person.may(Permission.ACT, scope, use_case.id):
                label = f"{use_case.title}, {house.source.scopes[scope].title}"
                yield Choice(f"{use_case.id}/{scope}", label)


def _chosen(house: House, person: Person, typed: Typed) -> tuple[str, str] | None:
    """The use case and the scope, None until both are chosen among those that the person may open one in."""
    if typed.one("what") not in {choice.value for choice in _whats(house, person)}:
        return None
    use_case, _, scope = typed.one("what").partition("/")
    return use_case, scope


def _add_members(app: FastAPI, house: House) -> None:
    @app.get("/alerts/{alert_id}/add", response_class=HTMLResponse, include_in_schema=False)
    def choose(request: Request, person: Decider, alert_id: str) -> Response:
        alert = house.alert(person, alert_id, Permission.DECIDE)
        typed = Typed({key: tuple(request.query_params.getlist(key)) for key in request.query_params})
        house.record(person, "viewed", f"alert/{alert.id}", form="add", revision=alert.revision)
        return _members_page(house, person, alert, typed)

    @app.post("/alerts/{alert_id}/add", include_in_schema=False)
    def add(person: Decider, alert_id: str, typed: Sent) -> Response:
        alert = house.alert(person, alert_id, Permission.DECIDE)
        if typed.one("look"):
            return _members_page(house, person, alert, typed)
        wrong = check(_adding(alert, typed), typed, house.now())
        if wrong.fields:
            return _members_page(house, person, alert, typed, wrong, UNPROCESSABLE)
        why = decision(house, person, typed)
        refused = attempt(lambda: house.desk.add(alert.id, records_of(typed), why))
        if refused is None:
            return RedirectResponse(f"/alerts/{alert.id}#members", SEE_OTHER)
        return _members_page(house, person, house.alert(person, alert.id), typed, *refused)


def _members_page(
    house: House,
    person: Person,
    alert: Alert,
    typed: Typed,
    wrong: Wrong | None = None,
    status: int = 200,
) -> HTMLResponse:
    without = {record_of(member) for member in alert.members}
    return house.render(
        "acts/add.html",
        person,
        status,
        alert=alert,
        title=house.source.use_cases[alert.use_case].title,
        typed=typed,
        form=_adding(alert, typed, wrong, status),
        offer=offer(house, alert.use_case, alert.scope, typed, without),
        time_zone=str(zone_of(house, alert)),
    )


def _adding(alert: Alert, typed: Typed, wrong: Wrong | None = None, status: int = 200) -> Shown:
    seen = typed.number("seen")
    now = alert.revision if seen is None or status == CONFLICT else seen
    action = f"/alerts/{alert.id}/add"
    return Shown(_deed("add", "Add them"), action, now, (CHOSEN, REASON), typed, wrong or Wrong())


def _deed(name: str, button: str) -> Deed:
    def nothing(_: Circumstances) -> tuple[Field, ...]:
        return ()

    return Deed(name, button, button, lambda _: True, nothing, lambda *_: None)
