"""surveillance accounts and tokens, and the first account of a new database."""

import logging
import os
import re
import sys
from pathlib import Path

import pytest
from command import Run

from surveillance.access.person import Grant
from surveillance.accounts import FIRST, Register
from surveillance.admitting import NotAdmitted, Porter
from surveillance.cli.first_account import tell_of_first_account
from surveillance.cli.pages import make_pages
from surveillance.settings import Settings
from surveillance.store import audit
from surveillance.store.database import Store
from surveillance.web.house import utc_now

KEY = "k" * 32


@pytest.fixture
def store(tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, sqlite_template: Path) -> Store:
    del run
    for name in ("AUDIT_KEY", "DEAD_LETTER_KEY"):
        monkeypatch.setenv(f"SURVEILLANCE_{name}", KEY)
    (tmp_path / "surveillance.db").write_bytes(sqlite_template.read_bytes())
    return Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}")


def register(store: Store) -> Register:
    return Register(store, KEY.encode(), utc_now)


def porter(store: Store) -> Porter:
    return Porter(store, KEY.encode(), b"names", utc_now)


def test_an_account_is_added_listed_changed_and_disabled(run: Run, store: Store) -> None:
    added = run("accounts", "add", "lead@example.org", "--grant", "lead:cheshire-merseyside")
    assert added.code == 0, added.words
    password = added.out.strip()
    assert porter(store).by_password("lead@example.org", password).id == "lead@example.org"
    assert run("accounts", "grant", "lead@example.org", "--grant", "operator").code == 0
    assert run("accounts", "withdraw", "lead@example.org", "--grant", "lead:cheshire-merseyside").code == 0
    assert register(store).account("lead@example.org").grants == (Grant.parse("operator"),)
    listed = run("accounts", "list")
    assert "lead@example.org" in listed.out
    another = run("accounts", "password", "lead@example.org").out.strip()
    with pytest.raises(NotAdmitted):
        porter(store).by_password("lead@example.org", password)
    assert run("accounts", "sign-out", "lead@example.org").code == 0
    assert run("accounts", "disable", "lead@example.org").code == 0
    with pytest.raises(NotAdmitted):
        porter(store).by_password("lead@example.org", another)
    assert run("accounts", "enable", "lead@example.org").code == 0
    assert porter(store).by_password("lead@example.org", another)
    with store.reading() as tx:
        audit.verify(tx, KEY.encode())
        entries = audit.of_subject(tx, "account/lead@example.org")
    assert {entry.by.split()[0] for entry in entries} >= {"command"}
    assert password not in str(entries)


def test_a_password_may_be_given_where_no_list_of_processes_shows_it(
    run: Run, store: Store, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "given").write_text("correct horse battery\n")
    monkeypatch.setattr(sys, "stdin", (tmp_path / "given").open())
    added = run("accounts", "add", "lead", "--grant", "lead", "--password-stdin")
    assert (added.code, added.out) == (0, "")
    assert porter(store).by_password("lead", "correct horse battery")


def test_a_token_is_printed_once_listed_without_its_secret_and_revoked(run: Run, store: Store) -> None:
    run("accounts", "add", "analyst", "--grant", "analyst")
    made = run("tokens", "add", "analyst", "--for", "a chart", "--days", "7", "--grant", "viewer")
    token = made.out.strip()
    assert re.fullmatch(r"surv_[a-z2-9]{8}_[\w-]{43}", token)
    listed = run("tokens", "list", "analyst").out
    assert token.split("_")[1] in listed
    assert token not in listed
    assert porter(store).by_token(token) is not None
    assert run("tokens", "revoke", token.split("_")[1]).code == 0
    assert porter(store).by_token(token) is None


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("accounts", "add", "x1", "--grant", "chief"), "a grant is ROLE"),
        (("accounts", "add", "x1", "--grant", "lead:nowhere"), "there is no scope nowhere; there are: "),
        (("accounts", "add", "X1", "--grant", "lead"), "small letters"),
        (
            ("accounts", "add", "x1", "--grant", "partner:*:*:nobody"),
            "there is no partner nobody; there are: ",
        ),
        (("accounts", "add", "x1", "--grant", "partner:example-coroner"), "ROLE:SCOPES:USE_CASES"),
        (("accounts", "disable", "nobody"), "there is no such account; see: surveillance accounts list"),
        (("tokens", "add", "nobody", "--for", "x"), "there is no such account"),
        (("tokens", "revoke", "abcdefgh"), "token abcdefgh: there is none"),
    ],
)
def test_a_mistake_is_told_with_what_mends_it(run: Run, words: tuple[str, ...], says: str) -> None:
    ended = run(*words)
    assert (ended.code, says in ended.words) == (2, True), ended.words


def test_the_first_password_is_shown_once_on_a_terminal(
    store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    tell_of_first_account(Settings())
    said = capsys.readouterr().err
    found = re.search(r"^password\s+(\S+)", said, re.MULTILINE)
    assert found, said
    assert porter(store).by_password(FIRST, found[1]).grants == (Grant.parse("operator"), Grant.parse("lead"))
    tell_of_first_account(Settings())
    assert "password" not in capsys.readouterr().err


def test_without_a_terminal_no_password_is_made_since_it_would_end_in_a_log(
    store: Store, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        tell_of_first_account(Settings())
    assert register(store).listed() == []
    said = "".join(capsys.readouterr()) + caplog.text
    assert "surveillance accounts add" in said


@pytest.mark.parametrize("url", ["http://surveillance.example.org", "http://192.0.2.1:8080"])
@pytest.mark.usefixtures("store")
def test_pages_that_people_reach_without_tls_do_not_start(
    run: Run, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("SURVEILLANCE_WEB_URL", url)
    ended = run("web")
    assert (ended.code, "https://" in ended.words) == (2, True)


@pytest.mark.usefixtures("store")
def test_a_session_key_of_its_own_may_be_changed_without_touching_the_audit_chain(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seals = []
    for key in (None, "s" * 32, "t" * 32):
        if key is not None:
            monkeypatch.setenv("SURVEILLANCE_SESSION_KEY", key)
        seals.append(make_pages(Settings()).state.door.seal.key)
    assert len(set(seals)) == 3
    assert KEY.encode() not in seals


def test_a_mistake_in_the_file_of_the_provider_is_found_by_check(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "copied"
    copied.mkdir()
    for part in Path(os.environ["SURVEILLANCE_CONFIG_DIR"]).iterdir():
        (copied / part.name).symlink_to(part)
    (copied / "access.yaml").write_text("provider: {title: x}\n")
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(copied))
    ended = run("check")
    assert (ended.code, "access.yaml: provider.issuer: is missing" in ended.words) == (2, True), ended.words
