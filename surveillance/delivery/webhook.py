"""Webhooks: a signed POST, the same key and body on every repeat.

Signed as the Standard Webhooks say (standardwebhooks.com, for which libraries exist in most languages):
`webhook-signature` is `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`, where id is the header
`webhook-id`, which is the idempotency key, and timestamp the header `webhook-timestamp`, of this attempt.
"""

import asyncio
import base64
import binascii
import hashlib
import hmac
import json
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from surveillance.delivery.channel import Around, Channel, Mistake, SecretFault, secret_of
from surveillance.delivery.parcel import NotTaken, Parcel, Refused, Send
from surveillance.delivery.words import absolute
from surveillance.settings import Settings
from surveillance.use_case.receiver import Receiver

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_STEP_SECONDS = 10.0
_WHOLE_SECONDS = 30.0  # however slowly a receiver answers; well below the outbox's lease
_LONGEST_ANSWER = 64 * 1024
_SHORTEST_SECRET = 24
_BASE64_SECRET = "whsec_"
# 4xx with which a receiver asks to wait; with any other it says that it will never take this.
_WAITS = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})


def _check(receiver: Receiver) -> Iterator[Mistake]:
    url = urlsplit(receiver.address)
    if url.scheme not in ("http", "https") or not url.hostname:
        yield "address", "is not a URL", "Give one such as https://example.org/alerts"
    elif url.scheme == "http" and url.hostname not in _LOOPBACK:
        yield "address", "would send alerts unencrypted", "Use https://"
    if url.username or url.password:
        yield "address", "holds a password", "Remove it; what is sent is signed with the receiver's secret"
    if receiver.secret_file is None and receiver.secret_env is None:
        yield "secret_file", "is missing", "Name the file, or with secret_env the variable, with its secret"


def _needs(receiver: Receiver, settings: Settings) -> Iterator[Mistake]:
    key = "secret_file" if receiver.secret_env is None else "secret_env"
    try:
        if len(_key(receiver, settings.config_dir)) < _SHORTEST_SECRET:
            yield key, "is too short", f"Use {_SHORTEST_SECRET} bytes, such as of: openssl rand -base64 32"
    except SecretFault as fault:
        yield key, str(fault), "Put the secret there that the receiver knows as well"
    try:
        _tls(settings)
    except OSError:  # which ssl.SSLError is as well
        yield "channel", "setting webhook_ca_file holds no certificate", "Give a file of PEM certificates"


def _key(receiver: Receiver, directory: Path) -> bytes:
    secret = secret_of(receiver, directory)
    if not secret.startswith(_BASE64_SECRET):
        return secret.encode()
    try:
        return base64.b64decode(secret.removeprefix(_BASE64_SECRET), validate=True)
    except binascii.Error:
        raise SecretFault(f"what follows {_BASE64_SECRET} is not base64") from None


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The signature of a body, as the receiver computes it to compare."""
    signed = b".".join((webhook_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def _open(receiver: Receiver, around: Around) -> Send:
    def send(parcel: Parcel) -> int:
        content = {**parcel.content, "idempotency_key": parcel.key}
        content["link"] = absolute(str(content.get("link", "/")), around.settings.web_url)
        body = json.dumps(content, sort_keys=True).encode()
        try:
            headers = _headers(_key(receiver, around.settings.config_dir), parcel, body)
            return asyncio.run(_post(receiver.address, body, headers, _tls(around.settings)))
        except (httpx.HTTPError, SecretFault, OSError) as error:  # OSError: TimeoutError as well
            raise NotTaken(type(error).__name__) from None  # the cause's text may hold the address

    return send


def _headers(key: bytes, parcel: Parcel, body: bytes) -> dict[str, str]:
    now = int(time.time())
    return {
        "content-type": "application/json",
        "user-agent": "surveillance",
        "idempotency-key": parcel.key,
        "webhook-id": parcel.key,
        "webhook-timestamp": str(now),
        "webhook-signature": sign(key, parcel.key, now, body),
    }


def _tls(settings: Settings) -> ssl.SSLContext:
    """What receivers' certificates and names are checked with; read anew, so that a renewed file counts."""
    return ssl.create_default_context(cafile=settings.webhook_ca_file)


async def _post(url: str, body: bytes, headers: dict[str, str], tls: ssl.SSLContext) -> int:
    """Posts within a time limit, follows no redirect, and reads the answer to its end: one that was cut may
    mean anything, and a repeat harms nobody."""
    async with (
        asyncio.timeout(_WHOLE_SECONDS),
        httpx.AsyncClient(verify=tls, timeout=_STEP_SECONDS, follow_redirects=False) as client,
        client.stream("POST", url, content=body, headers=headers) as answer,
    ):
        length = 0
        async for part in answer.aiter_raw():
            length += len(part)
            if length > _LONGEST_ANSWER:
                break
    return _read(answer)


def _read(answer: httpx.Response) -> int:
    status = answer.status_code
    if answer.is_success:
        return status
    if answer.is_client_error and status not in _WAITS:
        raise Refused("Refused", status)
    # A redirect is mended by correcting the address; until then nothing is lost.
    raise NotTaken("Redirected" if answer.is_redirect else "Unavailable", status, _retry_after(answer))


def _retry_after(answer: httpx.Response) -> timedelta | None:
    """What the header Retry-After says, in seconds or as a date; None where it says nothing readable."""
    wish = answer.headers.get("retry-after", "").strip()
    if wish.isdigit():
        return timedelta(seconds=min(int(wish), 10**6))
    try:
        at = parsedate_to_datetime(wish)
    except ValueError:
        return None
    return max(timedelta(), (at if at.tzinfo else at.replace(tzinfo=UTC)) - datetime.now(UTC))


OFFERED = Channel(_check, _needs, _open)
