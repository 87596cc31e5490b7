"""Every page of the application in Chromium, found by its routes: a page that is added is looked at as well.

For everybody (axe finds nothing, no page scrolls sideways on a phone), and asking nobody else.
"""

import itertools
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser
from watching import CONTRAST, SCHEMES, SIZES, Watched, opened

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from acting_house import PLAN, key
from handing_in_web import new_gateway
from test_roles import routes_of
from visiting import AUDIT_KEY, PASSWORD, Service, copy_of, make_service

from served import served_at
from small_house import USE_CASE, House, background, incident, load_house
from surveillance.alerting.workflow import Act, Details, Outcome
from surveillance.cli.pages import people_of
from surveillance.deciding import Decision, Desk
from surveillance.web.acting import PATHS

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WHO, HARMLESS = "everything@example.org", {200, 204, 303}
ENDLESS = {"/events"}
NOT_HERE = (
    (r"/alerts/[^/]+/(acts|decisions)/", 404),  # a form that the alert does not have in its state
    (r"/alerts/[^/]+/add$", 404),
    (r"/(uploads|submissions)/0", 404),  # nobody handed these in
    (r"\.geojson$", 404),  # these areas have no boundaries
    (r"\.pdf$", 501),  # nobody prints here, and a page says so
)
"""Which other answers are right in this world, by the path."""
UNSTYLED = """[...document.querySelectorAll("main svg :is(rect[class], circle[class], path.area)")]
  .filter((e) => e.checkVisibility() && getComputedStyle(e).fill === "rgb(0, 0, 0)")
  .map((e) => `black, for want of a style: ${e.localName}.${e.getAttribute("class")}`)"""
"""What is drawn, and what no style sheet of the page gives a colour."""
MORE = (
    "/?view=finished",
    "/?view=overdue&severity=none",
    f"/alerts/new?what={USE_CASE}/north",
    "/cases?reason=withdrawn",
    "/cases?sex=other",
    "/cases?area=n1&place=incident",
    f"/overview?use_case={USE_CASE}&scope=north&numbers=published",
    "/reports/weekly?week=2250-W25&scope=north",
)
"""The same pages with something asked for."""


@dataclass(frozen=True)
class Site:
    """The pages, their paths, and a session of somebody who may see them all."""

    address: str
    paths: tuple[str, ...]
    session: Any


@pytest.fixture(scope="module")
def site(
    chromium: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    directory = tmp_path_factory.mktemp("every-page")
    configuration = load_house(directory / "house", response_plan=PLAN)
    store = copy_of(sqlite_template, directory)
    house = House(configuration, store)
    made: list[Service] = []

    def make(address: str) -> Any:
        gateway = new_gateway(configuration, directory, "127.0.0.1:1")
        options: dict[str, Any] = {"people": people_of(store), "gateway": gateway}
        made.append(make_service(configuration, store, web_url=address, now=house.now, **options))
        return made[0].app

    with served_at(make) as address:
        (service,) = made
        service.account(WHO, "lead", "operator", "partner:*:*:alpha")
        token = service.register.make_token(WHO, "weekly figures for the board", "operator").split("_")[1]
        known = _a_day(house, service) | {"token_id": [token], "account_id": [WHO]}
        session = _session(chromium, address)
        yield Site(address, tuple(_pages(chromium, address, session, _paths(service, known))), session)
    store.close()


def _a_day(house: House, service: Service) -> dict[str, list[str]]:
    """One alert in response and one that is finished; gives the ids that paths are made of."""
    house.ingest(*background())
    cases = [incident(f"rec-{i}", days_ago=i, person=i + 1, age=15 + i, school="school-1") for i in range(4)]
    house.report(*cases, *(incident(f"south-{i}", area="s1") for i in range(3)))
    house.report(incident("again", days_ago=1, person=2, age=16, partner="beta"), partner="beta")
    house.evaluate()
    desk = Desk(house.configuration, house.store, AUDIT_KEY)
    north, south = (next(a for a in house.alerts() if a.scope == scope) for scope in ("north", "south"))
    why = Decision("lead@example.org", house.now, "seen by the group")
    for act in (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND):
        desk.move(north.id, act, why)
    desk.note(north.id, "The group met and spoke with the partners.", why)
    desk.move(south.id, Act.DISMISS, why)
    desk.move(south.id, Act.CLOSE, why, Details(Outcome.NOT_A_CLUSTER))
    house.report(incident("rec-3", days_ago=3, version=2, action="withdrawn", status="withdrawn"))
    house.now += timedelta(minutes=5)
    service.clock[0] = house.now
    house.evaluate()
    ids = {"partner": "alpha", "kind": "incident", "record_id": "rec-1", "revision": "1", "level": "area"}
    ids |= {"topic": "incidents", "version": "1.0.0", "document": "asyncapi.yaml"}
    ids |= dict.fromkeys(("upload", "submission"), "0" * 16 + "-" + "0" * 16)
    of_scope = {"scope": "north", "use_case": USE_CASE}
    return {name: [value] for name, value in (ids | of_scope).items()} | {"alert_id": [north.id, south.id]}


def _paths(service: Service, known: dict[str, list[str]]) -> Iterator[str]:
    """Every path of a GET route, with the ids of this world; forms of an alert by all of their names."""
    for asked in routes_of(service.app.routes):
        if asked.method != "GET" or asked.path in ENDLESS:
            continue
        named = known
        for _, (part, deeds) in PATHS.items():
            if f"/{part}/{{name}}" in asked.path:
                named = known | {"name": [deed.name + _asks(deed.name) for deed in deeds]}
        for name in asked.parameters:
            assert name in named, f"{asked}: say in _a_day what `{name}` is"
        for values in itertools.product(*(named[name] for name in asked.parameters)):
            left = iter(values)
            yield re.sub(r"{\w+(?::\w+)?}", lambda _, left=left: next(left), asked.path)
    yield from MORE


def _asks(deed: str) -> str:
    """What a form must be told of: which records, or which task."""
    pair = urlencode({"first": str(key("rec-1")), "second": "beta/incident/again"})
    return {"duplicate": f"?{pair}", "resolve-task": "?task=1", "assign-task": "?task=1"}.get(deed, "")


def _session(chromium: Browser, address: str) -> Any:
    with opened(chromium, address) as seen:
        seen.page.goto(f"{address}/sign-in")
        seen.page.get_by_label("Account").fill(WHO)
        seen.page.get_by_label("Password").fill(PASSWORD)
        seen.page.get_by_role("button", name="Sign in").click()
        seen.page.wait_for_url(f"{address}/")
        return seen.page.context.storage_state()


def _pages(chromium: Browser, address: str, session: Any, paths: Iterator[str]) -> Iterator[str]:
    """Those that answer with HTML; every one of them must answer."""
    with opened(chromium, address, storage_state=session) as seen:
        for path in paths:
            answer = seen.page.request.get(address + path)
            right = HARMLESS | {status for pattern, status in NOT_HERE if re.search(pattern, path)}
            assert answer.status in right, f"{path}: {answer.status}"
            if answer.status != 404 and answer.headers.get("content-type", "").startswith("text/html"):
                yield path


def _faults(seen: Watched, path: str, file: Path) -> list[str]:
    """What is wrong with a page as it is shown."""
    seen.errors.clear()
    answer = seen.page.goto(path, wait_until="load")
    seen.page.screenshot(path=file, full_page=True)
    status = answer.status if answer else 0
    said = [e for e in seen.errors if not (status == 501 and "501" in e)]
    wide = [f"{seen.too_wide()} px too wide"] if seen.too_wide() else []
    return [*seen.faults(), *seen.page.evaluate(CONTRAST), *seen.page.evaluate(UNSTYLED), *said, *wide]


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
def test_every_page_is_for_everybody_and_asks_nobody_else(
    chromium: Browser, site: Site, screenshots: Path, size: str, scheme: str
) -> None:
    assert len(site.paths) > 30, "the walk over the routes finds them"
    found: dict[str, list[str]] = {}
    with opened(chromium, site.address, size, scheme, storage_state=site.session) as seen:
        for number, path in enumerate(site.paths):
            file = screenshots / f"every-{number:02}-{_short(path)}-{size}-{scheme}.png"
            found[path] = _faults(seen, site.address + path, file)
        assert seen.outside == []
    with opened(chromium, site.address, size, scheme) as seen:
        found["/sign-in"] = _faults(
            seen, f"{site.address}/sign-in", screenshots / f"sign-in-{size}-{scheme}.png"
        )
    assert {path: faults for path, faults in found.items() if faults} == {}


def _short(path: str) -> str:
    return re.sub(r"[^a-z]+", "-", re.sub(r"[0-9a-f-]{36}", "id", path)).strip("-")[:50] or "queue"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_main_pages_hold_in_the_systems_own_colours(
    chromium: Browser, site: Site, screenshots: Path, scheme: str
) -> None:
    """As with a high contrast theme: no background alone says anything, and drawings keep their shades."""
    wanted = re.compile(r"^/($|alerts/[^/]+$|overview|cases$)")
    paths = [path for path in site.paths if wanted.match(path)]
    assert len(paths) >= 5
    found: dict[str, list[str]] = {}
    with opened(
        chromium, site.address, "desktop", scheme, storage_state=site.session,
        forced_colors="active", reduced_motion="reduce",
    ) as seen:  # fmt: skip
        for number, path in enumerate(paths):
            file = screenshots / f"forced-{number:02}-{_short(path)}-{scheme}.png"
            found[path] = _faults(seen, site.address + path, file)
            moving = seen.page.evaluate(
                "document.getAnimations().length + [...document.querySelectorAll('*')].filter("
                "(e) => parseFloat(getComputedStyle(e).transitionDuration) > 0).length"
            )
            assert moving == 0, path
    with opened(chromium, site.address, "desktop", scheme, forced_colors="active") as seen:
        found["/sign-in"] = _faults(
            seen, f"{site.address}/sign-in", screenshots / f"forced-sign-in-{scheme}.png"
        )
    assert {path: faults for path, faults in found.items() if faults} == {}
