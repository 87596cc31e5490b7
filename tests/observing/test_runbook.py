"""Each rule has its section in the runbook; what operators' pages name exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from shipped_rules import ROOT, all_rules

from surveillance.cli import make_app
from surveillance.settings import Settings
from surveillance.store.roles import ROLES

PAGES = sorted((ROOT / "docs/operators").glob("*.md"))
ASKED = ("**Means**", "**At risk**", "**Look**", "**Do**", "**Escalate**")


def sections() -> dict[str, str]:
    """The runbook by rule."""
    parts = re.split(r"^## (\w+)$", (ROOT / "docs/operators/runbook.md").read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_every_rule_has_its_section_and_every_section_its_rule() -> None:
    assert list(sections()) == list(all_rules())


@pytest.mark.parametrize("rule", all_rules())
def test_a_section_says_what_it_means_what_is_at_risk_where_to_look_and_what_to_do(rule: str) -> None:
    section = sections()[rule]
    assert [word for word in ASKED if word.strip("*") not in section] == []
    assert section.lstrip().startswith(f"{all_rules()[rule]['labels']['severity']}. ")


def commands_in(path: Path) -> list[list[str]]:
    """What a page says after `surveillance`, in words."""
    text = path.read_text()
    spans = re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    lines = [
        line for block in re.findall(r"```\w*\n(.*?)```", text, re.DOTALL) for line in block.splitlines()
    ]
    said = [
        found[1] for one in (*spans, *lines) if (found := re.search(r"(?:^|/)surveillance ([a-z].*)", one))
    ]
    return [re.split(r"[#|&>]| \\$", one)[0].split() for one in said]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_command_that_a_page_names_exists_with_its_options(path: Path) -> None:
    for words in commands_in(path):
        command: Any = typer.main.get_command(make_app(words))
        rest = list(words)
        while rest and (below := getattr(command, "commands", {}).get(rest[0])) is not None:
            command = below
            rest.pop(0)
        assert not getattr(command, "commands", None) or len(words) == 1, f"{path.name}: {' '.join(words)}"
        known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
        assert {word.split("=")[0] for word in rest if word.startswith("-")} <= known, " ".join(words)


def test_the_test_would_find_a_command_that_is_not_there(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "`surveillance audit verify --head X` and\n```\n.venv/bin/surveillance db upgrade # now\n```\n"
    )
    assert commands_in(page) == [["db", "upgrade"], ["audit", "verify", "--head", "X"]][::-1]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_setting_metric_and_file_that_a_page_names_exists(path: Path) -> None:
    text = path.read_text()
    named = {name.lower() for name in re.findall(r"SURVEILLANCE_([A-Z_]+)", text)}
    assert named <= set(Settings.model_fields)
    code = (ROOT / "surveillance/metrics.py").read_text()
    for metric in set(re.findall(r"`(surveillance_\w+)", text)) - set(ROLES):
        assert re.sub(r"_(total|bucket|count|sum)$", "", metric) in code, metric


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_link_of_a_page_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target
