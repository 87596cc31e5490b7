"""The threat model names, for each threat, a control and the tests that prove it; all of them exist."""

import ast
import re
from collections.abc import Iterator

import pytest
from planted import ROOT

TEXT = (ROOT / "docs" / "operators" / "security.md").read_text()
ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in TEXT.split("## Threats")[1].split("\n## ")[0].splitlines()
    if line.startswith("|") and not line.startswith(("| ---", "| threat"))
]
# What a threat model of such a service may not leave out.
NAMED = (
    *(
        "forges another's record",
        "session is stolen",
        "CSRF",
        "XSS",
        "SQL",
        "path leads out",
        "zip or XML bomb",
    ),
    *(
        "SSRF",
        "replayed",
        "re-identified",
        "insider reads beyond",
        "audit trail",
        "backup",
        "Logs",
        "dependency",
    ),
    *("listens between", "flood", "guessed", "fixation", "erased"),
)


def existing() -> Iterator[str]:
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                yield node.name


TESTS = frozenset(existing())


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:60])
def test_each_threat_has_a_control_and_tests_that_exist(row: list[str]) -> None:
    threat, control, proofs = row
    named = re.findall(r"`(test_\w+)`", proofs)
    assert threat
    assert control
    assert named, threat
    assert [name for name in named if name not in TESTS] == []


@pytest.mark.parametrize("threat", NAMED)
def test_no_known_kind_of_threat_is_left_out(threat: str) -> None:
    assert [row for row in ROWS if threat.lower() in row[0].lower()], threat


def test_every_setting_that_the_page_names_exists() -> None:
    from surveillance.settings import Settings

    table = TEXT.split("## TLS, by setting")[1].split("\n## ")[0]
    named = {word.split(":")[0] for word in re.findall(r"`([a-z_]+(?:: \S+)?)`", table)}
    assert named <= set(Settings.model_fields)
