"""Every route and every role, made from the routes themselves: what a page needs is what its route says.

A new page is covered without a change here. One that says nothing of what it needs fails, unless it is in
PUBLIC; one whose path has a parameter that is not in PARAMETERS fails with the name of that parameter.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from handing_in_web import new_gateway
from starlette.routing import Mount, Route
from visiting import Answer, Browser, Service, make_service

from small_house import USE_CASE, House, incident, load_house
from surveillance.access.person import Grant
from surveillance.access.role import PERMISSIONS, Permission, Role
from surveillance.configuration import Configuration
from surveillance.deciding import Decision
from surveillance.line_list.record import RecordKey
from surveillance.store.database import Store

OWN, OTHER = "north", "south"
PUBLIC = {
    ("GET", "/api/openapi.json"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/sign-in"),
    ("POST", "/sign-in"),
}
"""What anybody may ask for. Nothing about people stands in it."""

# A route that asks for more than its `needs` once it knows which alert is meant: method, path -> permission.
ALSO_NEEDS: dict[tuple[str, str], Permission] = {}

# Answers to a request without any field that say: you may, but something is missing or does not fit.
MAY = {200, 204, 302, 303, 400, 409, 422}
MEMBER_OF = {OWN: "rec-north-1", OTHER: "rec-south-1"}
PARTNER_OF = {OWN: "alpha", OTHER: "beta"}


@dataclass(frozen=True)
class Asked:
    """One route, with the permission that it needs; None: whoever signed in."""

    method: str
    path: str
    permission: Permission | None
    declared: bool
    everywhere: bool = False  # a role in a part of all scopes and use cases is not enough

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)(?::\w+)?}", self.path)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class World:
    """A service with an alert in each of two scopes, and an account of every role in one of them."""

    service: Service
    alerts: dict[str, str]
    token: str

    def fill(self, asked: Asked, scope: str) -> str:
        """The path with the ids of a scope's things."""
        known = self.parameters(scope)
        if "{name}" in asked.path:
            known["name"] = FORMS[asked.path.split("/")[3]]
        for name in asked.parameters:
            assert name in known, f"{asked}: add `{name}` to World.parameters in tests/web/test_roles.py"
        return re.sub(r"{(\w+)(?::\w+)?}", lambda found: known[found[1]], asked.path)

    def parameters(self, scope: str) -> dict[str, str]:
        """Path parameter -> an id of this scope. Those of no scope are the same for each."""
        return {
            "alert_id": self.alerts[scope],
            "scope": scope,
            "scope_id": scope,
            "use_case": USE_CASE,
            "use_case_id": USE_CASE,
            "partner": PARTNER_OF[scope],
            "kind": "incident",
            "record_id": MEMBER_OF[scope],
            "revision": "1",
            "account_id": "somebody",
            "token_id": self.token,
            "level": "area",
            "upload": "0" * 16 + "-" + "0" * 16,
            "submission": "0" * 16 + "-" + "0" * 16,
            "topic": "incidents",
            "version": "1.0.0",
            "document": "asyncapi.yaml",
        }


FORMS = {"acts": "assign", "decisions": "note"}
"""Forms of an alert that are offered whatever its state, by the part of the path before their name."""
NOT_IN_THIS_WORLD = {
    "/api/scopes/{scope}/areas.geojson",
    "/api/scopes/{scope}/outlines.geojson",
    "/api/scopes/{scope}/outlines/{level}.geojson",
    "/reports/weekly.pdf",
    "/alerts/{alert_id}/report.pdf",
    "/api/partners/{partner}/submissions/{submission}",
    "/partners/{partner}/submissions/{submission}",
    "/partners/{partner}/uploads/{upload}",
    "/partners/{partner}/uploads/{upload}/columns",
    "/partners/{partner}/uploads/{upload}/send",
    "/partners/{partner}/uploads/{upload}/remove",
}
"""Its areas have no boundaries, nobody prints, nothing was handed in: what asks for them gets nothing in its
own scope either."""

OF_A_SCOPE = {"alert_id", "scope", "scope_id", "record_id"}


def _needed(dependant: Any) -> Iterator[Any]:
    for below in dependant.dependencies:
        if hasattr(below.call, "permission"):
            yield below.call
        yield from _needed(below)


def routes_of(routes: Any, prefix: str = "") -> Iterator[Asked]:
    """Every route of an application, those of routers in it included."""
    for route in routes:
        if isinstance(route, APIRoute):
            needed = list(_needed(route.dependant))
            for method in sorted(route.methods - {"HEAD"}):
                permission, everywhere = (
                    (needed[0].permission, needed[0].everywhere) if needed else (None, False)
                )
                yield Asked(method, prefix + route.path, permission, bool(needed), everywhere)
        elif hasattr(route, "original_router"):
            yield from routes_of(route.original_router.routes, prefix + route.include_context.prefix)
        elif isinstance(route, Route):
            for method in sorted((route.methods or set()) - {"HEAD"}):
                yield Asked(method, prefix + route.path, None, False)
        else:
            assert isinstance(route, Mount), f"a kind of route that this test does not know: {route!r}"
            assert route.path == "/static", f"what is mounted at {route.path} is covered by no test"


@pytest.fixture(scope="module")
def two_scopes(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    return load_house(tmp_path_factory.mktemp("two-scopes"))


@pytest.fixture(scope="module")
def world(
    two_scopes: Configuration, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    path = tmp_path_factory.mktemp("world") / "world.db"
    path.write_bytes(sqlite_template.read_bytes())
    store = Store.open(f"sqlite:///{path}")
    house = House(two_scopes, store)
    for s, partner in PARTNER_OF.items():
        reports = (incident(f"rec-{s}-{i}", partner=partner, area=f"{s[0]}{i}") for i in (1, 2))
        house.report(*reports, partner=partner)
    gateway = new_gateway(two_scopes, path.parent, "127.0.0.1:1")
    service = make_service(two_scopes, store, now=house.now, gateway=gateway)
    alerts = {scope: _opened(house, service, scope) for scope in (OWN, OTHER)}
    for role in Role:
        own = f"{role}:{OWN}:*:alpha" if role is Role.PARTNER else f"{role}:{OWN}"
        service.account(f"{role}-1", own)
        service.account(f"{role}-of-all", str(role))
    service.account("somebody", "viewer")
    token = service.register.make_token("somebody", "a program", "test").split("_")[1]
    yield World(service, alerts, token)
    store.close()


def _opened(house: House, service: Service, scope: str) -> str:
    from surveillance.deciding import Desk

    desk = Desk(house.configuration, house.store)
    records = [RecordKey(PARTNER_OF[scope], "incident", f"rec-{scope}-{i}") for i in (1, 2)]
    why = Decision("service", service.clock[0], "seen by a person")
    return desk.open(USE_CASE, scope, "watch", records, why).id


@cache
def browsers(service: int) -> dict[str, Browser]:
    """Sessions are begun once: the matrix asks hundreds of times."""
    del service
    return {}


def ask(world: World, who: str | None, asked: Asked, scope: str) -> Answer:
    """The request of a person, with the token of their forms and no other field."""
    path = world.fill(asked, scope)
    if who is None:
        return _send(world.service.browser(), asked.method, path, None)
    kept = browsers(id(world))
    if who not in kept or kept[who].get("/account").status != 200:  # a route may have signed them out
        kept[who] = world.service.signed_in(who)
    return _send(kept[who], asked.method, path, kept[who].csrf)


def _send(browser: Browser, method: str, path: str, csrf: str | None) -> Answer:
    headers = {} if csrf is None else {"x-csrf": csrf}
    return browser.ask(method, path, headers)


def every_route(world: World) -> list[Asked]:
    return list(dict.fromkeys(routes_of(world.service.app.routes)))


def guarded(world: World) -> list[Asked]:
    return [asked for asked in every_route(world) if asked.declared]


def nothing_for(asked: Asked) -> set[int]:
    return {404, 501} if asked.path in NOT_IN_THIS_WORLD else set()


def allowed(asked: Asked, role: Role) -> bool:
    needed = {asked.permission, ALSO_NEEDS.get((asked.method, asked.path))} - {None}
    return needed <= PERMISSIONS[role]  # type: ignore[operator]


def test_every_route_says_what_it_needs_or_is_public(world: World) -> None:
    silent = {(a.method, a.path) for a in every_route(world) if not a.declared}
    assert silent - PUBLIC == set(), "give these routes `needs(...)`"
    assert len(guarded(world)) > 10, "the walk over the routes finds them"


def test_who_has_not_signed_in_gets_nothing(world: World) -> None:
    for asked in guarded(world):
        path = world.fill(asked, OWN)
        answer = _send(world.service.browser(), asked.method, path, None)
        if asked.method != "GET":
            assert answer.status == 403, f"{asked}: a form without a session"
        elif path.startswith("/api/"):
            assert (answer.status, answer.json) == (401, {"error": 401}), asked
        else:
            assert answer.status == 303, asked
            assert (answer.header("location") or "").startswith("/sign-in?next="), asked
        assert all(name.encode() not in answer.body for name in MEMBER_OF.values()), asked


@pytest.mark.parametrize("role", list(Role))
def test_a_role_gets_what_its_permissions_say_in_its_own_scope(world: World, role: Role) -> None:
    for asked in guarded(world):
        status = ask(world, f"{role}-1", asked, OWN).status
        if asked.everywhere or not allowed(asked, role):
            # The first page sends on to the first one that the role may see.
            refused = 303 if asked.path == "/" else 403
            assert status == refused, f"{asked} by {role}: {status}"
        else:
            assert status in MAY | nothing_for(asked), f"{asked} by {role}: {status}"


@pytest.mark.parametrize("role", list(Role))
def test_nothing_of_another_scope_is_there_for_anybody(world: World, role: Role) -> None:
    for asked in guarded(world):
        answer = ask(world, f"{role}-1", asked, OTHER)
        if allowed(asked, role) and OF_A_SCOPE & set(asked.parameters):
            assert answer.status == 404, f"{asked} of another scope by {role}: {answer.status}"
        for name in (MEMBER_OF[OTHER], world.alerts[OTHER]):
            assert name.encode() not in answer.body, f"{asked} by {role} tells of another scope"


@pytest.mark.parametrize("role", list(Role))
def test_an_id_of_another_scope_is_answered_as_one_that_does_not_exist(world: World, role: Role) -> None:
    for asked in guarded(world):
        if "alert_id" not in asked.parameters:
            continue
        there = ask(world, f"{role}-1", asked, OTHER)
        path = world.fill(asked, OTHER).replace(world.alerts[OTHER], "no-such-alert")
        kept = browsers(id(world))[f"{role}-1"]
        nowhere = _send(kept, asked.method, path, kept.csrf)
        assert (there.status, there.body) == (nowhere.status, nowhere.body), asked


def test_nothing_of_another_partner_is_there_for_a_partner(world: World) -> None:
    for asked in guarded(world):
        there = ask(world, "partner-1", asked, OTHER)
        assert b"Clinic beta" not in there.body, f"{asked} tells a partner of another"
        if "partner" in asked.parameters:
            path = world.fill(asked, OTHER).replace("beta", "no-such-partner")
            kept = browsers(id(world))["partner-1"]
            nowhere = _send(kept, asked.method, path, kept.csrf)
            assert there.status in (403, 404), f"{asked}: {there.status}"
            assert (there.status, there.body) == (nowhere.status, nowhere.body), asked


@pytest.mark.parametrize("role", list(Role))
def test_every_role_lands_on_a_page_that_it_may_see(world: World, role: Role) -> None:
    browser = world.service.signed_in(f"{role}-1")
    landed = browser.get("/")
    if landed.status == 303:
        landed = browser.get(landed.header("location") or "")
    assert landed.status == 200
    if role is Role.PARTNER:
        assert "Send records</h1>" in landed.text


@pytest.mark.parametrize("role", list(Role))
def test_what_needs_a_role_in_all_scopes_is_given_to_it(world: World, role: Role) -> None:
    for asked in guarded(world):
        if asked.everywhere:
            status = ask(world, f"{role}-of-all", asked, OWN).status
            assert (status in MAY) == allowed(asked, role), f"{asked} by {role}: {status}"


def test_a_token_opens_the_api_and_nothing_else(world: World) -> None:
    world.service.register.enable("somebody", "test")
    world.service.account("deputised", f"lead:{OWN}")
    token = world.service.register.make_token("deputised", "a program", "test")
    browser = world.service.browser()
    for asked in guarded(world):
        answer = browser.ask(asked.method, world.fill(asked, OWN), {"authorization": f"Bearer {token}"})
        if not asked.path.startswith("/api/"):
            assert answer.status in (303, 401), f"{asked}: {answer.status}"
        elif allowed(asked, Role.LEAD) and not asked.everywhere:
            assert answer.status in MAY | nothing_for(asked), f"{asked}: {answer.status}"
        else:
            assert answer.status == 403, f"{asked}: {answer.status}"


def test_every_form_is_refused_without_its_token_whoever_sends_it(world: World) -> None:
    world.service.account("everything", *(str(Grant(role)) for role in Role))
    browser = world.service.signed_in("everything")
    forms = [asked for asked in every_route(world) if asked.method != "GET"]
    assert forms
    for asked in forms:
        path = world.fill(asked, OWN)
        for headers in ({}, {"x-csrf": "0" * 64}):
            assert browser.ask(asked.method, path, headers).status == 403, asked


def test_head_is_answered_as_get_is_without_the_body(world: World) -> None:
    browser = world.service.signed_in("lead-1")
    for asked in every_route(world):
        if asked.method == "GET":
            head = browser.ask("HEAD", world.fill(asked, OWN))
            assert (head.status, head.body) == (browser.get(world.fill(asked, OWN)).status, b""), asked
