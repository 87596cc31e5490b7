"""The reference of the configuration is made from the code, and is up to date."""

import re
from pathlib import Path

import pytest
from command import ROOT, Run

from surveillance.cli.settings import reference, unit_of
from surveillance.settings import Settings
from surveillance.use_case.model import Partner, Scope, UseCase
from surveillance.use_case.receiver import Receiver, ReceiversFile

PAGE = ROOT / "docs/operators/settings.md"


def test_the_page_is_up_to_date() -> None:
    said = "it is out of date; run: surveillance settings --out docs/operators/settings.md"
    assert PAGE.read_text() == reference(), said


def test_the_command_prints_it_or_writes_it(run: Run, tmp_path: Path) -> None:
    assert run("settings").out == reference()
    assert run("settings", "--out", tmp_path / "settings.md").code == 0
    assert (tmp_path / "settings.md").read_text() == reference()


def test_every_setting_is_there_with_its_variable_and_what_it_means() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| `SURVEILLANCE_\w+` \|(.*)\|$", reference(), re.MULTILINE))
    assert rows.keys() == Settings.model_fields.keys()
    assert [name for name, row in rows.items() if not row.rstrip("| ").rpartition("|")[2].strip()] == []


def test_what_is_secret_is_said_to_be() -> None:
    secret = set(re.findall(r"^\| `(\w+)` \|[^|]*\|[^|]*\|[^|]*\| yes \|", reference(), re.MULTILINE))
    assert secret >= {"database_url", "dead_letter_key", "audit_key", "session_key", "kafka_password"}
    assert not secret & {"brokers", "web_url", "kafka_user"}


@pytest.mark.parametrize("model", [UseCase, Partner, ReceiversFile, Receiver, Scope])
def test_every_key_of_a_file_is_there(model: type[UseCase]) -> None:
    for key in model.model_fields:
        assert f"\n| `{key}` |" in reference(), key


def test_a_unit_is_what_the_name_ends_in() -> None:
    assert [
        unit_of(name) for name in ("repair_after_seconds", "fetch_wait_ms", "spool_megabytes", "brokers")
    ] == [
        "seconds",
        "milliseconds",
        "megabytes",
        "",
    ]
