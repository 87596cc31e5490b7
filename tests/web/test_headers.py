"""An answer that breaks: a plain one stands for it, unless it has begun: then it is left without an end."""

import asyncio

import pytest
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send
from structlog.testing import capture_logs

from surveillance.web.headers import Headed

SCOPE = {"type": "http", "path": "/cases", "method": "GET", "headers": []}
START: Message = {"type": "http.response.start", "status": 200, "headers": []}


@pytest.mark.parametrize(("begins", "statuses"), [(False, [500]), (True, [200])])
def test_what_breaks_is_answered_once_and_logged_without_its_text(begins: bool, statuses: list[int]) -> None:
    async def breaks(_scope: Scope, _receive: Receive, send: Send) -> None:
        if begins:
            await send({**START, "headers": []})
            await send({"type": "http.response.body", "body": b"half", "more_body": True})
        raise ValueError("very-private-record")

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    app = Headed(breaks, {"Cache-Control": "no-store"}, lambda _request: Response("broken", 500))
    with capture_logs() as logs:
        asyncio.run(app(dict(SCOPE), receive, send))
    starts = [message for message in sent if message["type"] == "http.response.start"]
    assert [message["status"] for message in starts] == statuses
    assert (b"cache-control", b"no-store") in starts[0]["headers"]
    assert sent[-1].get("more_body", False) == begins, "a reader can tell that the end is missing"
    [line] = logs
    assert (line["event"], line["problem"]) == ("page failed", "ValueError")
    assert "very-private-record" not in str(logs)
