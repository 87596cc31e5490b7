"""What stands before every page: sessions in cookies, forms of our own only, no body without end.

Pure ASGI, so that it holds for every route, those that do not exist included.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from surveillance.web.session import VISIT, Seal, Visit

MOST_BYTES = 1_000_000  # of a body: forms are small. Uploads are counted where they are taken
UPLOADS = re.compile(r"/api/partners/[^/]+/(?:incidents|admissions|fhir)|/partners/[^/]+/uploads")
_FIRST_BYTES = 4096  # of an upload: a form of ours has its token in front of the file
_CSRF_PART = re.compile(
    rb'--[^\r\n]{1,200}\r\nContent-Disposition: form-data; name="csrf"\r\n\r\n([0-9a-f]{64})\r\n',
    re.IGNORECASE,
)
READS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")

Problem = Callable[[Request, int], Response]
"""Makes the answer of a status, as a page or as JSON."""


@dataclass(frozen=True)
class Guard:
    """Asks before the application does. `origins`: those of our pages, such as https://example.org."""

    app: ASGIApp
    seal: Seal
    origins: frozenset[str]
    clock: Callable[[], datetime]
    problem: Problem

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        visit = self._visit(scope)
        token = VISIT.set(visit)
        try:
            await self._admit(visit, scope, receive, self._sender(visit, send))
        finally:
            VISIT.reset(token)

    async def _admit(self, visit: Visit, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in READS:
            await self.app(scope, receive, send)
            return
        upload = is_upload(scope)
        body, more = await (read_first(receive) if upload else read_body(receive))
        if body is None:
            await self.problem(Request(scope), 413)(scope, receive, send)
            return
        given = csrf_in_front(body) if upload else await form_field(scope, body, "csrf")
        if not self._is_ours(visit, scope, given):
            await self.problem(Request(scope), 403)(scope, receive, send)
            return
        await self.app(scope, once_more(body, receive, more), send)

    def _visit(self, scope: Scope) -> Visit:
        now, request = self.clock(), Request(scope)
        cookie = None if has_token(request.headers) else request.cookies.get(self.seal.cookie)
        session = self.seal.opened(cookie, now)
        visit = Visit(now, session, session)
        if is_of_a_person(scope):
            visit.note()
        scope["surveillance.visit"] = visit
        return visit

    def _is_ours(self, visit: Visit, scope: Scope, csrf: str) -> bool:
        """Whether a page of ours sent it, by the token of its form. One in a header is proof enough: no other
        site can send it, and who sends one is not asked for a cookie."""
        headers = Headers(scope=scope)
        if has_token(headers):
            return True
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        if not self._of_our_origin(headers, scope["scheme"]):
            return False
        return self.seal.is_csrf(visit.session, headers.get("x-csrf") or csrf)

    def _of_our_origin(self, headers: Headers, scheme: str) -> bool:
        origin = headers.get("origin")
        return origin is None or origin in self.origins or origin == f"{scheme}://{headers.get('host')}"

    def _sender(self, visit: Visit, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start" and visit.changed:
                MutableHeaders(scope=message).append("Set-Cookie", self.seal.header(visit.session))
            await send(message)

        return sending


@dataclass(frozen=True)
class HeadLikeGet:
    """Answers HEAD as GET is answered, without the body (RFC 9110, 9.3.2)."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return
        done = False

        async def send_head(message: Message) -> None:
            nonlocal done
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b""})
                done = True

        async def receive_end() -> Message:  # so that a stream ends too
            return {"type": "http.disconnect"} if done else await receive()

        await self.app({**scope, "method": "GET"}, receive_end, send_head)


def origin_of(url: str) -> str:
    """`https://example.org/x` -> `https://example.org`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def has_token(headers: Headers) -> bool:
    """Whether a program with an API token asks: its cookie, if it has one, is nothing then."""
    return headers.get("authorization", "").lower().startswith("bearer ")


def is_of_a_person(scope: Scope) -> bool:
    """Whether somebody did something: a page that refreshes itself keeps no session alive."""
    headers = Headers(scope=scope)
    return scope["method"] not in READS or "sec-fetch-mode" not in headers or "sec-fetch-user" in headers


async def read_body(receive: Receive) -> tuple[bytes | None, bool]:
    """The whole body, after which no more comes; None where it is too long, or breaks off."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None, False
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None, False
        more = message.get("more_body", False)
    return bytes(body), False


def is_upload(scope: Scope) -> bool:
    """Whether a body may be large: it goes on to whoever takes it, a piece at a time."""
    return scope["method"] == "POST" and UPLOADS.fullmatch(scope["path"]) is not None


async def read_first(receive: Receive) -> tuple[bytes | None, bool]:
    """As much of a body as the token of a form needs, and whether more of it comes; None: it breaks off."""
    body, more = bytearray(), True
    while more and len(body) < _FIRST_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None, False
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(body), more


def csrf_in_front(body: bytes) -> str:
    """The token of a form with files, which stands before them; empty where it does not."""
    found = _CSRF_PART.match(body)
    return found[1].decode() if found else ""


def once_more(body: bytes, receive: Receive, more: bool = False) -> Receive:
    """Gives a body that was read, or its beginning where `more` comes, to whoever reads it next."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": more}

    return receive_again


async def form_field(scope: Scope, body: bytes, name: str) -> str:
    """One field of a form; empty where there is none."""
    request = Request(scope, once_more(body, _nothing_more))
    if not request.headers.get("content-type", "").startswith(FORM_TYPES):
        return ""
    try:
        async with request.form(max_files=0, max_fields=200) as form:
            value = form.get(name)
    except (MultiPartException, UnicodeError, ValueError):
        return ""
    except Exception as problem:  # starlette answers a malformed form with an HTTPException
        if getattr(problem, "status_code", None) == 400:
            return ""
        raise
    return value if isinstance(value, str) else ""


async def _nothing_more() -> Message:
    return {"type": "http.disconnect"}
