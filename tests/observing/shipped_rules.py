"""The rules and dashboards as an operator gets them, for tests."""

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config/prometheus/rules/surveillance.yaml"


def all_rules() -> dict[str, dict[str, Any]]:
    """Every rule by its name."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def metrics_in(query: str) -> set[str]:
    """The metrics of ours that a query names."""
    return set(re.findall(r"\bsurveillance_\w+", query))
