"""Signing in and keeping accounts in a real browser, which sends the origin and obeys the policy."""

import socket
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from providers import provider_at, real_provider
from visiting import PASSWORD, Service, copy_of, make_service

from small_house import load_house

pytestmark = pytest.mark.browser

SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture
def site(tmp_path: Path, sqlite_template: Path) -> Iterator[tuple[str, Service]]:
    """A service on a free loopback port that knows a real identity provider."""
    with real_provider() as provider, socket.socket() as listening:
        provider.knows("s-1", email="lead-7@example.org", groups=["leads-north"])
        listening.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        store = copy_of(sqlite_template, tmp_path)
        service = make_service(
            load_house(tmp_path / "house"), store, web_url=url, provider=provider_at(provider.issuer)
        )
        server = uvicorn.Server(uvicorn.Config(service.app, log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start within 10 s"
            time.sleep(0.01)
        yield url, service
        server.should_exit = True
        thread.join(10)
        store.close()


def sign_in(page: Page, url: str, name: str, password: str = PASSWORD) -> None:
    page.goto(f"{url}/account")
    page.get_by_text("Sign in with an account of this service").click()
    page.get_by_label("Account").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_an_operator_signs_in_keeps_accounts_and_leaves(chromium: Browser, site: tuple[str, Service]) -> None:
    url, service = site
    service.account("operator", "operator")
    page = chromium.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    sign_in(page, url, "operator")
    expect(page).to_have_url(f"{url}/account")
    page.goto(f"{url}/accounts")
    page.get_by_label("Account").fill("lead-1@example.org")
    page.get_by_label("Role").select_option("lead")
    for every in page.get_by_label("All, those to come included").all():
        every.check()
    page.get_by_role("button", name="Add the account").click()
    expect(page.get_by_role("status")).to_contain_text("The password of lead-1@example.org")
    page.get_by_role("link", name="lead-1@example.org").click()
    page.get_by_role("button", name="Disable the account").click()
    expect(page.get_by_text("Disabled")).to_be_visible()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page).to_have_url(f"{url}/sign-in")
    page.goto(f"{url}/accounts")
    expect(page).to_have_url(f"{url}/sign-in?next=%2Faccounts")
    assert said == []
    page.close()


def test_a_lead_signs_in_at_the_provider(chromium: Browser, site: tuple[str, Service]) -> None:
    url, _ = site
    page = chromium.new_page()
    page.goto(f"{url}/account")
    page.get_by_role("link", name="Sign in with Invented Trust").click()
    page.locator("input[name=sub]").fill("s-1")
    page.locator("button[type=submit]").first.click()
    expect(page).to_have_url(f"{url}/account")
    expect(page.get_by_role("heading", name="Your account")).to_be_visible()
    expect(page.get_by_text("Lead").first).to_be_visible()
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_pages_fit_their_screen(
    chromium: Browser, site: tuple[str, Service], screenshots: Path, scheme: str, size: str
) -> None:
    url, service = site
    service.account("operator@example.org", "operator")
    service.account("lead-1@example.org", "lead:north", "viewer")
    service.register.make_token("lead-1@example.org", "weekly figures for the board", "operator")
    width, height = SIZES[size]
    context = chromium.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{url}/sign-in")
    page.screenshot(path=screenshots / f"sign-in-{size}-{scheme}.png", full_page=True)
    sign_in(page, url, "operator@example.org", "wrong")
    expect(page.get_by_role("alert")).to_contain_text("not an account and its password")
    page.screenshot(path=screenshots / f"sign-in-wrong-{size}-{scheme}.png", full_page=True)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    for name, path in {
        "accounts": "/accounts",
        "account": "/accounts/lead-1@example.org",
        "own-account": "/account",
    }.items():
        page.goto(f"{url}{path}")
        page.screenshot(path=screenshots / f"{name}-{size}-{scheme}.png", full_page=True)
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    context.close()
