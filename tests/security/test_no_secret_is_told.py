"""Whatever command runs, and however it fails: no secret that it was given comes out of it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from types import FrameType
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode

import pytest
import typer
from planted import PASSWORD_TYPED, ROOT, plant, planted, told

from surveillance import cli
from surveillance.kafka.ports import free_port

UNREACHABLE = f"postgresql+psycopg://surveillance:{planted('database_password')}@127.0.0.1:1/surveillance"
SERVES = {("worker",), ("web",), ("broker",), ("adapters", "hl7")}  # each in a test of its own
SECONDS = 30  # for what would go on for long
# What a parameter is given by its name; an option that is not named here, and not needed, is left out.
GIVEN = {
    **dict.fromkeys(("file", "cases"), "{folder}/nothing.csv"),
    "out": "{folder}/out/made",
    "use_case": "suspected-suicide",
    "scope": "cheshire-merseyside",
    "partner": "example-police",
    "topic": "incidents",
    "secret": "2026={folder}/pseudonym",
    "since": "2024-01-01",
    "areas": "cheshire_merseyside",
    "hours": "2",
    "grant": "viewer",
    "whose": "service",
    "organisation": "NORTH-POLICE",
    "reporter_type": "police",
}
ALSO = {("evaluate",): ("--use-case", "nothing"), ("demo",): ("--directory", "/dev/null")}


pytestmark = pytest.mark.slow


def commands() -> list[tuple[tuple[str, ...], Any]]:
    def walk(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
        below = getattr(command, "commands", None)
        if below is None:
            yield path, command
        else:
            for name, found in below.items():
                yield from walk(found, (*path, name))

    return list(walk(typer.main.get_command(cli.make_app([])), ()))


COMMANDS = commands()


def filled_in(path: tuple[str, ...], command: Any, folder: Path) -> list[str]:
    """The command with everything that it needs, and whatever it takes of files with secrets."""
    words = [*path, *ALSO.get(path, ())]
    for parameter in command.params:
        if not (parameter.required or parameter.name == "secret"):
            continue
        value = GIVEN.get(parameter.name, "x").format(folder=folder)
        words += [value] if parameter.param_type_name == "argument" else [parameter.opts[0], value]
    return words


@contextmanager
def at_most(seconds: int) -> Iterator[None]:
    """Ends what takes longer, as Ctrl-C does."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The secrets are planted in files, all but the database's. Commands write to a folder of the test."""
    for name in [name for name in os.environ if name.startswith("SURVEILLANCE_")]:
        monkeypatch.delenv(name)
    made = plant(tmp_path)
    made["SURVEILLANCE_DATABASE_URL"] = f"sqlite:///{tmp_path / 'surveillance.db'}"
    made["SURVEILLANCE_DATABASE_PASSWORD"] = planted("database_password")
    made["SURVEILLANCE_CONFIG_DIR"] = str(ROOT / "config")
    monkeypatch.chdir(tmp_path)
    for name, value in made.items():
        monkeypatch.setenv(name, value)
    return made


def run_here(words: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> str:
    """What a command says; that of a defect with its whole stack trace."""
    monkeypatch.setattr(sys, "argv", ["surveillance", *words])
    capfd.readouterr()
    raised = ""
    try:
        with at_most(SECONDS):
            cli.main()
    except SystemExit:
        pass
    except BaseException:  # the interpreter would print it
        import traceback

        raised = traceback.format_exc()
    said = capfd.readouterr()
    return said.out + said.err + raised


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("world", ["a database without a broker", "neither"])
def test_no_command_tells_a_secret_whether_it_works_or_fails(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    world: str,
) -> None:
    run_here(["db", "upgrade"], monkeypatch, capfd)
    if world == "neither":
        monkeypatch.setenv("SURVEILLANCE_DATABASE_URL", UNREACHABLE)
    said = {
        path: run_here(filled_in(path, command, tmp_path), monkeypatch, capfd)
        for path, command in COMMANDS
        if path not in SERVES
    }
    assert {path: told(text) for path, text in said.items() if told(text)} == {}
    assert len(said) > 50
    assert "Missing" not in "".join(re.findall(r"Missing (?:option|argument)", "".join(said.values())))


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("audit_key", "planted-audit-key-0123456789"[:30]),
        ("database_url", "no-url:planted-database-password-0123456789"),
        ("database_url", f"mysql://u:{planted('database_password')}@h/d"),
        ("database_url", f"postgresql+psycopg://u:{planted('database_password')}@[bad/d"),
        ("database_url", f"postgresql+psycopg://u:{planted('database_password')}@127.0.0.1:1/d?nonsense=1"),
        ("kafka_ca_file", "/nowhere"),
        ("metrics_port", "many"),
    ],
)
def test_no_mistake_in_the_settings_tells_one(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    name: str,
    value: str,
) -> None:
    monkeypatch.delenv(f"SURVEILLANCE_{name.upper()}_FILE", raising=False)
    monkeypatch.setenv(f"SURVEILLANCE_{name.upper()}", value)
    for words in (["db", "upgrade"], ["accounts", "list"], ["check"], ["topics", "create"]):
        assert told(run_here(words, monkeypatch, capfd)) == []


def test_the_stack_trace_of_a_defect_tells_none(environment: dict[str, str]) -> None:
    defect = (
        "import surveillance.cli.database as room, sys\n"
        "class Store:\n"
        "    @staticmethod\n"
        "    def open(address): raise RuntimeError(f'a defect near {address}')\n"
        "room.Store = Store\n"
        "sys.argv = ['surveillance', 'db', 'upgrade']\n"
        "from surveillance.cli import main\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", defect],
        cwd=ROOT,
        env={**os.environ, **environment, "SURVEILLANCE_DATABASE_URL": UNREACHABLE},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "a defect near" in done.stderr
    assert "Traceback" in done.stderr
    assert told(done.stdout + done.stderr) == []


@contextmanager
def process(words: list[str], environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process whose arguments tell nothing either; it is ended at the end of the block."""
    with log.open("wb") as out:
        running = subprocess.Popen(
            [sys.executable, "-m", "surveillance", *words],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
        )
    try:
        assert told(Path(f"/proc/{running.pid}/cmdline").read_bytes().decode()) == []
        yield running
    finally:
        running.terminate()
        running.wait(60)


def wait_until(log: Path, words: str, seconds: float = 300) -> None:
    deadline = time.monotonic() + seconds
    while words not in log.read_text(errors="replace"):
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        time.sleep(0.1)


@pytest.mark.parametrize("kind", ["console", "json"])
def test_a_worker_that_waits_for_broker_and_database_tells_none(
    environment: dict[str, str], tmp_path: Path, kind: str
) -> None:
    """The brokers turn it away only where they answer: here nobody does, and a listener says nonsense."""
    with closing(socket.create_server(("127.0.0.1", 0))) as nonsense:
        threading.Thread(target=say_nonsense, args=(nonsense,), daemon=True).start()
        metrics = free_port()
        own = environment | {
            "SURVEILLANCE_BROKERS": f"127.0.0.1:{nonsense.getsockname()[1]}",
            "SURVEILLANCE_METRICS_PORT": str(metrics),
            "SURVEILLANCE_LOG_FORMAT": kind,
        }
        subprocess.run(
            [sys.executable, "-m", "surveillance", "db", "upgrade"],
            cwd=ROOT,
            env={**os.environ, **own},
            check=True,
            capture_output=True,
        )
        with process(["worker"], own, tmp_path / "worker.log"):
            wait_until(tmp_path / "worker.log", "waiting for the broker")
            text = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics", timeout=10).read().decode()
        away = own | {"SURVEILLANCE_DATABASE_URL": UNREACHABLE, "SURVEILLANCE_METRICS_PORT": "0"}
        del away["SURVEILLANCE_DATABASE_PASSWORD"]
        with process(["worker"], away, tmp_path / "away.log"):
            wait_until(tmp_path / "away.log", "waiting for the database")
    logs = [(tmp_path / name).read_text(errors="replace") for name in ("worker.log", "away.log")]
    assert [told(said) for said in (*logs, text)] == [[], [], []]


def say_nonsense(listening: socket.socket) -> None:
    while True:
        try:
            with closing(listening.accept()[0]) as one:
                one.sendall(b"\x00\x00\x00\x02hi")
        except OSError:
            return


def test_the_pages_tell_none_through_wrong_passwords_forged_cookies_and_a_lost_database(
    environment: dict[str, str], tmp_path: Path
) -> None:
    port = free_port()
    own = environment | {
        "SURVEILLANCE_WEB_PORT": str(port),
        "SURVEILLANCE_WEB_METRICS_PORT": "0",
        "SURVEILLANCE_WEB_URL": f"http://127.0.0.1:{port}",
        "SURVEILLANCE_LOG_FORMAT": "json",
    }
    surveillance = [sys.executable, "-m", "surveillance"]
    every = {"cwd": ROOT, "env": {**os.environ, **own}, "capture_output": True, "check": True}
    subprocess.run([*surveillance, "db", "upgrade"], **every)  # type: ignore[call-overload]
    subprocess.run(  # type: ignore[call-overload]
        [*surveillance, "accounts", "add", "lead-1", "--grant", "lead", "--password-stdin"],
        input=PASSWORD_TYPED.encode(),
        **every,
    )
    with process(["web"], own, tmp_path / "web.log"):
        wait_until(tmp_path / "web.log", "Uvicorn running")
        pages = [*visit(f"http://127.0.0.1:{port}")]
        for found in tmp_path.glob("surveillance.db*"):
            found.unlink()
        pages += [*visit(f"http://127.0.0.1:{port}")]
    assert sum("sign-in" in page for page in pages) > 4
    assert [told(page) for page in pages if told(page)] == []
    assert told((tmp_path / "web.log").read_text()) == []


def visit(address: str) -> Iterator[str]:
    """What a browser is answered, headers included; everything a person or a stranger may try."""
    jar = CookieJar()
    browser = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPCookieProcessor(jar)
    )

    def ask(path: str, headers: Mapping[str, str] | None = None, **form: str) -> str:
        body = urlencode(form).encode() if form else None
        request = urllib.request.Request(address + path, body, dict(headers or {}) | {"Origin": address})
        try:
            with browser.open(request, timeout=30) as answer:
                return f"{answer.headers}{answer.read().decode(errors='replace')}"
        except HTTPError as error:
            return f"{error.headers}{error.read().decode(errors='replace')}"

    def sign_in(password: str) -> str:
        found = re.search(r'name="csrf" value="([^"]+)"', ask("/sign-in"))
        return ask("/sign-in", csrf=found[1] if found else "", name="lead-1", password=password)

    yield ask("/health/ready")
    yield ask("/sign-in/provider")  # the provider cannot be reached
    yield ask(f"/sign-in?next={planted('pseudonym')[:4]}")
    yield ask("/alerts/nothing", {"Cookie": "surveillance=forged.forged"})
    yield ask("/api/alerts", {"Authorization": "Bearer forged"})
    yield sign_in("wrong" + PASSWORD_TYPED)
    yield sign_in(PASSWORD_TYPED)
    for path in ("/", "/account", "/accounts", "/audit", "/partners", "/overview", "/api/openapi.json"):
        yield ask(path)


def test_no_option_of_any_command_takes_a_secret() -> None:
    """Arguments of a process are seen by everybody on its machine."""
    suspicious = {
        (*path, option)
        for path, command in COMMANDS
        for parameter in command.params
        for option in parameter.opts
        if re.search(r"secret|password|passphrase|key|token|credential", option)
    }
    assert suspicious == {
        *((*path, "--secret") for path in (("adapters", "hl7"), ("adapters", "fhir"), ("pseudonymise",))),
        *((*path, "--password-stdin") for path in (("accounts", "add"), ("accounts", "password"))),
        ("adapters", "hl7", "--tls-key"),
        ("tokens", "revoke", "token"),  # its public part
    }, "name a file (KEY-ID=FILE), or read standard input"


@pytest.mark.usefixtures("environment")
def test_a_secret_given_where_its_file_should_be_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = ["adapters", "fhir", "x", "--partner", "example-emergency-department", "--secret"]
    for wrong in (planted("pseudonym"), f"2026={planted('pseudonym')}"):
        assert told(run_here([*words, wrong], monkeypatch, capfd)) == []
