"""What the service listens on, with TLS: the pages, the metrics and HL7, each as its real process."""

import os
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import trustme
from command import ROOT, run_apart

from surveillance.kafka.ports import free_port

KEYS = {"DEAD_LETTER_KEY": "d" * 32, "AUDIT_KEY": "a" * 32, "SESSION_KEY": "s" * 32}
MESSAGE = b"\x0bMSH|^~\\&|PAS|RXX01|S|H|20240302090000||ORU^R01|1|P|2.4\r\x1c\r"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    """Vouches for `server.pem` and `key.pem`, which are for localhost alone."""
    made = trustme.CA()
    own = made.issue_cert("localhost")
    own.private_key_pem.write_to_path(tmp_path / "key.pem")
    own.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    return made


@contextmanager
def running(tmp_path: Path, *arguments: object, **chosen: object) -> Iterator[subprocess.Popen[bytes]]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SURVEILLANCE_")}
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "surveillance", *map(str, arguments)],
            cwd=ROOT,
            env=clean | named(chosen),
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()


def named(chosen: Mapping[str, object]) -> dict[str, str]:
    return {f"SURVEILLANCE_{name.upper()}": str(value) for name, value in chosen.items()}


def asked(url: str, tls: ssl.SSLContext, log: Path) -> httpx.Response:
    """The answer, once there is one."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return httpx.get(url, verify=tls, trust_env=False)
        except httpx.ConnectError as error:
            if "certificate" in str(error) or time.monotonic() > deadline:
                raise AssertionError(log.read_text()) from error
            time.sleep(0.1)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_the_pages_are_served_by_https_only_with_hsts_and_secure_cookies(
    authority: trustme.CA, tmp_path: Path
) -> None:
    port = free_port()
    own = {
        "database_url": f"sqlite:///{tmp_path / 'surveillance.db'}",
        "brokers": "127.0.0.1:1",
        "spool_dir": tmp_path / "spool",
        "web_port": port,
        "web_metrics_port": 0,
        "web_url": f"https://localhost:{port}",
        "web_cert_file": tmp_path / "cert.pem",
        "web_key_file": tmp_path / "key.pem",
        **KEYS,
    }
    assert run_apart("db", "upgrade", **named(own)).code == 0
    with running(tmp_path, "web", **own):
        tls = trusting(authority)
        page = asked(f"https://localhost:{port}/sign-in", tls, tmp_path / "log")
        assert page.status_code == 200
        assert page.headers["strict-transport-security"] == "max-age=31536000"
        cookie = page.headers["set-cookie"]
        assert cookie.startswith("__Host-surveillance=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        with pytest.raises(httpx.HTTPError):
            httpx.get(f"http://localhost:{port}/sign-in", trust_env=False)
        with pytest.raises(httpx.ConnectError, match="IP address mismatch"):
            httpx.get(f"https://127.0.0.1:{port}/sign-in", verify=tls, trust_env=False)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            assert shake(port, ssl.TLSVersion.TLSv1_1) is None
        assert shake(port, ssl.TLSVersion.TLSv1_2) == "TLSv1.2"


def shake(port: int, version: ssl.TLSVersion) -> str | None:
    """The version that is agreed on with a client that knows this one alone; None where it is refused."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    anybody.minimum_version = anybody.maximum_version = version
    anybody.set_ciphers("ALL:@SECLEVEL=0")
    with socket.create_connection(("127.0.0.1", port), 10) as plain:
        try:
            return anybody.wrap_socket(plain).version()
        except (ssl.SSLError, ConnectionError):
            return None


def test_hl7_and_metrics_are_heard_with_tls_and_metrics_by_those_that_are_vouched_for(
    authority: trustme.CA, tmp_path: Path
) -> None:
    port, metrics = free_port(), free_port()
    (tmp_path / "secret").write_text("n" * 64)
    own = {
        "brokers": "127.0.0.1:1",
        "metrics_cert_file": tmp_path / "cert.pem",
        "metrics_key_file": tmp_path / "key.pem",
        "metrics_client_ca_file": tmp_path / "ca.pem",
    }
    arguments = (
        *("adapters", "hl7", "--partner", "example-emergency-department"),
        *("--secret", f"2026={tmp_path / 'secret'}", "--journal", tmp_path / "hl7.journal"),
        *("--listen", f"127.0.0.1:{port}", "--tls-cert", tmp_path / "cert.pem"),
        *("--tls-key", tmp_path / "key.pem", "--tls-clients", tmp_path / "ca.pem"),
        *("--metrics-port", metrics),
    )
    with running(tmp_path, *arguments, **own):
        tls = trusting(authority)
        authority.issue_cert("prometheus.example.org").configure_cert(tls)
        answer = asked(f"https://localhost:{metrics}/metrics", tls, tmp_path / "log")
        assert b"python_info" in answer.content
        with pytest.raises((httpx.ConnectError, httpx.ReadError)):
            httpx.get(f"https://localhost:{metrics}/metrics", verify=trusting(authority), trust_env=False)
        assert b"MSA|AR|1" in talk(port, tls)
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
            talk(port, trusting(authority))


def talk(port: int, tls: ssl.SSLContext) -> bytes:
    deadline = time.monotonic() + 60
    while True:
        try:
            plain = socket.create_connection(("127.0.0.1", port), 10)
            break
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    with plain, tls.wrap_socket(plain, server_hostname="localhost") as sender:
        sender.sendall(MESSAGE)
        heard = sender.recv(65536)
    assert heard, "closed without an answer"
    return heard


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        ({"web_cert_file": "cert.pem"}, "setting web_url: the pages are served with TLS"),
        (
            {"web_cert_file": "cert.pem", "web_url": "https://localhost:8080"},
            "setting web_cert_file: cert.pem cannot be used with its key",
        ),
        (
            {"web_cert_file": "nowhere.pem", "web_url": "https://localhost:8080"},
            "nowhere.pem cannot be used with its key and what goes with it (FileNotFoundError)",
        ),
    ],
)
def test_a_certificate_that_cannot_serve_is_told_before_anything_listens(
    authority: trustme.CA,
    tmp_path: Path,
    run: object,
    monkeypatch: pytest.MonkeyPatch,
    chosen: dict[str, str],
    words: str,
) -> None:
    del authority
    monkeypatch.chdir(tmp_path)
    for name, value in named(chosen | KEYS).items():
        monkeypatch.setenv(name, value)
    done = run("web")  # type: ignore[operator]
    assert done.code == 2
    assert words in done.words


def test_metrics_of_some_clients_only_need_a_certificate(
    run: object, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text("n" * 64)
    monkeypatch.setenv("SURVEILLANCE_METRICS_CLIENT_CA_FILE", "ca.pem")
    done = run(  # type: ignore[operator]
        *("adapters", "hl7", "--partner", "example-emergency-department", "--metrics-port", free_port()),
        *("--secret", f"2026={tmp_path / 'secret'}", "--journal", tmp_path / "hl7.journal"),
        *("--listen", f"127.0.0.1:{free_port()}"),
    )
    assert done.code == 2
    assert "Set metrics_cert_file as well" in done.words
