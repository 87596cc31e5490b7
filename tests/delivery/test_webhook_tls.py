"""Webhooks go to the receiver that is meant, or nowhere: its certificate and its name are checked."""

import os
from pathlib import Path

import pytest
import trustme
from http_receiver import HttpReceiver
from post_room import receiver
from test_webhook import CONTENT, KEY, OWED, SECRET, Parcel

from surveillance.delivery import webhook
from surveillance.delivery.channel import Around
from surveillance.delivery.parcel import NotTaken
from surveillance.delivery.registry import open_senders
from surveillance.settings import Settings
from surveillance.tls import server_tls


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    monkeypatch.setenv("CASES_SECRET", SECRET)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


def listener(authority: trustme.CA, name: str, tmp_path: Path) -> HttpReceiver:
    authority.issue_cert(name).private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    return HttpReceiver(tls=server_tls(tmp_path / "server.pem"))


def send(url: str, ca_file: Path | None) -> int | None:
    of = receiver("cases", address=url, secret_env="CASES_SECRET")
    settings = Settings(config_dir=Path("/nowhere"), webhook_ca_file=ca_file)  # type: ignore[call-arg]
    return open_senders([of], Around(settings, lambda _: None))[of.id](Parcel(KEY, "a1", CONTENT, OWED))


def test_a_receiver_that_is_vouched_for_and_rightly_named_is_told(
    authority: trustme.CA, tmp_path: Path
) -> None:
    with listener(authority, "127.0.0.1", tmp_path) as server:
        assert send(server.url, tmp_path / "ca.pem") == 200
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("name", "vouches"), [("127.0.0.1", "the system"), ("127.0.0.1", "a stranger"), ("localhost", "its own")]
)
def test_nothing_is_said_to_one_that_is_not(
    authority: trustme.CA, tmp_path: Path, name: str, vouches: str
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "stranger.pem")
    files = {"the system": None, "a stranger": tmp_path / "stranger.pem", "its own": tmp_path / "ca.pem"}
    with listener(authority, name, tmp_path) as server:
        with pytest.raises(NotTaken, match="ConnectError"):
            send(server.url, files[vouches])
        assert server.requests == []


def test_a_file_without_certificates_is_named_before_anything_is_sent(authority: trustme.CA) -> None:
    del authority
    of = receiver("cases", address="https://example.org/a", secret_env="CASES_SECRET")
    settings = Settings(config_dir=Path("/nowhere"), webhook_ca_file=Path(os.__file__))  # type: ignore[call-arg]
    ((_, problem, _),) = webhook.OFFERED.needs(of, settings)
    assert problem == "setting webhook_ca_file holds no certificate"
