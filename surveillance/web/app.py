"""The web application: its rooms, what stands before them, and nothing from other hosts."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.alerting import wording
from surveillance.deciding import Desk
from surveillance.sealing import SealFault
from surveillance.submitting.gateway import Gateway
from surveillance.web import words
from surveillance.web.door import API, SessionDoor
from surveillance.web.faults import add_faults
from surveillance.web.guard import READS, Guard, HeadLikeGet, origin_of
from surveillance.web.headers import HEADERS, HTTPS_ONLY, Headed, said
from surveillance.web.house import HERE, Door, House, OpenDoor, People, Render, Rooms, nobody_known, utc_now
from surveillance.web.map import LEGEND, ratio_words
from surveillance.web.printing import Printer
from surveillance.web.rooms import (
    accounts,
    acts,
    alerts,
    api,
    bundles,
    cases,
    contract,
    erasing,
    geography,
    live,
    opening,
    overview,
    partners,
    queue,
    reports,
    sign_in,
    submissions,
    submitting,
    trail,
)
from surveillance.web.session import VISIT
from surveillance.web.source import AlertSource
from surveillance.web.summary import support_lines

LOOPBACK = ("127.0.0.1", "localhost")

log = structlog.get_logger(__name__)

ROOMS: Rooms = (
    queue.add_to,
    opening.add_to,
    alerts.add_to,
    acts.add_to,
    erasing.add_to,
    live.add_to,
    cases.add_to,
    reports.add_to,
    overview.add_to,
    geography.add_to,
    submissions.add_to,
    bundles.add_to,
    submitting.add_to,
    partners.add_to,
    contract.add_to,
    api.add_to,
    trail.add_to,
    accounts.add_to,
    sign_in.add_to,
)
"""The rooms of the house: a new group of pages is a new module beside `alerts` and one entry here."""


LINKS = (
    ("Alerts", "/", Permission.READ_ALERTS),
    ("Open an alert", "/alerts/new", Permission.ACT),
    ("Send records", "/send", Permission.SUBMIT),
    ("Overview", "/overview", Permission.READ_AGGREGATES),
    ("Line list", "/cases", Permission.READ_CASES),
    ("Weekly report", "/reports/weekly", Permission.READ_AGGREGATES),
    ("Partners", "/partners", Permission.READ_PARTNERS),
    ("Contract", "/contract", Permission.READ_AGGREGATES),
    ("Audit", "/audit", Permission.READ_AUDIT),
    ("Accounts", "/accounts", Permission.MANAGE_ACCOUNTS),
)
"""The main navigation: title, path, and what a person must be allowed to see the link. The first link that a
person sees is where they land."""

_NOT_READY = "not ready"


def make_web(
    source: AlertSource,
    desk: Desk,
    *,
    door: Door | None = None,
    hosts: Sequence[str] = LOOPBACK,
    now: Callable[[], datetime] = utc_now,
    audit_key: bytes = b"",
    people: People = nobody_known,
    printer: Printer | None = None,
    gateway: Gateway | None = None,
) -> FastAPI:
    """The web application over `source` and `desk`.

    `door`: who asks; without one everybody is let in, for tests. `hosts`: names under which it may be asked
    for (`*.example.org`, `*` for any): another site that points its own name at this address gets nothing.
    `now`: an aware clock, for ages and due times. `printer`: makes PDFs of reports, where Chromium is
    installed. `gateway`: takes what partners hand in; whoever serves the application runs its loop.
    """
    app = FastAPI(
        title="Public health surveillance", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json"
    )
    door = door or OpenDoor()
    render = make_renderer(source, door)
    house = House(source, desk, render, door, now, audit_key, people, printer, gateway)
    app.state.door, app.state.gateway, app.state.enter = house.door, gateway, house.enter
    app.state.unready = partial(_unready, source)
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    for add_to in ROOMS:
        add_to(app, house)
    _add_health(app, source)
    add_faults(app, render)
    app.add_exception_handler(HTTPException, _explain(render))  # type: ignore[arg-type]
    # The last added is the outermost: headers stand on every answer, also where a host is refused.
    if isinstance(door, SessionDoor):
        app.add_middleware(
            Guard,
            seal=door.seal,
            origins=frozenset({origin_of(door.web_url)}),
            clock=now,
            problem=partial(_problem, render=render),
        )
    app.add_middleware(HeadLikeGet)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(hosts), www_redirect=False)
    https = isinstance(door, SessionDoor) and door.seal.secure
    app.add_middleware(
        Headed,
        headers=HEADERS | HTTPS_ONLY if https else HEADERS,
        broken=lambda request: _problem(request, 500, render),
    )
    return app


def make_renderer(source: AlertSource, door: Door | None = None) -> Render:
    """A function that renders a template; support lines and the token of forms stand on every page."""
    environment = Environment(
        loader=PackageLoader("surveillance.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "spaced": words.spaced,
        "title_words": words.title,
        "on_day": wording.on_day,
        "without_number": lambda path: ".".join(part for part in path.split(".") if not part.isdigit()),
        "local": lambda moment, zone: words.at_time(moment, ZoneInfo(zone)),
    }
    environment.globals |= {
        "plural": words.plural,
        "over_days": wording.over_days,
        "map_legend": LEGEND,
        "ratio_words": ratio_words,
    }
    lines = support_lines(source.use_cases)

    def render(template: str, person: Person | None = None, status: int = 200, **values: Any) -> HTMLResponse:
        of_every_page = {
            "support_lines": lines,
            "status": status,
            "person": person,
            "links": _links(person),
            "csrf": _form_token(door),
        }
        return HTMLResponse(environment.get_template(template).render(of_every_page | values), status)

    return render


def _form_token(door: Door | None) -> str:
    """What the forms of this visit carry; empty where there is no session."""
    visit = VISIT.get()
    if visit is None or visit.session is None or not isinstance(door, SessionDoor):
        return ""
    return door.seal.csrf(visit.session)


def _links(person: Person | None) -> list[tuple[str, str]]:
    """Title and path of the pages that a person may open."""
    return [(title, path) for title, path, needed in LINKS if person is not None and person.may(needed)]


def _add_health(app: FastAPI, source: AlertSource) -> None:
    @app.get("/health/live", include_in_schema=False)
    def live() -> JSONResponse:
        return JSONResponse({"live": True})

    @app.get("/health/ready", include_in_schema=False)
    def ready() -> JSONResponse:
        is_ready = _unready(source) is None
        return JSONResponse({"ready": is_ready}, status_code=200 if is_ready else 503)


def _unready(source: AlertSource) -> str | None:
    """Why alerts cannot be read now, for whoever runs the service."""
    try:
        return None if source.is_ready() else _NOT_READY
    except Exception as problem:  # whatever keeps us from reading alerts, the answer is: not ready
        log.warning("not ready", problem=said(problem))
        return said(problem) if isinstance(problem, SealFault) else _NOT_READY


def _explain(render: Render) -> Callable[[Request, HTTPException], Response]:
    """An error as a page for people, as JSON below /api. It never repeats what was asked for."""

    def explain(request: Request, problem: HTTPException) -> Response:
        if problem.status_code == 401 and not request.url.path.startswith(API):
            return _to_sign_in(request)
        # Who may not open a page is shown those that they may; the first page is of those who read alerts.
        refused = problem.status_code == 403 and not request.url.path.startswith(API)
        person = request.app.state.door.person(request) if refused else None
        if request.url.path == "/" and (links := _links(person)) and "hx-request" not in request.headers:
            return RedirectResponse(links[0][1], 303)
        answer = _problem(request, problem.status_code, render, person)
        answer.headers.update(problem.headers or {})
        if problem.status_code == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    return explain


def _to_sign_in(request: Request) -> Response:
    """To the sign-in page, and from there back. A page's own requests are told to load the page anew."""
    path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    where = "/sign-in" if request.method not in READS else f"/sign-in?{urlencode({'next': path})}"
    if "hx-request" in request.headers:
        return Response(status_code=401, headers={"HX-Redirect": "/sign-in", "WWW-Authenticate": "Session"})
    if "text/event-stream" in request.headers.get("accept", ""):
        return Response(status_code=401, headers={"WWW-Authenticate": "Session"})
    return RedirectResponse(where, 303)


_MENDS: Mapping[int, tuple[str, str]] = {
    413: ("body", "is larger than what is taken here: send it in parts"),
    415: ("Content-Type", "is none that is read here: send one of those that Accept-Post names"),
    429: ("rate", "was too much in a minute: send it again after as many seconds as Retry-After says"),
    507: ("body", "finds no room at the moment: send it again after as many seconds as Retry-After says"),
}
"""What a program can do about a status, by what it has to mend."""


def _problem(request: Request, status: int, render: Render, person: Person | None = None) -> Response:
    if request.url.path.startswith(("/api/", "/health/")):
        mend = _MENDS.get(status)
        faults = {} if mend is None else {"faults": [{"field": mend[0], "problem": mend[1]}]}
        return Response(json.dumps({"error": status} | faults), status, media_type="application/json")
    return render("problem.html", person, status=status)
