"""An OpenID Connect provider: who it says somebody is, and what that may do here.

Authorization code with PKCE, state and nonce (OpenID Connect Core 1.0, 3.1; RFC 7636; RFC 9700), by Authlib.
config/access.yaml says which provider, and which of its groups has which role; without it, all accounts
are local.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import structlog
from authlib.integrations.starlette_client import OAuth
from pydantic import BaseModel, ConfigDict, Field, HttpUrl, ValidationInfo, field_validator
from starlette.requests import Request
from starlette.responses import Response

from surveillance.access.person import Grant
from surveillance.access.role import Role
from surveillance.admitting import Provided
from surveillance.use_case.fault import ConfigError, ConfigFault
from surveillance.use_case.read import read_yaml, validate
from surveillance.web.session import visit_of

FILE = "access.yaml"
# Never `none`, and no HMAC: its key would be one that we have too.
ALGORITHMS = frozenset(f"{kind}{bits}" for kind in ("RS", "PS", "ES") for bits in (256, 384, 512)) | {"EdDSA"}
LEEWAY_SECONDS = 60
TIMEOUT_SECONDS = 10.0

log = structlog.get_logger(__name__)


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GroupRole(_Strict):
    """What a group of the provider may do; without scopes or use cases, in all of them.

    `partners`: whose people they are, of the role partner only.
    """

    group: str
    role: Role
    scopes: tuple[str, ...] | None = Field(default=None, min_length=1)
    use_cases: tuple[str, ...] | None = Field(default=None, min_length=1)
    partners: tuple[str, ...] | None = Field(default=None, min_length=1)

    @field_validator("partners")
    @classmethod
    def _only_of_partners(cls, named: tuple[str, ...] | None, seen: ValidationInfo) -> tuple[str, ...] | None:
        if named is not None and seen.data.get("role") is not Role.PARTNER:
            raise ValueError("only the role partner names partners")
        return named

    @property
    def grant(self) -> Grant:
        """The same as a grant."""
        return Grant(self.role, _ids(self.scopes), _ids(self.use_cases), _ids(self.partners))


class ProviderConfig(_Strict):
    """The provider, as config/access.yaml has it. `name_claim` becomes the account's id."""

    title: str
    issuer: HttpUrl
    client_id: str
    ask_for: tuple[str, ...] = ("profile", "email")
    name_claim: str = "email"
    groups_claim: str = "groups"
    roles: tuple[GroupRole, ...] = Field(min_length=1)


class _File(_Strict):
    provider: ProviderConfig


class ProviderFault(RuntimeError):
    """The provider's answer cannot be trusted; the text is a reason without any value of it."""


@dataclass(frozen=True)
class Provider:
    """Sends people to the provider, and reads what they come back with."""

    config: ProviderConfig
    secret: str | None = None

    @property
    def issuer(self) -> str:
        """As the provider writes it: without a slash that only pydantic adds."""
        return str(self.config.issuer).rstrip("/")

    @cached_property
    def client(self) -> Any:
        """Authlib's client; it reads the provider's metadata at first use."""
        return OAuth().register(
            "provider",
            client_id=self.config.client_id,
            client_secret=self.secret,
            server_metadata_url=f"{self.issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": " ".join(("openid", *self.config.ask_for)),
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": "client_secret_basic" if self.secret else "none",
                "timeout": TIMEOUT_SECONDS,
            },
        )

    async def send_away(self, request: Request, come_back_to: str, then: str) -> Response:
        """To the provider; what must come back is kept in the browser's signed session."""
        await self._check_metadata()
        request.scope["session"] = {}
        answer: Response = await self.client.authorize_redirect(request, come_back_to)
        visit = visit_of(request)
        if visit.session is None:
            raise ProviderFault("no session")
        visit.session = replace(visit.session, transit={"then": then, "sent": request.scope["session"]})
        return answer

    async def receive(self, request: Request) -> tuple[Provided, str]:
        """Who came back, and where to go on. Raises ProviderFault. What was sent is good for one return."""
        visit = visit_of(request)
        transit = visit.session.transit if visit.session is not None else {}
        if visit.session is not None:
            visit.session = replace(visit.session, transit={})
        request.scope["session"] = dict(transit.get("sent", {}))
        try:
            await self._check_metadata()
            claims = await self._claims(request)
        except ProviderFault:
            raise
        except Exception as problem:  # of the network, of the provider, of the token: none of them is trusted
            raise ProviderFault(type(problem).__name__) from problem
        return self._provided(claims), str(transit.get("then", "/"))

    async def _check_metadata(self) -> None:
        """A document of another issuer, or weak algorithms in it, are not gone on with."""
        try:
            metadata = await self.client.load_server_metadata()
        except Exception as problem:
            raise ProviderFault(type(problem).__name__) from problem
        if str(metadata.get("issuer", "")).rstrip("/") != self.issuer:
            metadata.pop("_loaded_at", None)  # so that it is read anew: somebody may mend it
            raise ProviderFault("the metadata is of another issuer")
        offered = metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        metadata["id_token_signing_alg_values_supported"] = [a for a in offered if a in ALGORITHMS]
        if not metadata["id_token_signing_alg_values_supported"]:
            raise ProviderFault("no algorithm to trust")

    async def _claims(self, request: Request) -> Mapping[str, Any]:
        if request.query_params.get("iss", self.issuer).rstrip("/") != self.issuer:  # RFC 9207
            raise ProviderFault("the answer is of another issuer")
        issuer = self.client.server_metadata["issuer"]
        options = {
            "iss": {"essential": True, "value": issuer},
            "aud": {"essential": True, "value": self.config.client_id},
            "nonce": {"essential": True},
        }
        checks = {"claims_options": options, "leeway": LEEWAY_SECONDS}
        token = await self.client.authorize_access_token(request, **checks)
        claims = token.get("userinfo")
        if not claims:
            raise ProviderFault("no ID token")
        if self.config.groups_claim in claims or "userinfo_endpoint" not in self.client.server_metadata:
            return dict(claims)
        more = await self.client.userinfo(token=token)
        if more.get("sub") != claims["sub"]:
            raise ProviderFault("the user info is of somebody else")
        return {**more, **claims}

    def _provided(self, claims: Mapping[str, Any]) -> Provided:
        subject, name = claims["sub"], claims.get(self.config.name_claim)
        if not isinstance(subject, str) or not subject or not isinstance(name, str):
            raise ProviderFault(f"the claim {self.config.name_claim} is missing")
        if self.config.name_claim == "email" and claims.get("email_verified") is False:
            raise ProviderFault("the email is not verified")
        return Provided(self.issuer, subject, name.lower(), self._grants(claims))

    def _grants(self, claims: Mapping[str, Any]) -> tuple[Grant, ...]:
        given = claims.get(self.config.groups_claim, ())
        groups = {given} if isinstance(given, str) else {g for g in given or () if isinstance(g, str)}
        return tuple(role.grant for role in self.config.roles if role.group in groups)


def load_provider(
    directory: Path,
    secret: str | None,
    scopes: Collection[str],
    use_cases: Collection[str],
    partners: Collection[str] = (),
) -> Provider | None:
    """The provider of config/access.yaml; None where there is no such file. Raises ConfigError."""
    path = directory / FILE
    if not path.exists():
        return None
    content, faults = read_yaml(path, FILE)
    found, invalid = (None, []) if content is None else validate(_File, content, FILE)
    faults += invalid
    if found is not None:
        known = {"scopes": scopes, "use_cases": use_cases, "partners": partners}
        faults += _unknown(found.provider, known)
    if faults or found is None:
        raise ConfigError(faults)
    return Provider(found.provider, secret)


def _unknown(provider: ProviderConfig, known: Mapping[str, Collection[str]]) -> Iterator[ConfigFault]:
    for i, role in enumerate(provider.roles):
        for key, there in known.items():
            for one in set(getattr(role, key) or ()) - set(there):
                fix = f"Use one of: {', '.join(sorted(there))}"
                yield ConfigFault(FILE, f"provider.roles[{i}].{key}", f"there is no `{one}`", fix)
    if provider.issuer.scheme != "https" and provider.issuer.host not in ("127.0.0.1", "localhost"):
        yield ConfigFault(
            FILE, "provider.issuer", "is not https", "Give the address that begins with https://"
        )


def _ids(named: tuple[str, ...] | None) -> frozenset[str] | None:
    return None if named is None else frozenset(named)
