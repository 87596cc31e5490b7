"""The overview in Chromium: its map and time line are drawn, fit every screen and ask nobody else."""

import shutil
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect
from watching import AXE, CONTRAST, RUN_AXE

from overview_cases import store_cases
from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.configuration import load_configuration
from surveillance.deciding import Desk
from surveillance.releasing import release_history
from surveillance.store.database import Store
from surveillance.web.app import make_web
from surveillance.web.house import OpenDoor
from surveillance.web.reading import Reading

pytestmark = pytest.mark.browser

NOW, TODAY = datetime(2026, 3, 10, 14, 5, tzinfo=UTC), date(2026, 3, 10)
USE_CASE, KEY = "self-harm-admissions", b"a key of thirty-two bytes or more"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
LIVE = f"use_case={USE_CASE}&level=area"
UNIT = f"use_case={USE_CASE}&level=msoa&unit=E02001332"
PUBLISHED = f"use_case={USE_CASE}&numbers=published&first=2024-01-01&last=2025-12-31"


@pytest.fixture(scope="module")
def address(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    path = tmp_path_factory.mktemp("overview") / "house.db"
    shutil.copyfile(sqlite_template, path)
    store, configuration = Store.open(f"sqlite:///{path}"), load_configuration(Path("config"))
    store_cases(store, configuration, USE_CASE, TODAY, days=799, number=8_000)
    release_history(store, configuration, date(2024, 1, 1), NOW, KEY)
    door = OpenDoor(Person("lead@example.org", (Grant(Role.LEAD),)))
    app = make_web(
        Reading(configuration, store), Desk(configuration, store), door=door, now=lambda: NOW, audit_key=KEY
    )
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start within 20 s"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)
    store.close()


def opened(
    browser: Browser, size: str = "desktop", scheme: str = "light"
) -> tuple[Page, list[str], list[str]]:
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    errors: list[str] = []
    asked: list[str] = []
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda problem: errors.append(str(problem)))
    page.on("request", lambda request: asked.append(request.url))
    return page, errors, asked


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "query"), [("live", LIVE), ("one-area", UNIT), ("published", PUBLISHED)], ids=lambda v: v[:9]
)
def test_the_overview_fits_its_screen_and_asks_nobody_else(
    chromium: Browser, address: str, screenshots: Path, name: str, query: str, size: str, scheme: str
) -> None:
    page, errors, asked = opened(chromium, size, scheme)
    page.goto(f"{address}/overview?{query}")
    expect(page.locator("#map[data-drawn-ms]")).to_be_attached(timeout=30_000)
    page.screenshot(path=screenshots / f"overview-{name}-{size}-{scheme}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    faint = [words for words in page.evaluate(CONTRAST) if "maplibregl" not in words]  # not shown until asked
    assert faint == []
    page.evaluate(AXE)
    assert page.evaluate(RUN_AXE) == []
    assert errors == []
    assert all(url.startswith((address, "blob:", "data:")) for url in asked)
    assert page.locator(".time-line canvas").count() == (2 if query == UNIT else 1)
    page.context.close()


def test_the_map_shows_every_area_in_the_colour_of_its_standing(chromium: Browser, address: str) -> None:
    page, errors, _ = opened(chromium)
    page.goto(f"{address}/overview?{LIVE}")
    expect(page.locator("#map[data-drawn-ms]")).to_be_attached(timeout=30_000)
    drawn = page.locator(".map-canvas canvas").screenshot()
    assert len(drawn) > 20_000, "a map of one colour packs into less"
    assert page.locator(".legend li").count() >= 3
    assert errors == []
    page.context.close()


def test_without_scripts_the_page_still_has_every_number(chromium: Browser, address: str) -> None:
    context = chromium.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/overview?{PUBLISHED}&level=lad")
    expect(page.get_by_role("row", name="Liverpool")).to_contain_text("between")
    expect(page.locator("svg[role=img]")).to_be_visible()
    expect(page.locator("#map")).to_be_hidden()
    context.close()
