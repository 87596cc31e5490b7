"""The line list, a record and the reports in Chromium: readable on desktop and phone, in light and dark."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser
from test_lead_pages import CONTRAST, SCHEMES, SIZES, opened

from small_house import incident

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from stored_web import LEAD, StoredWeb

pytestmark = pytest.mark.browser

PAGES = {
    "cases": "/cases",
    "cases-withdrawn": "/cases?reason=withdrawn",
    "cases-none": "/cases?sex=other",
    "cases-fault": "/cases?first=2250-06-30&last=2250-06-01",
    "record": "/cases/alpha/incident/r-gone",
    "weekly": "/reports/weekly?week=2250-W25&scope=north",
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    web = StoredWeb.build(tmp_path_factory.mktemp("cases"))
    school = [incident(f"r-{i}", days_ago=9 + i, school="school-77", person=i + 1, age=16) for i in range(4)]
    others = [incident(f"o-{i:03}", days_ago=i % 50, area=f"n{1 + i % 4}", age=i) for i in range(70)]
    web.house.report(*school, *others, incident("r-gone", days_ago=5, area="n3"))
    web.house.report(incident("again", days_ago=9, person=1, age=16, partner="beta"), partner="beta")
    web.house.now = web.house.now.replace(hour=20)
    web.house.report(
        incident("r-gone", days_ago=5, area="n3", version=2, action="withdrawn", status="withdrawn")
    )
    web.house.evaluate()
    with served(web) as url:
        yield url
    web.house.store.close()


@contextmanager
def served(web: StoredWeb) -> Iterator[str]:
    """The pages on a free loopback port."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(web.app(LEAD), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 20
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start within 20 s"
            time.sleep(0.01)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_its_screen_stands_out_and_asks_nobody_else(
    chromium: Browser, address: str, screenshots: Path, name: str, size: str, scheme: str
) -> None:
    with opened(chromium, address, size, scheme) as seen:
        seen.page.goto(address + PAGES[name])
        seen.page.screenshot(path=screenshots / f"{name}-{size}-{scheme}.png", full_page=True)
        wide = seen.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert wide <= 0, "the page scrolls sideways"
        assert len(seen.errors) == ("fault" in name), seen.errors
        assert seen.outside == []
        assert seen.page.evaluate(CONTRAST) == []


def test_a_filter_is_kept_from_page_to_page(chromium: Browser, address: str) -> None:
    with opened(chromium, address) as seen:
        seen.page.goto(address + "/cases")
        seen.page.get_by_label("Order").select_option("day")
        seen.page.get_by_label("Area, of any level").fill("north")
        seen.page.get_by_role("button", name="Show").click()
        first = seen.page.locator("table.cases tbody th").all_inner_texts()
        seen.page.get_by_role("link", name="Next 50").click()
        second = seen.page.locator("table.cases tbody th").all_inner_texts()
        assert (len(first), len(second)) == (50, 25)
        assert not set(first) & set(second)
        assert seen.page.get_by_label("Area, of any level").input_value() == "north"


def test_an_export_is_a_file_without_a_place_in_its_name(chromium: Browser, address: str) -> None:
    with opened(chromium, address) as seen:
        seen.page.goto(address + "/cases?area=n1")
        seen.page.get_by_label("Purpose (name nobody in it)").fill("review of the week")
        with seen.page.expect_download() as download:
            seen.page.get_by_role("button", name="Export the line list").click()
        assert download.value.suggested_filename.startswith("line-list-")
        assert "n1" not in download.value.suggested_filename
