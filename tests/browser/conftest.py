"""A real server and a real Chromium for the pages."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Error, Playwright, sync_playwright

from plugins.absent import absent
from served import served
from surveillance.web.app import make_web
from surveillance.web.source import AlertSource

sys.path.insert(0, str(Path(__file__).parents[1] / "web"))

from invented import DESK

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Without a graphics card Chromium has WebGL only where it is told to do it in software.
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
)
Serve = Callable[[AlertSource], AbstractContextManager[str]]


# Per module: while Playwright runs, its event loop is this thread's, and no other test could start one.
@pytest.fixture(scope="module")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="module")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    """Chromium with an empty profile."""
    browser = _launch(playwright)
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def chromium_without_webgl(playwright: Playwright) -> Iterator[Browser]:
    """Chromium that can move no map."""
    browser = _launch(playwright, "--disable-3d-apis")
    yield browser
    browser.close()


def _launch(playwright: Playwright, *flags: str) -> Browser:
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        absent("Chromium", "it is not installed (Debian: apt-get install chromium)")
    try:
        return playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
    except Error as problem:
        absent("Chromium", f"it does not start ({str(problem).splitlines()[0]})")


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Serve a source on a free loopback port; gives the address."""

    @contextmanager
    def serving(source: AlertSource, **options: object) -> Iterator[str]:
        with served(make_web(source, options.pop("desk", DESK), **options)) as address:  # type: ignore[arg-type]
            yield address

    return serving


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: a temporary folder, or SCREENSHOTS_DIR to keep them."""
    kept = os.environ.get("SCREENSHOTS_DIR")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
