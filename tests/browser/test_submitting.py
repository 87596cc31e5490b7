"""Handing in records in Chromium: a file dropped on the page, for everybody, without scripts too."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from watching import Watched, opened

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from handing_in_web import ROW, new_gateway, table
from visiting import PASSWORD, Service, copy_of, make_service

from served import served_at
from small_house import load_house

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WHO = "reporter@example.org"
DROP = """async ([name, text]) => {
  const given = new DataTransfer();
  given.items.add(new File([text], name));
  const place = document.querySelector("[data-drop]");
  place.dispatchEvent(new DragEvent("drop", {dataTransfer: given, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def site(
    chromium: Browser, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Any]]:
    """An address, and a session of somebody who hands in for alpha, whose broker is away."""
    directory = tmp_path_factory.mktemp("submitting")
    configuration = load_house(directory / "house")
    store = copy_of(sqlite_template, directory)
    made: list[Service] = []

    def make(address: str) -> Any:
        gateway = new_gateway(configuration, directory, "127.0.0.1:1")
        made.append(make_service(configuration, store, web_url=address, gateway=gateway))
        return made[0].app

    with served_at(make) as address:
        made[0].account(WHO, "partner:*:*:alpha")
        with opened(chromium, address) as seen:
            seen.page.goto(f"{address}/sign-in")
            seen.page.fill("[name=name]", WHO)
            seen.page.fill("[name=password]", PASSWORD)
            seen.page.click("main button")
            session = seen.page.context.storage_state()
        yield address, session
    store.close()


def faultless(seen: Watched) -> None:
    """Nothing that axe finds, nothing wider than the screen, no error, nobody else asked."""
    assert (seen.faults(), seen.too_wide(), seen.errors, seen.outside) == ([], 0, [], [])


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "dark"), ("phone", "light")])
def test_a_file_is_dropped_and_its_columns_chosen_and_a_form_says_what_is_wrong(
    chromium: Browser, site: tuple[str, Any], size: str, scheme: str
) -> None:
    address, session = site
    with opened(chromium, address, size, scheme, storage_state=session) as seen:
        page = seen.page
        page.goto(f"{address}/send")
        faultless(seen)
        page.click("text=Send a file")
        faultless(seen)
        text = table(ROW).decode("utf-8-sig").replace("Seen", "occurred_from").replace("Case No", "Record ID")
        page.evaluate(DROP, ["cases.csv", text])
        page.click("text=Look at it")
        page.locator("text=1 row of 1 cannot be sent").wait_for()
        page.locator("main table >> text=reported_at").first.wait_for()
        page.select_option("[name=reported_at]", "Told")
        page.click("text=Read it again")
        page.locator("main table >> text=This is needed").first.wait_for()  # the category still
        assert page.locator("select[name=reported_at]").input_value() == "Told"
        page.goto(f"{address}/partners/alpha/records/new")
        faultless(seen)
        page.click("text=Send the incident")
        page.locator("[aria-invalid=true]").nth(3).wait_for()
        assert seen.faults() == []


def test_without_scripts_the_page_takes_a_file_as_well(
    chromium: Browser, site: tuple[str, Any], tmp_path: Path
) -> None:
    address, session = site
    (tmp_path / "cases.csv").write_bytes(table(ROW))
    with opened(chromium, address, storage_state=session, java_script_enabled=False) as seen:
        seen.page.goto(f"{address}/partners/alpha/uploads")
        seen.page.set_input_files("#file", tmp_path / "cases.csv")
        seen.page.click("text=Look at it")
        seen.page.locator("h1 >> text=Look at the file").wait_for()


@pytest.mark.parametrize(("size", "scheme"), [("desktop", "light"), ("phone", "dark")])
def test_another_entry_is_asked_for_without_scripts(
    chromium: Browser, site: tuple[str, Any], size: str, scheme: str
) -> None:
    address, session = site
    with opened(chromium, address, size, scheme, storage_state=session) as seen:
        page = seen.page
        page.goto(f"{address}/partners/alpha/records/new?topic=incidents")
        page.click("summary >> text=Settings")
        page.fill("[name='settings.0.identifier']", "s-1")
        page.click("text=Add another: settings")
        page.locator("[name='settings.1.type']").wait_for()
        assert page.locator("[name='settings.0.identifier']").input_value() == "s-1"
        page.check("[name=test]")
        faultless(seen)
