"""Email against a real SMTP server with STARTTLS and a certificate of its own."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from post_room import PostRoom, configured, receiver
from smtp_server import MailServer

from surveillance.delivery import email
from surveillance.delivery.channel import Around
from surveillance.delivery.parcel import NotTaken, Parcel, Refused
from surveillance.delivery.registry import open_senders
from surveillance.sending import Post
from surveillance.settings import Settings
from surveillance.store.database import Store

OWED = datetime(2024, 5, 1, 9, tzinfo=UTC)
CONTENT = {
    "id": "0c4f",
    "revision": 3,
    "use_case": "suspected-suicide",
    "severity": "raised",
    "state": "open",
    "change": "strengthened",
    "due": "2024-05-01T13:00+00:00",
    "link": "/alerts/0c4f",
}
TEAM = receiver("team", channel="email", address="team@example.org")


def settings_for(server: MailServer, **changes: Any) -> Settings:
    values = {
        "mail_host": "127.0.0.1",
        "mail_port": server.port,
        "mail_from": "surveillance@health.example.org",
        "mail_starttls": True,
        "mail_ca_file": server.authority,
        "web_url": "https://surveillance.example.org",
        "config_dir": Path("/nowhere"),
    }
    return Settings(**values | changes)


def send(settings: Settings, key: str = "email/team/0c4f/3", **content: Any) -> int | None:
    sender = open_senders([TEAM], Around(settings, lambda _: None))["team"]
    return sender(Parcel(key, "0c4f", CONTENT | content, OWED))


@pytest.fixture
def server(tmp_path: Path):
    with MailServer(tmp_path) as running:
        yield running


def test_an_email_names_alert_use_case_severity_state_due_and_link_and_nothing_else(server) -> None:
    assert send(settings_for(server)) == 250
    (message,) = server.box.messages
    assert (server.box.to, server.box.encrypted) == ([["team@example.org"]], [True])
    text = message.get_body(("plain",)).get_content()
    assert text.splitlines() == [
        "An alert has grown stronger.",
        "",
        "Use case: suspected suicide",
        "Severity: raised",
        "State: open",
        "Alert: 0c4f",
        "Due: Wed 1 May 2024, 14:00 BST",
        "",
        "Read it, after signing in:",
        "https://surveillance.example.org/alerts/0c4f",
        "",
        "Sent by the surveillance service. Replies to this address are not read.",
    ]
    html = message.get_body(("html",)).get_content()
    assert 'href="https://surveillance.example.org/alerts/0c4f"' in html
    assert "14:00 BST" in html
    assert message["Subject"] == "Suspected suicide: raised alert, strengthened"


def test_its_headers_say_that_a_machine_sent_it_and_thread_an_alerts_messages(server) -> None:
    send(settings_for(server))
    send(settings_for(server), key="email/team/0c4f/4", revision=4)
    first, second = server.box.messages
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["List-Id"] == "Surveillance alerts <alerts.surveillance.health.example.org>"
    assert first["From"] == "Surveillance <surveillance@health.example.org>"
    assert first["Date"].datetime == OWED
    assert first["References"] == second["References"]
    assert first["Message-ID"] != second["Message-ID"]
    assert "0c4f" not in first["Message-ID"] + first["References"]


def test_a_repeat_is_the_same_message_to_the_last_byte(server) -> None:
    server.box.answers = ["451 try again later"]
    with pytest.raises(NotTaken):
        send(settings_for(server))
    for _ in range(2):
        send(settings_for(server))
    first, second = server.box.raw
    assert first == second
    assert b"Message-ID: <" in first


def test_without_a_certificate_that_is_vouched_for_nothing_is_said(server) -> None:
    with pytest.raises(NotTaken):
        send(settings_for(server, mail_ca_file=None))
    assert server.box.messages == []


def test_where_starttls_is_required_and_not_offered_nothing_is_said(tmp_path: Path) -> None:
    with MailServer(tmp_path, starttls=False) as plain:
        with pytest.raises(NotTaken):
            send(settings_for(plain))
        assert plain.box.messages == []
        assert send(settings_for(plain, mail_starttls=None)) == 250  # loopback
        assert plain.box.encrypted == [False]


@pytest.mark.parametrize(
    ("host", "given", "required"),
    [
        ("mail.example.org", None, True),
        ("127.0.0.1", None, False),
        ("127.0.0.1", True, True),
        ("mail.example.org", False, False),
    ],
)
def test_starttls_is_required_unless_the_server_is_on_loopback(host, given, required) -> None:
    settings = Settings(mail_host=host, mail_starttls=given, config_dir=Path("/nowhere"))  # type: ignore[call-arg]
    assert email.requires_tls(settings) is required


def test_it_signs_in_where_a_name_is_given(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("a long password\n")
    with MailServer(tmp_path, users={"surveillance": "a long password"}) as server:
        named = {"mail_user": "surveillance", "mail_password_file": password}
        assert send(settings_for(server, **named)) == 250
        password.write_text("another\n")
        with pytest.raises(NotTaken) as failed:
            send(settings_for(server, **named))
        assert not isinstance(failed.value, Refused)  # a password can be mended; the notice stays owed
        assert failed.value.code == 535


@pytest.mark.parametrize(
    ("answer", "for_good"), [("451 later", False), ("452 full", False), ("554 never", True)]
)
def test_the_servers_code_says_whether_to_try_again(server, answer, for_good) -> None:
    server.box.answers = [answer]
    with pytest.raises(NotTaken) as failed:
        send(settings_for(server))
    assert isinstance(failed.value, Refused) is for_good
    assert failed.value.code == int(answer[:3])


def test_a_mailbox_that_does_not_exist_is_refused_without_naming_it(server) -> None:
    server.box.refuses = ("team@example.org",)
    with pytest.raises(Refused) as failed:
        send(settings_for(server))
    assert failed.value.code == 550
    assert "team@" not in str(failed.value)
    assert failed.value.__cause__ is None


def test_an_outage_of_the_mail_server_delays_and_never_loses(store: Store, tmp_path: Path) -> None:
    with MailServer(tmp_path) as server:
        settings = settings_for(server)
    room = PostRoom(store, configured(TEAM))
    room.post = Post(open_senders([TEAM], Around(settings, lambda _: None)))
    for _ in range(3):
        room.change()
    assert [done.outcome for done in room.deliver()] == ["failed"]
    with MailServer(tmp_path) as server:
        again = settings_for(server)
        room.post = Post(open_senders([TEAM], Around(again, lambda _: None)))
        room.pass_time(minutes=1)
        subjects = [message["Subject"].split(", ")[-1] for message in server.box.messages]
        assert len({message["Message-ID"] for message in server.box.messages}) == 3
    assert subjects == ["opened", "strengthened", "strengthened"]


def test_a_digest_and_a_test_are_words_too(server) -> None:
    sender = open_senders([TEAM], Around(settings_for(server), lambda _: None))["team"]
    counts = [{"use_case": "falls", "severity": "raised", "open": 2, "unacknowledged": 1, "overdue": 0}]
    for content in (
        {"digest": "2024-05-01", "counts": counts, "link": "/"},
        {"digest": "2024-05-02", "counts": [], "link": "/"},
        {"id": "test", "test": True, "link": "/"},
    ):
        sender(Parcel(json.dumps(content), "x", content, OWED))
    full, empty, test = (message.get_body(("plain",)).get_content() for message in server.box.messages)
    assert "falls, raised: 2 open, 1 unacknowledged, 0 overdue" in full
    assert "No alert is open on 2024-05-02." in empty
    assert "This is a test message." in test


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b.org, c@d.org", "A Name <a@b.org>", "a@b.org\nBcc: x@y.org"]
)
def test_an_address_is_one_address(address) -> None:
    found = list(email.OFFERED.check(receiver("team", channel="email", address=address)))
    assert [key for key, _, _ in found] == ["address"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"mail_host": None}, "needs setting mail_host"),
        ({"mail_from": None}, "needs setting mail_from"),
        ({"mail_user": "surveillance"}, "go together"),
        ({"mail_ca_file": Path("/nowhere/ca.pem")}, "holds no certificate"),
        ({"mail_user": "x", "mail_password_file": Path("/nowhere/p")}, "cannot be read"),
        ({"mail_user": "x", "mail_password_file": Path("/nowhere/p"), "mail_starttls": False}, "unprotected"),
    ],
)
def test_what_email_lacks_is_named_before_anything_is_sent(server, changes, problem) -> None:
    found = list(email.OFFERED.needs(TEAM, settings_for(server, **changes)))
    assert any(problem in words for _, words, _ in found)
    assert not list(email.OFFERED.needs(TEAM, settings_for(server)))
