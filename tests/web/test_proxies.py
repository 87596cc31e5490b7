"""Limits count the addresses of people, also behind proxies; nobody gets a new one by saying so."""

import asyncio

import httpx
import pytest
import uvicorn
from fastapi import FastAPI, Request
from pydantic import ValidationError

from surveillance.cli.listening import proxies_of
from surveillance.settings import Settings
from surveillance.web.door import client_of

PROXY, PERSON, OTHER = "10.0.0.5", "198.51.100.7", "203.0.113.9"


def counted(trusted: str, peer: str, forwarded: str | None) -> str:
    """The address that limits count for a request, as the server of the pages passes it on."""
    app = FastAPI()

    @app.get("/")
    def address(request: Request) -> str:
        return client_of(request)

    config = uvicorn.Config(app, log_config=None, **proxies_of(Settings(trusted_proxies=trusted)))
    config.load()

    async def ask() -> str:
        transport = httpx.ASGITransport(config.loaded_app, client=(peer, 1234))
        async with httpx.AsyncClient(transport=transport, base_url="http://pages") as client:
            headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
            return str((await client.get("/", headers=headers)).json())

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "expected"),
    [
        (PROXY, PROXY, PERSON, PERSON),
        (PROXY, PROXY, f"{OTHER}, {PERSON}", PERSON),  # the first is what the person said, not the proxy
        (f"{PROXY}, 10.0.0.6", PROXY, f"{OTHER}, {PERSON}, 10.0.0.6", PERSON),
        ("10.0.0.0/24", PROXY, f"{PERSON}:50123", PERSON),  # a new port is no new person
        (PROXY, PERSON, OTHER, PERSON),  # past the proxy
        ("", PROXY, PERSON, PROXY),  # no proxy is named
        (PROXY, PROXY, None, PROXY),
    ],
)
def test_a_request_counts_for_who_asked_the_first_proxy(
    trusted: str, peer: str, forwarded: str | None, expected: str
) -> None:
    assert counted(trusted, peer, forwarded) == expected


@pytest.mark.parametrize("trusted", ["*", "proxy.example.org", "10.0.0.5, *", "10.0.0.0/99"])
def test_a_proxy_that_is_no_address_is_refused_at_the_start(trusted: str) -> None:
    with pytest.raises(ValidationError, match="give IP addresses or networks"):
        Settings(trusted_proxies=trusted)
