"""Headers on every answer, and a plain page where something broke. Pure ASGI: it holds for streams too."""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import structlog
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from surveillance import observe
from surveillance.sealing import SealFault

FRAMES_LOGGED = 8

# Alerts are about people: nothing is kept by browsers or proxies, framed, sent on or found by search.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' data:; font-src 'self'; worker-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    # To nobody else; with no-referrer, browsers would not say either from where a form of ours was sent.
    "Referrer-Policy": "same-origin",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cache-Control": "no-store",
}
HTTPS_ONLY = {"Strict-Transport-Security": "max-age=31536000"}

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Headed:
    """Adds `headers` to every answer and counts it. `broken`: the answer where none was begun."""

    app: ASGIApp
    headers: Mapping[str, str]
    broken: Callable[[Request], Response]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request. An answer that breaks off in the middle is left so, which its reader can tell."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, begun = perf_counter(), False

        async def sending(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                observe.answered(message["status"], perf_counter() - began)
                self._add_to(MutableHeaders(scope=message), scope["path"])
            await send(message)

        try:
            await self.app(scope, receive, sending)
        except Exception as problem:
            log.error("page failed", route=_route(scope), problem=said(problem), at=_raised_at(problem))
            if not begun:
                await self.broken(Request(scope))(scope, receive, sending)

    def _add_to(self, answer: MutableHeaders, path: str) -> None:
        # What is static is kept, but checked by its tag at every use.
        kept = "no-cache" if path.startswith("/static/") else answer.get("Cache-Control")
        answer.update(self.headers if kept is None else {**self.headers, "Cache-Control": kept})


def said(problem: Exception) -> str:
    """A fault of keys tells an id and the setting; the text of another may hold anything."""
    return str(problem) if isinstance(problem, SealFault) else type(problem).__name__


def _route(scope: Scope) -> str:
    """The route's pattern: the path itself may hold what must not stand in logs."""
    return getattr(scope.get("route"), "path", "")


def _raised_at(problem: Exception) -> list[str]:
    """Where it was raised, innermost last, without the message: a message may hold values of a record."""
    frames = traceback.extract_tb(problem.__traceback__)[-FRAMES_LOGGED:]
    return [f"{Path(frame.filename).name}:{frame.lineno} {frame.name}" for frame in frames]
