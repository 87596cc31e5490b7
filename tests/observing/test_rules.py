"""Each rule fires when it should and is silent when it should be, as promtool says."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from shipped_rules import ROOT, RULES, all_rules

from plugins.prometheus import run_promtool

WORKER = '{job="worker", instance="w1:9464"}'
TOPIC = 'topic="incidents.v1.north", partition="0"'
POLICE = 'partner="north-police", kind="incident"'


@dataclass(frozen=True)
class Case:
    """What Prometheus saw, a sample a minute (`0+1x9`: 0, 1 ... 9; `_`: none), when a rule is silent (0) and
    when it fires (how many times)."""

    rule: str
    series: dict[str, str]
    at: dict[str, int]


CASES = (
    Case("WorkerDown", {f"up{WORKER}": "1x9 0x9"}, {"9m": 0, "11m": 0, "13m": 1}),
    Case("NoWorker", {f"up{WORKER}": "1x9 0x9"}, {"9m": 0, "13m": 1}),
    Case(
        "NoWorker",
        {f"up{WORKER}": "0x30", 'up{job="worker", instance="w2:9464"}': "1x30"},
        {"30m": 0},
    ),
    Case("NoWorker", {'up{job="web", instance="p:9465"}': "1x30"}, {"30m": 1}),
    Case("PagesDown", {'up{job="web", instance="p:9465"}': "1x9 0x9"}, {"9m": 0, "13m": 1}),
    Case(
        "StepStalled",
        {'surveillance_step_succeeded_timestamp_seconds{step="tick"}': "0+60x10 600x20"},
        {"12m": 0, "17m": 1},
    ),
    Case(
        "StepStalled",
        {
            'surveillance_step_succeeded_timestamp_seconds{step="tick", instance="w1"}': "0x60",
            'surveillance_step_succeeded_timestamp_seconds{step="tick", instance="w2"}': "0+60x60",
        },
        {"60m": 0},
    ),
    Case("Outages", {'surveillance_outages_total{step="ingest"}': "0+1x60"}, {"60m": 0}),
    Case("Outages", {'surveillance_outages_total{step="ingest"}': "0x20 0+6x40"}, {"20m": 0, "40m": 1}),
    Case("DiskFull", {'surveillance_disk_free_ratio{disk="database"}': "0.5x9 0.09x20"}, {"9m": 0, "20m": 1}),
    Case(
        "PagesFailing",
        {
            'surveillance_web_requests_total{status="2xx"}': "0+10x90",
            'surveillance_web_requests_total{status="5xx"}': "0x30 0+2x60",
        },
        {"30m": 0, "50m": 1},
    ),
    Case(
        "PagesFailing",
        {
            'surveillance_web_requests_total{status="2xx"}': "0+1x60",
            'surveillance_web_requests_total{status="5xx"}': "0x30 1x30",
        },
        {"40m": 0},
    ),
    Case("LagGrowing", {f"surveillance_lag_messages{{{TOPIC}}}": "0x20 2000x60"}, {"20m": 0, "60m": 1}),
    Case("LagGrowing", {f"surveillance_lag_messages{{{TOPIC}}}": "9000-50x120"}, {"60m": 0}),
    Case(
        "LedgerGap",
        {f"surveillance_ledger_owed_messages{{{TOPIC}}}": "0x9 3x3 0x9 1x20"},
        {"15m": 0, "35m": 1},
    ),
    Case(
        "LostOffsets",
        {f"surveillance_lost_offsets{{{TOPIC}}}": "0x60 7x3000"},
        {"59m": 0, "62m": 1, "1400m": 1, "1560m": 0},
    ),
    Case("LostOffsets", {f"surveillance_lost_offsets{{{TOPIC}}}": "7x10"}, {"1m": 1}),
    Case(
        "RepairBusy",
        {'surveillance_repaired_messages_total{topic="t"}': "0x60 0+200x60"},
        {"60m": 0, "110m": 1},
    ),
    Case(
        "EvaluationsWaiting",
        {"surveillance_evaluations_oldest_age_seconds": "0x9 0+60x60"},
        {"15m": 0, "40m": 1},
    ),
    Case(
        "EvaluationsFailing",
        {'surveillance_evaluations_total{use_case="u", outcome="failed"}': "0x20 1x60"},
        {"20m": 0, "22m": 1, "60m": 0},
    ),
    Case(
        "EvaluationOverrun",
        {
            'surveillance_evaluation_seconds_count{use_case="u"}': "0+1x120",
            'surveillance_evaluation_seconds_bucket{use_case="u", le="30.0"}': "0+1x60 60x60",
        },
        {"60m": 0, "90m": 1},
    ),
    Case(
        "AlertsLate",
        {
            'surveillance_alert_latency_seconds_bucket{use_case="u", le="1.0"}': "0+9x60 540x90",
            'surveillance_alert_latency_seconds_bucket{use_case="u", le="60.0"}': "0+9x60 540x90",
            'surveillance_alert_latency_seconds_bucket{use_case="u", le="300.0"}': "0+9x150",
            'surveillance_alert_latency_seconds_bucket{use_case="u", le="+Inf"}': "0+9x150",
        },
        {"60m": 0, "100m": 1},
    ),
    Case(
        "AlertsOverdue",
        {'surveillance_alerts_overdue{use_case="u", state="open"}': "0x9 1x60"},
        {"20m": 0, "30m": 1},
    ),
    Case("OutboxOld", {"surveillance_outbox_age_seconds": "0x9 0+60x60"}, {"20m": 0, "40m": 1}),
    Case(
        "ReceiverFailing",
        {'surveillance_receiver_failures{receiver="r"}': "0x9 4x20 5x30"},
        {"28m": 0, "45m": 1},
    ),
    Case("NoticesRefused", {'surveillance_outbox_refused{receiver="r"}': "0x9 1x9"}, {"9m": 0, "11m": 1}),
    Case("PartnerSilent", {f"surveillance_partner_silent{{{POLICE}}}": "0x9 1x30"}, {"15m": 0, "25m": 1}),
    Case("PartnerQuiet", {f"surveillance_partner_quiet{{{POLICE}}}": "0x9 1x90"}, {"60m": 0, "80m": 1}),
    Case(
        "RefusalsSurge",
        {
            f'surveillance_partner_messages_total{{{POLICE}, outcome="accepted"}}': "0+2x120",
            f'surveillance_partner_messages_total{{{POLICE}, outcome="refused"}}': "0x60 0+1x60",
        },
        {"60m": 0, "110m": 1},
    ),
    Case(
        "RefusalsSurge",
        {
            f'surveillance_partner_messages_total{{{POLICE}, outcome="accepted"}}': "0+20x120",
            f'surveillance_partner_messages_total{{{POLICE}, outcome="refused"}}': "0+1x120",
        },
        {"110m": 0},
    ),
    Case(
        "RefusalsUncorrected",
        {'surveillance_partner_refusals_open{partner="p", code="invalid_value"}': "1x5000"},
        {"4000m": 0, "4400m": 1},
    ),
    Case(
        "SpoolGrowing",
        {
            "surveillance_spool_bytes": "0x9 600x60",
            "surveillance_spool_limit_bytes": "1000x69",
            "surveillance_spool_oldest_age_seconds": "0x69",
        },
        {"9m": 0, "20m": 1},
    ),
    Case(
        "SpoolGrowing",
        {
            "surveillance_spool_bytes": "5x69",
            "surveillance_spool_limit_bytes": "1000x69",
            "surveillance_spool_oldest_age_seconds": "0x9 0+60x60",
        },
        {"20m": 0, "40m": 1},
    ),
    Case("SpoolDiskFull", {"surveillance_spool_disk_free_ratio": "0.5x9 0.05x20"}, {"9m": 0, "20m": 1}),
    Case("AuditBroken", {"surveillance_audit_broken": "0x9 1x9"}, {"9m": 0, "11m": 1}),
    Case(
        "AuditUnverified",
        {
            'surveillance_audit_verified_timestamp_seconds{result="whole"}': "0x4000",
            f"up{WORKER}": "1x4000",
        },
        {"2800m": 0, "2960m": 1},
    ),
    Case("AuditUnverified", {f"up{WORKER}": "1x90"}, {"30m": 0, "70m": 1}),
    Case("AuditShrank", {"surveillance_audit_entries": "50+1x60 20x30"}, {"60m": 0, "62m": 1, "89m": 0}),
)


def test_the_rules_are_what_prometheus_takes(promtool: str) -> None:
    assert "SUCCESS" in run_promtool(promtool, "check", "rules", RULES)
    assert "SUCCESS" in run_promtool(promtool, "check", "config", ROOT / "config/prometheus/prometheus.yml")


def test_each_rule_fires_and_is_silent_as_it_should_be(promtool: str, tmp_path: Path) -> None:
    tests = tmp_path / "cases.yaml"
    tests.write_text(
        yaml.safe_dump(
            {"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [_as_test(c) for c in CASES]}
        )
    )
    run_promtool(promtool, "test", "rules", tests)


def test_the_cases_are_able_to_fail(promtool: str, tmp_path: Path) -> None:
    wrong = Case("AuditBroken", {"surveillance_audit_broken": "1x9"}, {"5m": 0})
    tests = tmp_path / "cases.yaml"
    tests.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "tests": [_as_test(wrong)]}))
    with pytest.raises(AssertionError, match="FAILED"):
        run_promtool(promtool, "test", "rules", tests)


def _as_test(case: Case) -> dict[str, Any]:
    firing = f'ALERTS{{alertname="{case.rule}", alertstate="firing"}}'
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in case.series.items()],
        "promql_expr_test": [
            {
                "expr": f"count({firing}) or vector(0)",
                "eval_time": at,
                "exp_samples": [{"labels": "{}", "value": fires}],
            }
            for at, fires in case.at.items()
        ],
    }


def test_every_rule_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    fires = {case.rule for case in CASES if any(case.at.values())}
    silent = {case.rule for case in CASES if 0 in case.at.values()}
    assert fires == silent == set(all_rules())


def test_every_rule_says_what_happened_how_urgent_it_is_and_where_to_read_on() -> None:
    for name, rule in all_rules().items():
        assert rule["labels"]["severity"] in ("page", "ticket"), name
        notes = rule["annotations"]
        assert notes["runbook_url"] == f"docs/operators/runbook.md#{name.lower()}"
        assert notes["summary"]
        assert not re.search(r"\$value", notes["summary"]), "a number in it may be one of people"
