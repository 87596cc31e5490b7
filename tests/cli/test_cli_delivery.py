"""Receivers, deliveries and silences on the command line."""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml
from command import Run

from small_house import write_house
from surveillance.store import alerts, outbox, silences
from surveillance.store.database import Store
from surveillance.store.outbox import Failure, Notice

for _room in ("delivery", "store"):
    sys.path.append(str(Path(__file__).parents[1] / _room))

from http_receiver import HttpReceiver, status  # noqa: E402
from smtp_server import MailServer  # noqa: E402
from store_factories import T0, change  # noqa: E402


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration that the commands read."""
    house = write_house(tmp_path / "planet", receivers=["hook"])
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(house))
    monkeypatch.setenv("HOOK_SECRET", "a secret for tests only, long enough")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return house


def configure(house: Path, url: str = "https://example.org/a") -> None:
    receivers = [
        {"id": "hook", "channel": "webhook", "address": url, "secret_env": "HOOK_SECRET"},
        {"id": "inbox", "channel": "email", "address": "team@example.org"},
    ]
    (house / "receivers.yaml").write_text(yaml.safe_dump({"receivers": receivers}))


@pytest.fixture
def store(run: Run, house: Path, tmp_path: Path):
    configure(house)
    run("db", "upgrade")
    opened = Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}")
    yield opened
    opened.close()


def a_refused_notice(store: Store) -> None:
    notice = Notice("webhook", "hook", "a1", 1, {"id": "a1", "change": "opened", "severity": "high"}, T0)
    with store.transaction() as tx:
        alerts.save(tx, [change("a1", 1)])
        outbox.add(tx, [notice])
        due = outbox.next_due(tx, T0)
        assert due is not None
        outbox.refused(tx, due, Failure("Refused", 404), T0)


def test_a_test_message_goes_through_the_real_channel_and_its_answer_is_told(run: Run, house: Path) -> None:
    with HttpReceiver() as server:
        configure(house, server.url)
        done = run("receivers", "test", "hook")
        assert (done.code, done.out) == (0, "receiver hook: taken by webhook, 200\n")
        (got,) = server.requests
        assert json.loads(got.body)["test"] is True
        server.answers = [status(500)]
        done = run("receivers", "test", "hook")
    assert (done.code, done.err) == (2, "receiver hook: not taken: Unavailable (500)\n")


def test_a_test_email_needs_a_mail_server_and_arrives_where_there_is_one(
    run: Run, house: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(house)
    done = run("receivers", "test", "inbox")
    assert done.code == 2
    assert "email needs setting mail_host. Set it, such as mail_host: mail.example.org" in done.err
    with MailServer(tmp_path) as server:
        for name, value in (("HOST", "127.0.0.1"), ("PORT", server.port), ("FROM", "s@example.org")):
            monkeypatch.setenv(f"SURVEILLANCE_MAIL_{name}", str(value))
        monkeypatch.setenv("SURVEILLANCE_MAIL_STARTTLS", "true")
        monkeypatch.setenv("SURVEILLANCE_MAIL_CA_FILE", str(server.authority))
        done = run("receivers", "test", "inbox")
        assert (done.code, done.out) == (0, "receiver inbox: taken by email, 250\n")
        assert "This is a test message." in str(server.box.messages[0])


def test_a_receiver_that_is_not_there_is_named_with_those_that_are(run: Run, house: Path) -> None:
    configure(house)
    done = run("receivers", "test", "nobody")
    assert (done.code, done.err) == (2, "receiver nobody: there is none; use one of: hook, inbox\n")


def test_check_names_what_receivers_lack(run: Run, house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(house)
    monkeypatch.delenv("HOOK_SECRET")
    done = run("check")
    assert done.code == 2
    assert "receivers.yaml: receivers[0].secret_env: the environment has no HOOK_SECRET" in done.err
    assert "receivers.yaml: receivers[1].channel: email needs setting mail_host" in done.err


def test_deliveries_are_listed_with_every_attempt_and_refused_ones_replayed(run: Run, store: Store) -> None:
    a_refused_notice(store)
    done = run("deliveries", "list", "--alert", "a1")
    assert done.code == 0
    assert "refused" in done.out
    assert "attempt 1: refused Refused 404" in done.out
    assert "1 refused, to be replayed" in run("receivers", "list").words
    assert run("deliveries", "replay", "1").out == "delivery 1 is owed again; a worker sends it\n"
    with store.reading() as tx:
        assert outbox.waiting(tx) == 1
    again = run("deliveries", "replay", "1")
    assert (again.code, "owed already" in again.err) == (2, True)
    assert "there is no delivery 9" in run("deliveries", "replay", "9").err
    assert "alert nothing: there is none" in run("deliveries", "list", "--alert", "nothing").err
    assert "a1" in run("deliveries", "list").words


def test_silences_are_added_listed_and_ended_with_who_and_why(run: Run, store: Store) -> None:
    why = ("--reason", "exercise", "--by", "lead-1", "--hours", "2")
    done = run("silences", "add", "--use-case", "dune-fever", *why)
    assert (done.code, done.out[:16]) == (0, "silence 1 until ")
    with store.reading() as tx:
        (stored,) = silences.active(tx, datetime.now(UTC))
    assert (stored.use_case, stored.by, stored.reason) == ("dune-fever", "lead-1", "exercise")
    assert stored.ends_at - stored.starts_at == timedelta(hours=2)
    assert "exercise" in run("silences", "list").words
    assert run("silences", "end", "1", "--by", "lead-2").out == "silence 1 is over\n"
    assert "exercise" not in run("silences", "list").words
    assert "lead-2" in run("silences", "list", "--ended").words
    assert "does not hold" in run("silences", "end", "1", "--by", "lead-2").err


@pytest.mark.parametrize(
    ("matcher", "problem"),
    [
        ((), "a silence needs a use case, a scope or an alert"),
        (("--use-case", "nothing"), "use case nothing: there is none; use one of: dune-fever"),
        (("--scope", "nowhere"), "scope nowhere: there is none; use one of: north, south"),
        (("--alert", "nothing"), "alert nothing: there is none"),
    ],
)
def test_a_silence_must_match_something_that_exists(run: Run, store: Store, matcher, problem) -> None:
    del store
    done = run("silences", "add", *matcher, "--reason", "x", "--by", "lead-1", "--hours", "2")
    assert done.code == 2
    assert problem in done.err
