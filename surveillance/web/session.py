"""A session: a signed cookie that says who signed in and when. What they may do is read at each request."""

import hashlib
import hmac
import secrets
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from starlette.requests import HTTPConnection

LASTS = timedelta(hours=12)
IDLE = timedelta(hours=1)
_NOTED_EVERY = timedelta(minutes=1)  # a cookie is written anew at most so often


@dataclass(frozen=True)
class Session:
    """`account` is empty before somebody signs in. `transit`: what a provider must send back."""

    id: str
    account: str
    generation: int
    began_at: datetime
    seen_at: datetime
    transit: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ends_at(self) -> datetime:
        """When it is over at the latest."""
        return self.began_at + LASTS

    def is_over(self, now: datetime) -> bool:
        """Whether it has lasted its time, or nobody has done anything in it for too long."""
        return now >= self.ends_at or now - self.seen_at >= IDLE or now < self.began_at - timedelta(minutes=5)


def begin(now: datetime, account: str = "", generation: int = 0) -> Session:
    """A session with an id of its own: one from before a sign-in is never gone on with."""
    return Session(secrets.token_urlsafe(24), account, generation, now, now)


@dataclass
class Visit:
    """The session of one request: as it came, and as it shall be from now on."""

    now: datetime
    came_with: Session | None = None
    session: Session | None = None

    def note(self) -> None:
        """Somebody did something."""
        if self.session is not None and self.now - self.session.seen_at >= _NOTED_EVERY:
            self.session = replace(self.session, seen_at=self.now)

    @property
    def changed(self) -> bool:
        """Whether the browser must be told."""
        return self.session != self.came_with


VISIT: ContextVar[Visit | None] = ContextVar("visit", default=None)
"""The visit that a page is made for, so that every template can be given its form token."""


def visit_of(connection: HTTPConnection) -> Visit:
    """The visit of a request that came through the guard."""
    visit: Visit = connection.scope["surveillance.visit"]
    return visit


@dataclass(frozen=True)
class Seal:
    """Signs what browsers keep. `secure`: whether people come by https."""

    key: bytes
    secure: bool

    @property
    def cookie(self) -> str:
        """Its name; with the prefix `__Host-` no other host or path can set it."""
        return "__Host-surveillance" if self.secure else "surveillance"

    def opened(self, text: str | None, now: datetime) -> Session | None:
        """The session in a cookie; None where there is none, it is forged, or over."""
        if not text:
            return None
        try:
            session = _from_json(self._serializer.loads(text))
        except (BadData, KeyError, TypeError, ValueError, OverflowError):
            return None
        return None if session.is_over(now) else session

    def header(self, session: Session | None) -> str:
        """The Set-Cookie header that keeps a session in the browser, or (None) removes it."""
        value = "" if session is None else self._serializer.dumps(_to_json(session))
        age = 0 if session is None else int(LASTS.total_seconds())
        secure = "; Secure" if self.secure else ""
        return f"{self.cookie}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def csrf(self, session: Session) -> str:
        """What a form of this session carries, and no other site can know."""
        return hmac.new(self.key, f"form {session.id}".encode(), hashlib.sha256).hexdigest()

    def is_csrf(self, session: Session | None, text: str) -> bool:
        """Whether a form is of this session."""
        if session is None:
            return False
        return hmac.compare_digest(self.csrf(session).encode(), text.encode("utf-8", "surrogatepass"))

    @property
    def _serializer(self) -> URLSafeSerializer:
        options = {"digest_method": hashlib.sha256, "key_derivation": "hmac"}
        return URLSafeSerializer(self.key, salt="surveillance session", signer_kwargs=options)


def _to_json(session: Session) -> dict[str, Any]:
    times = {name: getattr(session, name).timestamp() for name in ("began_at", "seen_at")}
    return asdict(session) | times


def _from_json(values: Mapping[str, Any]) -> Session:
    times = {name: datetime.fromtimestamp(values[name], UTC) for name in ("began_at", "seen_at")}
    return Session(**{**values, **times})
