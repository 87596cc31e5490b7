"""Dashboards and rules beside a running service: what they ask for is there, every panel shows something."""

import json
import re
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from observed import Observed
from shipped_rules import ROOT, all_rules, metrics_in

from plugins.prometheus import run_promtool

DASHBOARDS = sorted((ROOT / "config/grafana/dashboards").glob("*.json"))
# What Grafana puts in; a minute of scrapes is what a test has.
PUT_IN = {"$__rate_interval": "1m", "$partner": ".*"}


def panels(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(path.read_text())["panels"]
    return found


def queries(path: Path) -> list[tuple[str, str]]:
    """Title of the panel and query, as Grafana asks it."""
    asked = [(panel["title"], target["expr"]) for panel in panels(path) for target in panel["targets"]]
    for variable, value in PUT_IN.items():
        asked = [(title, query.replace(variable, value)) for title, query in asked]
    return asked


def test_there_is_one_for_the_operator_and_one_for_data_quality() -> None:
    assert [path.stem for path in DASHBOARDS] == ["data-quality", "operator"]


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_have_a_number_of_their_own_and_do_not_overlap(path: Path) -> None:
    numbers = [panel["id"] for panel in panels(path)]
    assert len(set(numbers)) == len(numbers)
    taken: set[tuple[int, int]] = set()
    for panel in panels(path):
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_query_is_one_that_prometheus_can_read(path: Path, promtool: str, tmp_path: Path) -> None:
    recorded = [{"record": f"panel:{n}", "expr": query} for n, (_, query) in enumerate(queries(path))]
    rules = tmp_path / "queries.yaml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": recorded}]}))
    assert f"{len(recorded)} rules found" in run_promtool(promtool, "check", "rules", rules)


def test_no_panel_shows_a_number_of_people() -> None:
    """Alerts by use case and area, and members of alerts, are for the pages, where roles are asked for."""
    for path in DASHBOARDS:
        for title, query in queries(path):
            assert "surveillance_alerts{" not in query, title
            assert not {"partner", "use_case"} <= set(re.findall(r"\w+", query)), title


@pytest.mark.slow
def test_every_metric_that_a_rule_or_dashboard_names_is_exported(observed: Observed) -> None:
    named = set().union(*(metrics_in(rule["expr"]) for rule in all_rules().values()))
    for path in DASHBOARDS:
        named = named.union(*(metrics_in(query) for _, query in queries(path)))
    settings = observed.stack.settings
    exported: set[str] = set()
    for port in (settings.metrics_port, settings.web_metrics_port):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            exported |= set(re.findall(r"^(surveillance_\w+)", answer.read().decode(), re.MULTILINE))
    assert len(named) > 30
    assert named - exported == set()


@pytest.mark.slow
@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_every_panel_shows_something_after_a_day_of_reports(observed: Observed, path: Path) -> None:
    empty = [(title, query) for title, query in queries(path) if not observed.query(query)]
    assert empty == []


@pytest.mark.slow
def test_what_the_panels_show_is_what_happened(observed: Observed) -> None:
    def number(query: str) -> float:
        (one,) = observed.query(query)
        return float(one["value"][1])

    assert number("sum(surveillance_partner_messages_total)") == len(observed.published) + 1
    assert number('sum(surveillance_messages_total{outcome="refused"})') > 1
    assert number("sum(max by (topic, partition) (surveillance_lag_messages))") == 0
    assert number("sum(max by (topic, partition) (surveillance_ledger_owed_messages))") == 0
    assert number('sum(surveillance_deliveries_total{outcome="sent"})') > 0
    assert number("max(surveillance_audit_broken)") == 0
    assert number("count(surveillance_partner_delay_days_bucket) > bool 0") == 1


@pytest.mark.slow
def test_prometheus_has_read_every_rule(observed: Observed) -> None:
    with urllib.request.urlopen(f"{observed.prometheus}/api/v1/rules", timeout=10) as answer:
        groups = json.load(answer)["data"]["groups"]
    read = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert read == dict.fromkeys(all_rules(), "ok")
