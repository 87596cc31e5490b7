"""A real server and a real Chromium for the pages."""

import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Error, sync_playwright

from plugins.absent import absent
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
)
Serve = Callable[[AlertSource], AbstractContextManager[str]]


# Per module: while Playwright runs, its event loop is this thread's, and no other test could start one.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium with an empty profile."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        absent("Chromium", "it is not installed (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        except Error as problem:
            absent("Chromium", f"it does not start ({str(problem).splitlines()[0]})")
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Serve a source on a free loopback port; gives the address."""

    @contextmanager
    def serving(source: AlertSource, **options: object) -> Iterator[str]:
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            port = listening.getsockname()[1]
            app = make_web(source, DESK, **options)  # type: ignore[arg-type]
            server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
            thread.start()
            deadline = time.monotonic() + 10
            while not server.started:
                assert time.monotonic() < deadline, "the server did not start within 10 s"
                time.sleep(0.01)
            yield f"http://127.0.0.1:{port}"
            server.should_exit = True
            thread.join(10)

    return serving


@pytest.fixture(scope="session")
def screenshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: a temporary folder, or SCREENSHOTS_DIR to keep them."""
    kept = os.environ.get("SCREENSHOTS_DIR")
    folder = Path(kept) if kept else tmp_path_factory.mktemp("screenshots")
    folder.mkdir(parents=True, exist_ok=True)
    return folder
