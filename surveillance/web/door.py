"""The door of the real service: a session that somebody began by signing in, or a program's API token."""

from dataclasses import dataclass, field

from fastapi import Request
from starlette.requests import HTTPConnection

from surveillance.access.person import Person
from surveillance.admitting import Porter
from surveillance.store.accounts import Account
from surveillance.web.guard import has_token, is_upload
from surveillance.web.limits import Limits
from surveillance.web.provider import Provider
from surveillance.web.session import Seal, begin, visit_of

API = "/api/"


@dataclass(frozen=True)
class SessionDoor:
    """`web_url`: the address that people know the service by. `provider`: None: all accounts are local."""

    porter: Porter
    seal: Seal
    web_url: str
    provider: Provider | None = None
    limits: Limits = field(default_factory=Limits)

    def person(self, request: Request) -> Person | None:
        """Who sent this request. Raises a 429 where it is one too many."""
        person = self._of_token(request) if has_token(request.headers) else self._of_session(request)
        if person is not None and request.url.path.startswith(API):
            counted = self.limits.of_submissions if is_upload(request.scope) else self.limits.of_api
            counted(person.id)
        return person

    def enter(self, request: HTTPConnection, account: Account) -> None:
        """Begins a session of the account, whatever session the browser came with."""
        visit = visit_of(request)
        visit.session = begin(visit.now, account.id, account.generation)

    def leave(self, request: HTTPConnection) -> None:
        """Ends the session for good: a copy of the cookie is worth nothing."""
        visit = visit_of(request)
        session, visit.session = visit.session, None
        if session is not None and session.account:
            self.porter.end(session.account, session.id, session.ends_at)

    def _of_token(self, request: Request) -> Person | None:
        """Tokens open the API only. Wrong ones count as attempts of the client to be let in."""
        person = self.porter.by_token(request.headers["authorization"][7:].strip())
        if person is None:
            self.limits.of_sign_in(client_of(request))
            return None
        return person if request.url.path.startswith(API) else None

    def _of_session(self, request: Request) -> Person | None:
        visit = visit_of(request)
        session = visit.session
        if session is None or not session.account:
            return None
        person = self.porter.in_session(session.account, session.generation, session.id)
        if person is None:
            visit.session = None
        return person


def client_of(request: HTTPConnection) -> str:
    """The address that a request came from; a proxy's word for it is heard where it is configured."""
    return request.client.host if request.client is not None else "nowhere"


def own_path(text: str) -> str:
    """A path of ours to go on to; the first page where the text is anything else."""
    is_ours = text.startswith("/") and not text.startswith("//") and "\\" not in text and text.isprintable()
    return text if is_ours else "/"
