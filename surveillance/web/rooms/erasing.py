"""One record erased for good, where the law asks for it."""

from typing import Annotated

from fastapi import FastAPI
from fastapi.responses import HTMLResponse, Response

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.deciding.erasing import Erased, places_of
from surveillance.line_list.record import RecordKey
from surveillance.web.acting import Shown, Wrong, check
from surveillance.web.deeds import REASON, Choice, Deed, Field, Typed
from surveillance.web.house import House, needs
from surveillance.web.rooms.acts import UNPROCESSABLE, Sent, attempt, decision

Eraser = Annotated[Person, needs(Permission.ERASE)]
SURE = Choice("yes", "I have the legal request, and know that this cannot be undone")
FIELDS = (
    Field(
        "record", "Record", "line", required=True, hint="partner/kind/record id, such as north/incident/r-1"
    ),
    REASON,
    Field("sure", "Are you sure", "records", required=True, choices=(SURE,)),
)


def add_to(app: FastAPI, house: House) -> None:
    """Adds the page. Another room's button sends `record` alone, and gets the page to decide on."""

    @app.get("/records/erase", response_class=HTMLResponse, include_in_schema=False)
    def ask(person: Eraser) -> Response:
        return _page(house, person, Typed())

    @app.post("/records/erase", response_class=HTMLResponse, include_in_schema=False)
    def erase(person: Eraser, typed: Sent) -> Response:
        if "reason" not in typed.values:
            return _page(house, person, typed)
        wrong = check(_form(typed), typed, house.now())
        if wrong.fields:
            return _page(house, person, typed, wrong, UNPROCESSABLE)
        record = _record(house, person, typed)
        if record is None:
            return _page(house, person, typed, Wrong(whole="There is no such record."), UNPROCESSABLE)
        done: list[Erased] = []
        why = decision(house, person, typed)
        refused = attempt(lambda: done.append(house.desk.erase(record, why)))
        if refused is not None:
            return _page(house, person, typed, *refused)
        return house.render("acts/erased.html", person, erased=done[0])


def _page(
    house: House, person: Person, typed: Typed, wrong: Wrong | None = None, status: int = 200
) -> HTMLResponse:
    return house.render("acts/erase.html", person, status, form=_form(typed, wrong))


def _form(typed: Typed, wrong: Wrong | None = None) -> Shown:
    deed = Deed("erase", "Erase a record", "Erase for good", lambda _: True, lambda _: (), lambda *_: None)
    return Shown(deed, "/records/erase", 0, FIELDS, typed, wrong or Wrong())


def _record(house: House, person: Person, typed: Typed) -> RecordKey | None:
    """The record that was named; None where there is none within the person's reach, to whom both are one.

    One that no use case ever counted, or that is gone already, takes a person who may erase anywhere.
    """
    try:
        record = RecordKey.parse(typed.one("record"))
    except (ValueError, TypeError):
        return None
    configuration = house.desk.configuration
    with house.desk.store.reading() as tx:
        places = places_of(tx, record, configuration)
    everywhere = {(u.id, scope) for u in configuration.use_cases.values() for scope in u.scopes}
    may = (person.may(Permission.ERASE, scope, use_case) for use_case, scope in places or everywhere)
    return record if all(may) else None
