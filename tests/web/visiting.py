"""Browsers and programs that ask the real application in this process, over a real store."""

import asyncio
import json
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI
from limits import parse

from surveillance.access.person import Grant
from surveillance.accounts import Register
from surveillance.admitting import Porter
from surveillance.configuration import Configuration
from surveillance.deciding import Desk
from surveillance.store.database import Store
from surveillance.web.app import make_web
from surveillance.web.door import SessionDoor
from surveillance.web.limits import Limits
from surveillance.web.provider import Provider
from surveillance.web.reading import Reading
from surveillance.web.session import Seal

URL = "http://127.0.0.1:8080"
HOST = "127.0.0.1:8080"
AUDIT_KEY, NAME_KEY, SEAL_KEY = b"a" * 32, b"n" * 32, b"s" * 32
RECORDS_KEY = b"a key for tests only"
PASSWORD = "correct horse battery"
STREAM_SECONDS = 0.3  # how long an answer without end is listened to


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((v for k, v in self.headers if k == name.lower()), None)

    @property
    def text(self) -> str:
        return self.body.decode(errors="replace")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        assert found, f"no form on the page (status {self.status})"
        return found[1]


async def _ask(app: FastAPI, scope: dict[str, Any], body: bytes) -> Answer:
    start: dict[str, Any] = {}
    chunks: list[bytes] = []
    gone, given = asyncio.Event(), False

    async def receive() -> dict[str, Any]:
        nonlocal given
        if not given:
            given = True
            return {"type": "http.request", "body": body, "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            chunks.append(message.get("body", b""))

    asking = asyncio.create_task(app(scope, receive, send))  # type: ignore[arg-type]
    headers: list[tuple[str, str]] = []
    while not asking.done():
        await asyncio.wait([asking], timeout=STREAM_SECONDS)
        headers = [(k.decode().lower(), v.decode("latin-1")) for k, v in start.get("headers", [])]
        if any(v.startswith("text/event-stream") for k, v in headers if k == "content-type"):
            gone.set()
            await asyncio.wait([asking], timeout=5)
            asking.cancel()
            await asyncio.wait([asking])
            break
    if not asking.cancelled() and asking.exception() is not None:
        raise AssertionError("the application raised") from asking.exception()
    headers = [(k.decode().lower(), v.decode("latin-1")) for k, v in start.get("headers", [])]
    return Answer(start["status"], headers, b"".join(chunks))


@dataclass
class Browser:
    """Keeps cookies as a browser does; follows no redirect by itself."""

    app: FastAPI
    client: str = "192.0.2.1"
    scheme: str = "http"
    host: str = HOST
    cookies: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        parts = urlsplit(path)
        sent = {"host": self.host, **{k.lower(): v for k, v in (headers or {}).items()}}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if body:
            sent["content-length"] = str(len(body))
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self.scheme,
            "path": parts.path,
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in sent.items()],
            "client": (self.client, 1234),
            "server": ("127.0.0.1", 8080),
        }
        answer = asyncio.run(_ask(self.app, scope, body))
        for name, value in answer.headers:
            if name == "set-cookie":
                self._keep(value)
        return answer

    def get(self, path: str, **headers: str) -> Answer:
        return self.ask("GET", path, headers)

    def post(self, path: str, csrf: str | None = None, headers: Any = None, **fields: Any) -> Answer:
        given = fields if csrf is None else {"csrf": csrf, **fields}
        sent = {"content-type": "application/x-www-form-urlencoded", **(headers or {})}
        return self.ask("POST", path, sent, urlencode(given, doseq=True).encode())

    def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> Answer:
        return self.post("/sign-in", self.get("/sign-in").csrf, name=name, password=password, **fields)

    @property
    def csrf(self) -> str:
        return self.get("/account").csrf

    def _keep(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            if morsel["max-age"] == "0":
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = morsel.value


@dataclass
class Service:
    """The application with its store, its accounts, and a clock that is moved by hand."""

    app: FastAPI
    store: Store
    register: Register
    porter: Porter
    door: SessionDoor
    clock: list[datetime]

    def browser(self, **options: Any) -> Browser:
        return Browser(self.app, **options)

    def account(self, name: str, *grants: str) -> None:
        self.register.add(name, [Grant.parse(g) for g in grants], "test", PASSWORD)

    def signed_in(self, name: str, **options: Any) -> Browser:
        browser = self.browser(**options)
        answer = browser.sign_in(name)
        assert answer.status == 303, answer.text
        return browser

    def later(self, **length: float) -> None:
        self.clock[0] += timedelta(**length)


NewService = Callable[..., Service]
"""Makes a service with an empty database; the options are those of `make_service`."""


def many() -> Limits:
    """Limits that a test does not reach."""
    return Limits(parse("100000 per minute"), parse("100000 per minute"))


def make_service(
    configuration: Configuration,
    store: Store,
    *,
    provider: Provider | None = None,
    limits: Limits | None = None,
    web_url: str = URL,
    now: datetime | None = None,
    **options: Any,
) -> Service:
    clock = [now or datetime.now(UTC)]
    porter = Porter(store, AUDIT_KEY, NAME_KEY, lambda: clock[0])
    seal = Seal(SEAL_KEY, web_url.startswith("https"))
    door = SessionDoor(porter, seal, web_url, provider, limits or many())
    app = make_web(
        Reading(configuration, store),
        Desk(configuration, store, AUDIT_KEY, RECORDS_KEY),
        door=door,
        hosts=("127.0.0.1", "localhost", "example.org"),
        now=lambda: clock[0],
        audit_key=AUDIT_KEY,
        **options,
    )
    register = Register(store, AUDIT_KEY, lambda: clock[0])
    return Service(app, store, register, porter, door, clock)


def copy_of(template: Path, directory: Path) -> Store:
    """A database of its own, with all that the template has in it."""
    copy = directory / "visited.db"
    shutil.copyfile(template, copy)
    return Store.open(f"sqlite:///{copy}")
