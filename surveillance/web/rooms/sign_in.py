"""Signing in and out, and what everybody may do to their own account."""

from typing import Annotated
from urllib.parse import urlencode

import structlog
from fastapi import FastAPI, Form, Request, Response
from fastapi.responses import RedirectResponse
from starlette.concurrency import run_in_threadpool

from surveillance.access.person import Person
from surveillance.accounts import AccountFault, Register
from surveillance.admitting import NameTaken, NotAdmitted
from surveillance.web.door import SessionDoor, client_of, own_path
from surveillance.web.house import House, needs
from surveillance.web.limits import too_many
from surveillance.web.provider import Provider, ProviderFault
from surveillance.web.session import begin, visit_of

RETURN = "/sign-in/return"
SignedIn = Annotated[Person, needs(None)]
Text = Annotated[str, Form(max_length=1000)]

log = structlog.get_logger(__name__)

WRONG = "That is not an account and its password."
LOCKED = "There were too many attempts. Wait, then try again; after a success the waiting ends."
NOT_TRUSTED = "The sign-in could not be completed. Please try it once more."
NO_ROLE = "You are known, but have no role here yet. Ask the operator of the service."
NAME_TAKEN = "Your name is taken by another account here. Ask the operator of the service."


def add_to(app: FastAPI, house: House) -> None:
    """Adds the pages, where there is a door that people sign in at."""
    door = house.door
    if not isinstance(door, SessionDoor):
        return
    _add_pages(app, house, door)
    _add_own_account(app, house, door)
    if door.provider is not None:
        _add_provider(app, house, door, door.provider)


def _page(house: House, door: SessionDoor, request: Request, then: str = "/", **values: object) -> Response:
    """The form; it needs a session before anybody signs in, so that no other site can send it."""
    visit = visit_of(request)
    if visit.session is None:
        visit.session = begin(visit.now)
    given = {"fault": None, "name": "", "status": 200} | values
    provider = None if door.provider is None else door.provider.config.title
    return house.render("sign_in.html", next=own_path(then), provider=provider, **given)


def _add_pages(app: FastAPI, house: House, door: SessionDoor) -> None:
    @app.get("/sign-in", include_in_schema=False)
    def form(request: Request, next: str = "/") -> Response:
        if door.person(request) is not None:
            return RedirectResponse(own_path(next), 303)
        return _page(house, door, request, next)

    @app.post("/sign-in", include_in_schema=False)
    def sign_in(request: Request, name: Text, password: Text, next: Text = "/") -> Response:
        door.limits.of_sign_in(client_of(request))
        try:
            account = door.porter.by_password(name, password)
        except NotAdmitted as refused:
            return _refused(house, door, request, refused, then=next, name=name)
        door.enter(request, account)
        return RedirectResponse(own_path(next), 303)

    @app.post("/sign-out", include_in_schema=False)
    def sign_out(request: Request, person: SignedIn) -> Response:
        del person
        door.leave(request)
        return RedirectResponse("/sign-in", 303)


def _refused(
    house: House, door: SessionDoor, request: Request, refused: NotAdmitted, then: str, name: str
) -> Response:
    """The same for an account and for a name that is none."""
    if refused.retry_at is None:
        return _page(house, door, request, then, fault=WRONG, name=name, status=403)
    seconds = (refused.retry_at - house.now()).total_seconds()
    answer = _page(house, door, request, then, fault=LOCKED, name=name, status=429)
    answer.headers.update(too_many(seconds).headers or {})
    return answer


def _add_provider(app: FastAPI, house: House, door: SessionDoor, provider: Provider) -> None:
    @app.get("/sign-in/provider", include_in_schema=False)
    async def leave_for_provider(request: Request, next: str = "/") -> Response:
        door.limits.of_sign_in(client_of(request))
        visit = visit_of(request)
        visit.session = visit.session or begin(visit.now)
        try:
            come_back_to = door.web_url.rstrip("/") + RETURN
            return await provider.send_away(request, come_back_to, own_path(next))
        except ProviderFault as fault:
            log.warning("the identity provider cannot be used", reason=str(fault))
            return _page(house, door, request, next, fault=NOT_TRUSTED, status=503)

    @app.get(RETURN, include_in_schema=False)
    async def come_back(request: Request) -> Response:
        door.limits.of_sign_in(client_of(request))
        try:
            provided, then = await provider.receive(request)
            account = await run_in_threadpool(door.porter.by_provider, provided)
        except ProviderFault as fault:
            log.warning("a sign-in at the identity provider failed", reason=str(fault))
            await run_in_threadpool(door.porter.refuse, str(fault))
            return _page(house, door, request, fault=NOT_TRUSTED, status=403)
        except NotAdmitted:
            return _page(house, door, request, fault=NO_ROLE, status=403)
        except NameTaken:
            await run_in_threadpool(door.porter.refuse, "name taken")
            return _page(house, door, request, fault=NAME_TAKEN, status=403)
        door.enter(request, account)
        return RedirectResponse(own_path(then), 303)


def _add_own_account(app: FastAPI, house: House, door: SessionDoor) -> None:
    register = Register(house.desk.store, house.audit_key, house.now)

    def page(person: Person, fault: str | None = None, status: int = 200, done: str = "") -> Response:
        account, tokens = register.account(person.id), register.tokens(person.id)
        values = {"account": account, "tokens": tokens, "now": house.now(), "fault": fault, "done": done}
        return house.render("own_account.html", person, status, **values)

    @app.get("/account", include_in_schema=False)
    def own_account(person: SignedIn, done: str = "") -> Response:
        return page(person, done="Your password is another now." if done == "password" else "")

    @app.post("/account/password", include_in_schema=False)
    def change_password(request: Request, person: SignedIn, password: Text, new: Text) -> Response:
        door.limits.of_sign_in(client_of(request))
        try:
            door.porter.by_password(person.id, password, act="confirmed password")
            register.set_password(person.id, person.id, new)
        except NotAdmitted:
            return page(person, "The first is not your password now, or there were too many attempts.", 403)
        except AccountFault as fault:
            return page(person, str(fault).capitalize() + ".", 422)
        door.enter(request, register.account(person.id))
        return RedirectResponse(f"/account?{urlencode({'done': 'password'})}", 303)

    @app.post("/account/sign-out", include_in_schema=False)
    def sign_out_everywhere(request: Request, person: SignedIn) -> Response:
        register.sign_out(person.id, person.id)
        visit_of(request).session = None
        return RedirectResponse("/sign-in", 303)
