"""The line list, one record with all its versions, and what may be taken out of the service."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import FastAPI, Form, Query
from fastapi.responses import HTMLResponse, StreamingResponse
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.web.asked import (
    AGES,
    SEXES,
    Asked,
    AskedExport,
    AskedPage,
    BadParameter,
    Chosen,
    choose,
    readable,
)
from surveillance.web.cases import REASONS, CasesPage, Reader, cases_page, told_filter
from surveillance.web.export import MEDIA_TYPES, Table, export_counts, export_lines, write
from surveillance.web.house import House, needs
from surveillance.web.record import RecordPage, read_key, record_page

Looker = Annotated[Person, needs(Permission.READ_CASES)]
Exporter = Annotated[Person, needs(Permission.EXPORT)]
LEAST_PURPOSE = 10
NOT_OF_COUNTS = ("place", "area", "ages", "sex", "partner", "in_alert", "reason")  # one could be subtracted
SORT_WORDS = {
    "-day": "newest case day",
    "day": "oldest case day",
    "-received": "newest received",
    "received": "oldest received",
}


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages."""

    @app.get("/cases", response_class=HTMLResponse, include_in_schema=False)
    def cases(person: Looker, asked: Annotated[AskedPage, Query()]) -> HTMLResponse:
        chosen, page = read_cases(house, person, asked, "page")
        return house.render(
            "cases.html",
            person,
            page=page,
            chosen=chosen,
            asked=asked,
            choices=_choices(house, person, chosen),
            query=urlencode(_given(asked)),
            next_query=urlencode({**_given(asked), "after": page.next or ""}),
            reason_query=urlencode(
                {k: v for k, v in _given(asked).items() if k in ("use_case", "scope", "place")}
            ),
            may_export=chosen.may(person, Permission.EXPORT),
        )

    @app.post("/cases/export", include_in_schema=False)
    def export(person: Exporter, asked: Annotated[AskedExport, Form()]) -> StreamingResponse:
        table = take_out(house, person, asked)
        name = f"{asked.what}-{house.now():%Y%m%dT%H%M%SZ}.{asked.format}"  # says neither what of nor where
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        pieces = write(table, asked.format)
        return StreamingResponse(pieces, media_type=MEDIA_TYPES[asked.format], headers=headers)

    @app.get("/cases/{partner}/{kind}/{record_id}", response_class=HTMLResponse, include_in_schema=False)
    def record(person: Looker, partner: str, kind: str, record_id: str) -> HTMLResponse:
        page = read_record(house, person, partner, kind, record_id, "page")
        return house.render("record.html", person, page=page)


def read_cases(house: House, person: Person, asked: AskedPage, form: str) -> tuple[Chosen, CasesPage]:
    """The line list as somebody sees it, entered into the audit chain with the filter."""
    configuration = house.desk.configuration
    chosen = choose(asked, configuration, person)
    with house.desk.store.reading() as tx:
        page = cases_page(tx, configuration, person, chosen, asked, house.now())
    facts = {"form": form, "rows": len(page.rows), "filter": told_filter(asked, chosen)}
    house.record(person, "viewed", f"line-list/{page.use_case}", **facts)
    return chosen, page


def read_record(
    house: House, person: Person, partner: str, kind: str, record_id: str, form: str
) -> RecordPage:
    """One record as somebody sees it, entered into the audit chain."""
    key = read_key(partner, kind, record_id)
    with house.desk.store.reading() as tx:
        page = record_page(tx, house.desk.configuration, person, key, house.now())
    house.record(person, "viewed", f"record/{key}", form=form)
    return page


def take_out(house: House, person: Person, asked: AskedExport) -> Table:
    """What is exported, entered into the audit chain before its first row leaves."""
    configuration, needed = house.desk.configuration, Permission.EXPORT
    listed = asked.what == "line-list"
    unmet = None if listed else next((f for f in NOT_OF_COUNTS if getattr(asked, f) is not None), None)
    if unmet is not None:
        raise BadParameter(unmet, "Counts are as published, by use case, scope and days only: leave this out")
    chosen = choose(asked, configuration, person, needed)
    if listed and not chosen.may(person, Permission.READ_CASES):
        raise HTTPException(403)
    if listed and len(asked.purpose) < LEAST_PURPOSE:
        raise BadParameter("purpose", f"Say what the line list is for, in {LEAST_PURPOSE} letters or more")
    facts = {"what": asked.what, "format": asked.format, "purpose": asked.purpose}
    house.record(
        person, "exported", f"line-list/{chosen.use_case.id}", filter=told_filter(asked, chosen), **facts
    )
    if listed:
        return export_lines(house.desk.store, Reader(configuration, person, chosen))
    with house.desk.store.reading() as tx:
        return export_counts(tx, chosen)


def _given(asked: Asked) -> dict[str, str]:
    """The filter as it stands in links: all but where a page begins."""
    return {name: value for name, value in asked.told().items() if name != "after"}


def _choices(house: House, person: Person, chosen: Chosen) -> dict[str, dict[str, str]]:
    """What each field of the form offers: value and words."""
    configuration = house.desk.configuration
    within = readable(configuration, person)
    scopes = {r.scope.id: r.scope.title for r in within[chosen.use_case.id]}
    areas = {c: name for r in chosen.regions for c, (name, codes) in r.levels.items() if len(codes) > 1}
    partners = (p for p in configuration.partners.values() if f"{chosen.use_case.records}s" in p.topics)
    return {
        "use_case": {name: configuration.use_cases[name].title for name in within},
        "scope": scopes,
        "place": {place.name: place.name for place in chosen.use_case.places},
        "area": areas,
        "ages": {band: band for band in AGES},
        "sex": {sex: sex for sex in SEXES},
        "partner": {p.id: p.title for p in partners},
        "in_alert": {"yes": "in an alert", "no": "in no alert"},
        "reason": dict(REASONS),
        "sort": SORT_WORDS,
    }
