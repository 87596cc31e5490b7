"""The leads' pages in Chromium: readable on desktop and phone, in light and dark, and asking nobody else."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from invented import NOW, a_full_day
from playwright.sync_api import Browser
from watching import CONTRAST, SCHEMES, SIZES, opened

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(serve: Callable[..., AbstractContextManager[str]]) -> Iterator[str]:
    with serve(a_full_day(), now=lambda: NOW) as url:
        yield url


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("queue", "/"),
        ("alert", "/alerts/c3f1a9d2"),
        ("alert-without-boundaries", "/alerts/9e31f0aa"),
        ("finished", "/?view=finished"),
        ("nothing-found", "/?severity=none"),
        ("revision", "/alerts/c3f1a9d2/revisions/3"),
        ("unknown", "/alerts/none"),
    ],
)
def test_a_page_fits_its_screen_and_asks_nobody_else(
    chromium: Browser, address: str, screenshots: Path, name: str, path: str, size: str, scheme: str
) -> None:
    with opened(chromium, address, size, scheme) as seen:
        seen.page.goto(address + path)
        seen.page.screenshot(path=screenshots / f"{name}-{size}-{scheme}.png", full_page=True)
        assert seen.too_wide() == 0, "the page scrolls sideways"
        assert seen.faults() == []
        expected = ["404"] if name == "unknown" else []
        assert len(seen.errors) == len(expected), seen.errors
        assert all(code in error for code, error in zip(expected, seen.errors, strict=True))
        assert seen.outside == []


def test_a_lead_comes_from_the_queue_to_the_evidence(chromium_without_webgl: Browser, address: str) -> None:
    with opened(chromium_without_webgl, address) as seen:
        seen.page.goto(address)
        seen.page.get_by_role("link", name="Invented deaths, Cheshire and Merseyside").first.click()
        assert seen.page.get_by_text("8 invented deaths among residents of").first.is_visible()
        assert seen.page.get_by_role("heading", name="Evidence").is_visible()
        assert seen.page.get_by_text("chance alone gives one this strong about once in 500 days").is_visible()
        drawing = seen.page.get_by_role("img", name="Map of the areas of this alert, by residence")
        assert drawing.is_visible()
        assert drawing.locator("path.area").count() == 26  # no WebGL here: the drawing stays
        assert drawing.locator(".outlines path").count() == 9
        box = drawing.locator(".circles circle").first.bounding_box()
        assert box is not None
        assert box["width"] > 50
        assert seen.page.get_by_role("img", name="Cases per day").locator("rect.member").count() == 8
        assert seen.errors == []


def test_the_style_sheet_is_allowed_by_the_content_security_policy(chromium: Browser, address: str) -> None:
    with opened(chromium, address) as seen:
        seen.page.goto(address)
        colour = seen.page.evaluate("getComputedStyle(document.querySelector('.top')).backgroundColor")
        assert colour == "rgb(0, 48, 135)"


def test_the_keyboard_reaches_the_main_content_first(chromium: Browser, address: str) -> None:
    with opened(chromium, address) as seen:
        seen.page.goto(address)
        seen.page.keyboard.press("Tab")
        assert seen.page.evaluate("document.activeElement.textContent") == "Skip to the main content"
        seen.page.keyboard.press("Enter")
        assert seen.page.evaluate("document.activeElement.id") == "main"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", ["/", "/alerts/c3f1a9d2", "/alerts/c3f1a9d2/revisions/3"])
def test_text_stands_out_from_its_paper(chromium: Browser, address: str, path: str, scheme: str) -> None:
    with opened(chromium, address, "desktop", scheme) as seen:
        seen.page.goto(address + path)
        assert seen.page.evaluate(CONTRAST) == []
