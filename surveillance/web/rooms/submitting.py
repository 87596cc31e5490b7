"""The pages on which people hand in records for a partner: a file that they look at first, or one record."""

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Annotated

from fastapi import FastAPI, Form, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.events.columns import ColumnsError
from surveillance.events.topics import Kind
from surveillance.submitting.feed import Feed, zone_of
from surveillance.submitting.gateway import Accepted, Gateway, Refusal
from surveillance.submitting.rows import open_table
from surveillance.submitting.shape import Shape, shape_of
from surveillance.submitting.spool import SpoolFull, new_id
from surveillance.use_case.model import Partner
from surveillance.web.deeds import Typed
from surveillance.web.house import House, needs
from surveillance.web.receiving import received, write
from surveillance.web.rooms.submissions import KINDS, gateway_of, with_columns
from surveillance.web.submitting.codes import offered_codes
from surveillance.web.submitting.entries import entries_of, without_gaps
from surveillance.web.submitting.fields import by_field, form_groups, known_names, list_paths, meant
from surveillance.web.submitting.preview import chosen_columns, preview
from surveillance.web.submitting.uploads import (
    Upload,
    find_upload,
    forget_outcome,
    keep_note,
)

Sender = Annotated[Person, needs(Permission.SUBMIT)]
_PIECE = 1 << 20
_FORM_BYTES = 20_000  # what a form needs beside its file


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages."""
    _add_start(app, house)
    _add_uploads(app, house)
    _add_upload(app, house)
    _add_form(app, house)


def _add_start(app: FastAPI, house: House) -> None:
    @app.get("/send", response_class=HTMLResponse, include_in_schema=False)
    def start(person: Sender) -> Response:
        partners = house.desk.configuration.partners
        mine = [p for p in partners.values() if house.reaches(person, p.id, Permission.SUBMIT)]
        return house.render("submitting/start.html", person, partners=mine)

    @app.get("/partners/{partner}/submissions/{submission}", include_in_schema=False)
    def submission(person: Sender, partner: str, submission: str) -> Response:
        mine = house.partner(person, partner, Permission.SUBMIT)
        found = gateway_of(house).state(mine.id, submission)
        if found is None:
            raise HTTPException(404)
        return house.render(
            "submitting/submission.html",
            person,
            partner=mine,
            id=submission,
            state=found[0],
            records=found[1],
        )


def _add_uploads(app: FastAPI, house: House) -> None:
    @app.get("/partners/{partner}/uploads", response_class=HTMLResponse, include_in_schema=False)
    def choose(person: Sender, partner: str) -> Response:
        return _choose_page(house, person, house.partner(person, partner, Permission.SUBMIT))

    @app.post("/partners/{partner}/uploads", include_in_schema=False)
    async def take(request: Request, person: Sender, partner: str) -> Response:
        mine = house.partner(person, partner, Permission.SUBMIT)
        gateway = gateway_of(house)
        try:
            fields, file = await _form_of(request, gateway.most_bytes + _FORM_BYTES)
            kind = _kind_of(mine, fields)
            if file is None or not file.filename:
                return _choose_page(house, person, mine, "Choose a file first.")
            made = await _stage(gateway, file, Upload(new_id(), person.id, mine.id, kind, Shape.CSV))
        except SpoolFull:
            fault = "There is no room for it at the moment. Nothing was sent: please try again later."
            return _choose_page(house, person, mine, fault, 507)
        return RedirectResponse(f"/partners/{mine.id}/uploads/{made.id}", 303)


def _add_upload(app: FastAPI, house: House) -> None:
    path = "/partners/{partner}/uploads/{upload}"

    @app.get(path, response_class=HTMLResponse, include_in_schema=False)
    def look(person: Sender, partner: str, upload: str) -> Response:
        mine, found = _found(house, person, partner, upload)
        return _upload_page(house, person, mine, found)

    @app.post(path + "/columns", include_in_schema=False)
    async def choose_columns(request: Request, person: Sender, partner: str, upload: str) -> Response:
        mine, found = _found(house, person, partner, upload)
        gateway = gateway_of(house)
        given = {name: str(column) for name, column in (await request.form()).items()}
        with suppress(ColumnsError, SpoolFull):  # the page says what is wrong with the file
            await run_in_threadpool(_choose, gateway, _feed(gateway, mine, found), found, given)
        return RedirectResponse(f"/partners/{mine.id}/uploads/{found.id}", 303)

    @app.post(path + "/send", include_in_schema=False)
    def send(
        person: Sender, partner: str, upload: str, test: Annotated[str, Form(max_length=10)] = ""
    ) -> Response:
        mine, found = _found(house, person, partner, upload)
        gateway = gateway_of(house)
        feed = replace(_feed(gateway, mine, found), test=bool(test))
        try:
            done = gateway.submit(with_columns(feed, found.columns), person.id)
        except ColumnsError:
            return _upload_page(house, person, mine, found, 422)
        except SpoolFull:
            return _upload_page(house, person, mine, found, 507)
        if isinstance(done, Refusal):
            forget_outcome(gateway.staged, found.id)  # a time may be too far ahead, or no longer so
            return _upload_page(house, person, mine, found, 422)
        gateway.staged.remove(found.id)
        return _sent(mine, done)

    @app.post(path + "/remove", include_in_schema=False)
    def remove(person: Sender, partner: str, upload: str) -> Response:
        mine, found = _found(house, person, partner, upload)
        gateway_of(house).staged.remove(found.id)
        return RedirectResponse(f"/partners/{mine.id}/uploads", 303)


def _add_form(app: FastAPI, house: House) -> None:
    @app.get("/partners/{partner}/records/new", response_class=HTMLResponse, include_in_schema=False)
    def new(person: Sender, partner: str, topic: str = "") -> Response:
        mine = house.partner(person, partner, Permission.SUBMIT)
        kind = _kind_of(mine, {"topic": topic})
        return _form_page(house, person, mine, kind, Typed({k: (v,) for k, v in meant(kind).items()}))

    @app.post("/partners/{partner}/records/new", include_in_schema=False)
    async def add(request: Request, person: Sender, partner: str, topic: str = "") -> Response:
        mine = house.partner(person, partner, Permission.SUBMIT)
        gateway = gateway_of(house)
        kind = _kind_of(mine, {"topic": topic})
        form = await request.form()
        typed = without_gaps(Typed({name: (str(form[name]),) for name in form}), kind)
        if typed.one("add") in list_paths(kind):  # one more entry is asked for, by a button of the form
            return _form_page(house, person, mine, kind, typed)
        try:
            done = await run_in_threadpool(_submit_one, gateway, mine, kind, typed, person.id)
        except SpoolFull:
            return _form_page(house, person, mine, kind, typed, None, 507)
        if isinstance(done, Refusal):
            return _form_page(house, person, mine, kind, typed, done, 422)
        return _sent(mine, done)


def _choose(gateway: Gateway, feed: Feed, upload: Upload, given: dict[str, str]) -> None:
    """Keeps the columns that were chosen for a table."""
    if feed.shape.is_table:
        header = open_table(feed.path, feed.shape).header
        keep_note(gateway.staged, replace(upload, columns=chosen_columns(feed, given, header)))


def _submit_one(gateway: Gateway, partner: Partner, kind: Kind, typed: Typed, by: str) -> Accepted | Refusal:
    """One record as a table of one row, whose columns are named as its fields."""
    fields = [field for group in form_groups(kind, entries_of(typed, kind)) for field in group.every]
    cells = {field.path: _cell(typed, field.path, field.kind) for field in fields}
    with received(gateway) as body:
        with body.create() as file:
            file.write(_row(list(cells)) + _row(list(cells.values())))
        columns = {field: field for field in cells}
        zone, test = zone_of(gateway.configuration, partner), bool(typed.one("test"))
        feed = Feed(body, partner, kind, columns, zone, named=Shape.CSV, test=test)
        return gateway.submit(feed, by)


def _cell(typed: Typed, path: str, kind: str) -> str:
    """A day and a time of day are two questions; the time may be left out."""
    said = typed.one(path).strip()
    if kind == "time" and said:
        said = f"{said} {typed.one(path + '.time').strip()}".strip()
    return said.replace("\r", " ").replace("\n", " ")


def _row(cells: list[str]) -> bytes:
    quoted = ('"' + cell.replace('"', '""') + '"' for cell in cells)
    return (",".join(quoted) + "\n").encode("utf-8", "replace")


def _found(house: House, person: Person, partner: str, upload: str) -> tuple[Partner, Upload]:
    mine = house.partner(person, partner, Permission.SUBMIT)
    return mine, find_upload(gateway_of(house).staged, upload, person.id, mine.id)


def _feed(gateway: Gateway, partner: Partner, upload: Upload) -> Feed:
    body = gateway.staged.body(upload.id)
    zone = zone_of(gateway.configuration, partner)
    return Feed(body, partner, upload.kind, {}, zone, named=upload.shape)


async def _form_of(request: Request, most_bytes: int) -> tuple[dict[str, str], UploadFile | None]:
    """The fields and the file of an upload. Raises a 413 where it is too large."""
    try:
        form = await Request(request.scope, _counted(request, most_bytes)).form(max_files=1, max_fields=10)
    except MultiPartException:
        raise HTTPException(400) from None
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    files = [value for value in form.values() if isinstance(value, UploadFile)]
    return fields, files[0] if files else None


def _counted(request: Request, most_bytes: int):  # type: ignore[no-untyped-def]  # as starlette's Receive
    taken = 0

    async def receive() -> dict[str, object]:
        nonlocal taken
        message = await request.receive()
        taken += len(message.get("body", b""))
        if taken > most_bytes:
            raise HTTPException(413)
        return dict(message)

    return receive


async def _stage(gateway: Gateway, file: UploadFile, upload: Upload) -> Upload:
    body = gateway.staged.body(upload.id)
    await write(_pieces(file), body, gateway.most_bytes)
    made = replace(upload, shape=shape_of(body, file.filename))
    keep_note(gateway.staged, made)
    return made


async def _pieces(file: UploadFile) -> AsyncIterator[bytes]:
    while piece := await file.read(_PIECE):
        yield piece


def _kind_of(partner: Partner, fields: dict[str, str]) -> Kind:
    """The kind that was asked for, or else the first that the partner publishes."""
    offered = [kind for kind in KINDS if f"{kind}s" in partner.topics]
    return next((kind for kind in offered if f"{kind}s" == fields.get("topic")), offered[0])


def _choose_page(
    house: House, person: Person, partner: Partner, fault: str = "", status: int | None = None
) -> Response:
    megabytes = gateway_of(house).most_bytes // 1_000_000
    return house.render(
        "submitting/upload.html",
        person,
        status or (422 if fault else 200),
        partner=partner,
        fault=fault,
        megabytes=megabytes,
    )


def _upload_page(
    house: House, person: Person, partner: Partner, upload: Upload, status: int = 200
) -> Response:
    gateway = gateway_of(house)
    feed = _feed(gateway, partner, upload)
    return house.render(
        "submitting/preview.html",
        person,
        status,
        partner=partner,
        upload=upload,
        seen=preview(gateway, feed, upload),
        path=f"/partners/{partner.id}/uploads/{upload.id}",
        zone=str(feed.zone),
    )


def _form_page(
    house: House,
    person: Person,
    partner: Partner,
    kind: Kind,
    typed: Typed,
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    faults = tuple(row.fault for row in refusal.faults) if refusal else ()
    plain = tuple(replace(fault, field=_plain(fault.field)) for fault in faults)
    groups = form_groups(kind, entries_of(typed, kind))
    return house.render(
        "submitting/record.html",
        person,
        status,
        partner=partner,
        kind=kind,
        groups=groups,
        typed=typed,
        wrong=by_field(plain, groups),
        codes=offered_codes(house.desk.configuration.directory),
        names=known_names(house.desk.configuration.use_cases.values(), kind),
        zone=str(zone_of(gateway_of(house).configuration, partner)),
    )


def _plain(named: str) -> str:
    """`age (age)` -> `age`: here columns are named as fields."""
    return named.partition(" (")[2].removesuffix(")") or named


def _sent(partner: Partner, done: Accepted) -> Response:
    return RedirectResponse(f"/partners/{partner.id}/submissions/{done.id}", 303)
