"""The Dockerfile: what runs is fixed, is nobody of importance, writes nowhere, and can build nothing."""

import re
import subprocess
import sys
from pathlib import Path

from plugins.kafka_harness import ROOT
from test_compose import OURS

TEXT = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
STAGES = re.split(r"(?m)^FROM ", TEXT)[1:]
LAST = STAGES[-1]


def instructions(name: str, text: str) -> list[str]:
    return [line.split(None, 1)[1] for line in text.splitlines() if line.startswith(f"{name} ")]


def test_hadolint_finds_nothing() -> None:
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([program, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.stdout + done.stderr, done.returncode) == ("", 0)


def test_hadolint_would_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM python:latest\nUSER root\n")
    program = Path(sys.executable).parent / "hadolint"
    done = subprocess.run([program, tmp_path / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "DL3007" in done.stdout


def test_both_stages_begin_with_the_same_exact_image() -> None:
    (chosen,) = re.findall(r"(?m)^ARG PYTHON=(.+)$", TEXT)
    assert re.fullmatch(r"3\.11\.\d+-slim-bookworm", chosen)
    assert [stage.split()[0] for stage in STAGES] == ["python:${PYTHON}"] * 2


def test_everything_is_installed_by_hash_and_in_the_first_stage_only() -> None:
    installs = re.findall(r"pip (?:install|wheel) [^&\n]+", TEXT)
    assert len(installs) == 4
    assert all("--require-hashes" in one or "--no-deps" in one for one in installs)
    assert "pip install" not in LAST
    assert not re.search(r"\b(apt-get|curl|wget|git|gcc|make)\b", LAST)


def test_what_runs_cannot_install_or_build_anything() -> None:
    assert re.search(r"RUN /opt/surveillance/bin/python -m pip uninstall --yes pip", STAGES[0])
    assert re.search(r"RUN python -m pip uninstall --yes pip setuptools wheel && rm -rf \S+/ensurepip", LAST)
    copied = instructions("COPY", LAST)
    assert [line for line in copied if "--from" not in line] == ["config /app/config"]
    assert all(re.search(r"/opt/(surveillance|numba-cache) ", line) for line in copied if "--from" in line)


def test_it_runs_as_a_numbered_user_without_a_shell_or_home() -> None:
    assert instructions("USER", LAST) == ["10001:10001"]
    assert "--no-create-home" in LAST
    assert "--shell /usr/sbin/nologin" in LAST
    assert LAST.index("USER 10001") < LAST.index("ENTRYPOINT")


def test_no_secret_is_in_it_and_none_is_asked_for_at_build_time() -> None:
    arguments = [*instructions("ARG", TEXT), *instructions("ENV", TEXT)]
    assert not [one for one in arguments if re.search(r"(?i)password|secret|token|_key", one)]
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    assert lines[1] == "*", "only what is named is sent to the build"
    assert {"**/.env", "config/secrets"} <= set(lines)


def test_it_says_whether_a_worker_or_the_pages_answer() -> None:
    (check,) = instructions("HEALTHCHECK", LAST)
    assert re.search(r"\(8080, 9464\)", check)
    program = re.search(r'"-c", "(.+)"\]', check)
    assert program
    silent = program[1].replace("8080", "1").replace("9464", "2")
    assert subprocess.run([sys.executable, "-c", silent], check=False).returncode == 1


def test_compose_runs_it_on_a_read_only_file_system_and_gives_it_room_for_what_it_writes() -> None:
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["init"] is True
        assert "user" not in service, "the image's own"
    assert "spool:/var/spool/surveillance" in "".join(map(str, OURS["web"]["volumes"]))
    assert "-o surveillance" in LAST[: LAST.index("USER")]
