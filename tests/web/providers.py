"""Identity providers on loopback: a real one, and one that sends whatever a forger would."""

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from joserfc.jws import JWSRegistry
from oidc_provider_mock import run_server_in_thread

from surveillance.web.provider import Provider, ProviderConfig

CLIENT = "surveillance"
ROLES = [
    {"group": "leads-north", "role": "lead", "scopes": ["north"]},
    {"group": "viewers", "role": "viewer"},
]
KEY = RSAKey.generate_key(2048, {"kid": "1", "use": "sig"})


def provider_at(issuer: str, **changes: Any) -> Provider:
    values = {"title": "Invented Trust", "issuer": issuer, "client_id": CLIENT, "roles": ROLES, **changes}
    return Provider(ProviderConfig.model_validate(values), "a secret")


@dataclass
class RealProvider:
    """oidc-provider-mock: Authlib's own server over HTTP, with a page on which people sign in."""

    issuer: str

    def knows(self, subject: str, **claims: Any) -> None:
        httpx.put(f"{self.issuer}/users/{subject}", json=claims).raise_for_status()

    def sign_in(self, url: str, subject: str) -> str:
        """What a person does at the provider's page; the path of ours that it sends them back to."""
        answer = httpx.post(url, data={"sub": subject}, follow_redirects=False)
        assert answer.status_code == 302, answer.text
        return path_of(answer.headers["location"])


def path_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


@contextmanager
def real_provider() -> Iterator[RealProvider]:
    with run_server_in_thread() as server:
        yield RealProvider(f"http://localhost:{server.server_port}")


@dataclass
class Forger:
    """A provider whose ID tokens are made to order. It checks PKCE as RFC 7636 says."""

    issuer: str = ""
    claims: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    make_token: Callable[["Forger", dict[str, Any]], str | None] | None = None
    nonce: str = ""
    challenge: str = ""
    requests: list[str] = field(default_factory=list)

    def come_back(self, url: str, **changes: str) -> str:
        """The path that a person comes back to, after the provider has seen the request at `url`."""
        asked = {k: v[0] for k, v in parse_qs(urlsplit(url).query).items()}
        self.nonce, self.challenge = asked["nonce"], asked["code_challenge"]
        assert (asked["code_challenge_method"], asked["response_type"]) == ("S256", "code")
        sent = {"code": "c", "state": asked["state"], **changes}
        return f"/sign-in/return?{httpx.QueryParams(sent)}"

    def usual(self) -> dict[str, Any]:
        now = int(time.time())
        return {
            "iss": self.issuer,
            "sub": "subject-1",
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": self.nonce,
            "email": "lead@example.org",
            "groups": ["leads-north"],
        }

    def id_token(self) -> str | None:
        claims = {k: v for k, v in (self.usual() | self.claims).items() if v is not None}
        return self.make_token(self, claims) if self.make_token else signed(claims)

    def answer(self, path: str, form: dict[str, list[str]]) -> dict[str, Any] | None:
        self.requests.append(path)
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                **self.metadata,
            }
        if path == "/jwks":
            return {"keys": [KEY.as_dict(private=False)]}
        verifier = form.get("code_verifier", [""])[0]
        digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
        if path != "/token" or digest.decode() != self.challenge:
            return None
        token = self.id_token()
        given = {"access_token": secrets.token_urlsafe(), "token_type": "Bearer", "expires_in": 300}
        return given if token is None else {**given, "id_token": token}


def signed(claims: dict[str, Any], key: Any = KEY, alg: str = "RS256") -> str:
    header = {"alg": alg, "kid": "1"}
    return str(jwt.encode(header, claims, key, registry=JWSRegistry(algorithms=[alg])))


def unsigned(_forger: Forger, claims: dict[str, Any]) -> str:
    """alg `none`, as RFC 7519 allows and nobody should."""
    parts = (json.dumps(part).encode() for part in ({"alg": "none", "kid": "1"}, claims))
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts) + "."


def with_public_key(_forger: Forger, claims: dict[str, Any]) -> str:
    """HMAC with the public key, which everybody has."""
    return signed(claims, OctKey.import_key(KEY.as_pem(private=False)), "HS256")


def with_own_key(_forger: Forger, claims: dict[str, Any]) -> str:
    return signed(claims, RSAKey.generate_key(2048, {"kid": "1"}))


def changed_after(_forger: Forger, claims: dict[str, Any]) -> str:
    head, _, signature = signed(claims).split(".")
    body = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "another"}).encode()).rstrip(b"=").decode()
    return f"{head}.{body}.{signature}"


def no_token(_forger: Forger, _claims: dict[str, Any]) -> None:
    return None


@contextmanager
def forging_provider() -> Iterator[Forger]:
    forger = Forger()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            self._send(parse_qs(body.decode()))

        def _send(self, form: dict[str, list[str]]) -> None:
            answer = forger.answer(urlsplit(self.path).path, form)
            self.send_response(200 if answer is not None else 400)
            self.send_header("content-type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer or {"error": "invalid_grant"}).encode())

        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        forger.issuer = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield forger
        server.shutdown()
        thread.join()
