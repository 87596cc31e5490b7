"""Webhooks against a real HTTP receiver that fails in every way that it can."""

import base64
import hashlib
import hmac
import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import http_receiver
import pytest
from http_receiver import HttpReceiver, status
from post_room import PostRoom, configured, receiver

from surveillance.delivery import webhook
from surveillance.delivery.channel import Around
from surveillance.delivery.parcel import NotTaken, Parcel, Refused
from surveillance.delivery.registry import open_senders
from surveillance.log import configure_logging
from surveillance.sending import Post
from surveillance.settings import Settings
from surveillance.store import deliveries, outbox
from surveillance.store.database import Store

SECRET = "a secret for tests only, long enough"
KEY = "webhook/cases/a1/3"
OWED = datetime(2024, 5, 1, 9, tzinfo=UTC)
CONTENT = {"id": "a1", "revision": 3, "severity": "raised", "link": "/alerts/a1"}


@pytest.fixture
def server():
    with HttpReceiver() as running:
        yield running


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Limits short enough for a test; and nothing goes through a proxy of the machine."""
    monkeypatch.setattr(webhook, "_STEP_SECONDS", 0.5)
    monkeypatch.setattr(webhook, "_WHOLE_SECONDS", 1.0)
    monkeypatch.setenv("CASES_SECRET", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def around(tmp_path: Path = Path("/nowhere")) -> Around:
    settings = Settings(config_dir=tmp_path, web_url="https://surveillance.example.org/")  # type: ignore[call-arg]
    return Around(settings, lambda _: None)


def hook(url: str, **entry: Any):
    values = {"id": "cases", "address": url, "secret_env": "CASES_SECRET"} | entry
    of = receiver(values.pop("id"), **values)
    return of, open_senders([of], around())[of.id]


def send(url: str, content: dict[str, Any] = CONTENT) -> int | None:
    return hook(url)[1](Parcel(KEY, "a1", content, OWED))


def test_a_message_is_signed_over_its_id_its_time_and_its_body(server: HttpReceiver) -> None:
    assert send(server.url) == 200
    (got,) = server.requests
    stamp = got.headers["webhook-timestamp"]
    assert abs(time.time() - int(stamp)) < 60
    expected = hmac.new(SECRET.encode(), f"{KEY}.{stamp}.".encode() + got.body, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == "v1," + base64.b64encode(expected).decode()
    assert got.headers["idempotency-key"] == got.headers["webhook-id"] == KEY
    assert json.loads(got.body) == CONTENT | {
        "link": "https://surveillance.example.org/alerts/a1",
        "idempotency_key": KEY,
    }


def test_a_repeat_has_the_same_key_and_the_same_bytes(server: HttpReceiver) -> None:
    server.answers = [status(503)]
    with pytest.raises(NotTaken):
        send(server.url)
    send(server.url)
    first, second = server.requests
    assert (first.body, first.headers["idempotency-key"]) == (second.body, second.headers["idempotency-key"])


def test_a_secret_of_the_standard_form_is_read_as_its_libraries_do(server, monkeypatch) -> None:
    raw = bytes(range(32))
    monkeypatch.setenv("CASES_SECRET", "whsec_" + base64.b64encode(raw).decode())
    send(server.url)
    (got,) = server.requests
    stamp = int(got.headers["webhook-timestamp"])
    assert got.headers["webhook-signature"] == webhook.sign(raw, KEY, stamp, got.body)


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (status(500), "Unavailable", 500),
        (status(503), "Unavailable", 503),
        (status(408), "Unavailable", 408),
        (status(429), "Unavailable", 429),
        (status(301, location="http://127.0.0.1:1/elsewhere"), "Redirected", 301),
        (status(307, location="/elsewhere"), "Redirected", 307),
        (http_receiver.cut_in_the_head, "RemoteProtocolError", None),
        (http_receiver.cut_in_the_body, "RemoteProtocolError", None),
        (http_receiver.silent, "ReadTimeout", None),
        (http_receiver.dripping, "TimeoutError", None),
    ],
)
def test_what_may_pass_is_not_taken_and_tried_again(server, answer, error, code) -> None:
    server.answers = [answer]
    began = time.monotonic()
    with pytest.raises(NotTaken) as failed:
        send(server.url)
    assert not isinstance(failed.value, Refused)
    assert (failed.value.error, failed.value.code) == (error, code)
    assert time.monotonic() - began < 4
    assert len(server.requests) == 1  # no redirect was followed


@pytest.mark.parametrize("code", [400, 401, 403, 404, 410, 413, 422])
def test_what_a_receiver_will_never_take_is_refused_for_good(server, code) -> None:
    server.answers = [status(code)]
    with pytest.raises(Refused) as refused:
        send(server.url)
    assert refused.value.code == code


def test_nobody_listening_is_an_outage_that_names_no_address() -> None:
    with pytest.raises(NotTaken) as failed:
        send("http://127.0.0.1:1/secret-path")
    assert failed.value.error == "ConnectError"
    assert "secret-path" not in str(failed.value)
    assert failed.value.__cause__ is None


def test_no_address_is_logged(server: HttpReceiver, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("json")
    send(server.url)
    assert "alerts" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("said", "waits"),
    [
        ("120", timedelta(seconds=120)),
        ("in an hour", timedelta(hours=1)),
        ("Wed, 21 Oct 2015 07:28:00 GMT", timedelta()),
        ("soon", None),
        ("", None),
    ],
    ids=["seconds", "date", "past", "words", "nothing"],
)
def test_a_receiver_may_say_when_to_come_again(server, said, waits) -> None:
    if said == "in an hour":
        said = format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)
    server.answers = [status(429, retry_after=said)]
    with pytest.raises(NotTaken) as failed:
        send(server.url)
    asked = failed.value.retry_after
    assert (asked is None) is (waits is None)
    assert asked is None or abs(asked - waits) < timedelta(minutes=5)


# --- with the outbox


def post_room(store: Store, *urls: str) -> PostRoom:
    receivers = [hook(url, id=f"cases-{i}")[0] for i, url in enumerate(urls)]
    room = PostRoom(store, configured(*receivers))
    room.post = Post(open_senders(receivers, around()))
    return room


def revisions(server: HttpReceiver) -> list[int]:
    return [json.loads(request.body)["revision"] for request in server.requests]


def test_an_outage_delays_and_never_loses_and_holds_up_nobody_else(
    store: Store, server: HttpReceiver
) -> None:
    with HttpReceiver() as other:
        room = post_room(store, server.url, other.url)
        server.answers = [
            status(500),
            http_receiver.cut_in_the_body,
            status(429, retry_after="600"),
            http_receiver.cut_in_the_head,
            status(302, location=other.url),
        ]
        room.change()
        room.change(severity="severe")
        room.deliver()
        assert revisions(other) == [1, 2]
        for _ in range(40):
            room.pass_time(minutes=1)
        assert revisions(server) == [1, 1, 1, 1, 1, 1, 2]
        assert len({request.headers["idempotency-key"] for request in server.requests}) == 2
        assert revisions(other) == [1, 2]
        with store.reading() as tx:
            attempts = [a for a in deliveries.attempts_of_alert(tx, "a1") if a.receiver == "cases-0"]
    assert [(a.attempt, a.outcome, a.error, a.code) for a in attempts] == [
        (1, "failed", "Unavailable", 500),
        (2, "failed", "RemoteProtocolError", None),
        (3, "failed", "Unavailable", 429),
        (4, "failed", "RemoteProtocolError", None),
        (5, "failed", "Redirected", 302),
        (6, "sent", None, 200),
        (1, "sent", None, 200),
    ]
    waited = attempts[3].at - attempts[2].at
    assert timedelta(minutes=10) <= waited <= timedelta(minutes=11)


def test_what_was_refused_is_kept_seen_and_replayed_in_order(store: Store, server: HttpReceiver) -> None:
    room = post_room(store, server.url)
    server.answers = [status(404), status(404)]
    room.change()
    room.change()
    assert [done.outcome for done in room.deliver()] == ["refused", "refused"]
    first, second = (row.id for row in room.rows())
    with store.reading() as tx:
        assert deliveries.refusals(tx) == {"cases-0": 2}
        assert outbox.waiting(tx) == 0
        assert [d.standing for d in deliveries.newest(tx, room.now, 9)] == ["refused", "refused"]
    with store.transaction() as tx:
        deliveries.replay(tx, first, room.now)
        deliveries.replay(tx, second, room.now)
    room.deliver()
    assert revisions(server) == [1, 2, 1, 2]
    with store.transaction() as tx, pytest.raises(deliveries.NoReplay, match=f"delivery {second}"):
        deliveries.replay(tx, first, room.now)
    with store.transaction() as tx:
        deliveries.replay(tx, second, room.now)
    room.deliver()
    assert revisions(server)[-1] == 2
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 2


def test_what_is_suppressed_owed_or_unknown_is_not_replayed(store: Store, server: HttpReceiver) -> None:
    room = post_room(store, server.url)
    server.answers = [status(503)]
    room.change()
    room.deliver()
    room.change(told=False)
    owed, suppressed = (row.id for row in room.rows())
    for number, why in ((owed, "owed already"), (suppressed, "suppressed: unchanged"), (999, "no delivery")):
        with store.transaction() as tx, pytest.raises(deliveries.NoReplay, match=why):
            deliveries.replay(tx, number, room.now)


@pytest.mark.parametrize(
    ("entry", "key", "fix"),
    [
        ({"address": "http://example.org/a"}, "address", "Use https://"),
        ({"address": "ftp://example.org/a"}, "address", "https://example.org"),
        ({"address": "https://user:word@example.org/a"}, "address", "Remove it"),
        ({"secret_env": None}, "secret_file", "Name the file"),
    ],
)
def test_an_entry_that_cannot_work_is_named_with_key_and_fix(entry, key, fix) -> None:
    of = receiver("cases", **{"address": "https://example.org/a", "secret_env": "X"} | entry)
    ((found, _, words),) = webhook.OFFERED.check(of)
    assert (found, fix in words) == (key, True)


def test_a_secret_that_is_missing_empty_or_short_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    of = receiver("cases", address="https://example.org/a", secret_file="secret")
    settings = around(tmp_path).settings
    assert "cannot be read" in next(iter(webhook.OFFERED.needs(of, settings)))[1]
    for content, problem in (("\n", "is empty"), ("short", "too short"), ("whsec_%", "not base64")):
        (tmp_path / "secret").write_text(content)
        ((key, found, _),) = webhook.OFFERED.needs(of, settings)
        assert (key, problem in found) == ("secret_file", True)
    (tmp_path / "secret").write_text(SECRET + "\n")
    assert not list(webhook.OFFERED.needs(of, settings))
