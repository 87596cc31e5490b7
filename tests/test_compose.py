"""docker-compose.yml and what it starts from. No test here needs Docker."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from plugins.kafka_harness import PLAINTEXT, POM, ROOT, SERVER
from surveillance.settings import Settings

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}

# Addresses and folders are a machine's own; the last three only make Kafka clean up sooner.
NOT_COMPARED = {
    "controller.quorum.voters",
    "listeners",
    "advertised.listeners",
    "log.dirs",
    "log.cleaner.backoff.ms",
    "log.retention.check.interval.ms",
    "log.initial.task.delay.ms",
}


def environment(service: str) -> dict[str, str]:
    return {key: str(value) for key, value in SERVICES[service].get("environment", {}).items()}


def test_it_follows_the_compose_specification() -> None:
    schema = json.loads((ROOT / "tests/compose/compose-spec.json").read_text())
    faults = [
        f"{fault.json_path}: {fault.message}" for fault in Draft202012Validator(schema).iter_errors(COMPOSE)
    ]
    assert faults == []


def test_the_schema_would_refuse_a_misspelt_key() -> None:
    schema = json.loads((ROOT / "tests/compose/compose-spec.json").read_text())
    misspelt = {"services": {"web": {"image": "a:1", "depend_on": ["b"]}}}
    assert not Draft202012Validator(schema).is_valid(misspelt)


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_ours_exists(service: str) -> None:
    known = {f"SURVEILLANCE_{name.upper()}" for name in Settings.model_fields}
    assert {name for name in environment(service) if name.startswith("SURVEILLANCE_")} <= known


@pytest.mark.parametrize("service", OURS)
def test_settings_are_values_that_the_service_accepts(
    service: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in COMPOSE["secrets"]:
        (tmp_path / name).write_text("a" * 64)
    for name, value in environment(service).items():
        filled_in = re.sub(r"\$\{\w+(?::-(.*?)|:\+.*?)\}", r"\1", value)
        monkeypatch.setenv(name, filled_in.replace("/run/secrets", str(tmp_path)))
    monkeypatch.setenv("SURVEILLANCE_CONFIG_DIR", str(ROOT / "config"))
    Settings()


OF_EVERYBODY = {"config_dir", "log_format", "database_url", "database_password_file"}
NOT_PASSED = {  # fixed by the file itself, or of use by hand only
    *("brokers", "topic_prefix", "consumer_group", "partitions", "replication_factor", "replay", "chromium"),
    *("batch_messages", "ingest_lanes", "batch_wait_seconds", "fetch_wait_ms", "repair_after_seconds"),
    *("evaluation_lease_seconds", "log_messages", "ready_unhandled_messages"),
    # Their defaults suit one machine.
    *("spool_megabytes", "upload_megabytes", "test_record_days", "test_records_each"),
    # Its own database is plain too, and every secret is a file.
    *("database_url_file", "database_password", "database_tls", "database_ca_file"),
    *("dead_letter_key", "audit_key", "session_key", "oidc_secret"),
    *("database_migrator_password", "database_worker_password", "database_web_password"),
    # A proxy in front of the pages ends TLS; metrics stay on a network of their own.
    *("web_cert_file", "web_key_file", "webhook_ca_file"),
    *("metrics_cert_file", "metrics_key_file", "metrics_client_ca_file"),
    # The file's own Kafka is plain, on a network of its own; another one's settings come with its address.
    *("kafka_security", "kafka_ca_file", "kafka_user", "kafka_password", "kafka_password_file"),
    *("kafka_service_user", "kafka_gateway_user"),
}


def test_whatever_an_operator_can_set_is_passed_to_who_needs_it() -> None:
    passed = {name.removeprefix("SURVEILLANCE_").lower() for s in OURS for name in environment(s)}
    assert passed | NOT_PASSED | OF_EVERYBODY == set(Settings.model_fields)
    mail = {name for name in Settings.model_fields if name.startswith("mail_")}
    worker = {name.removeprefix("SURVEILLANCE_").lower() for name in environment("worker")}
    assert worker >= mail | {"dead_letter_key_file", "audit_key_file", "web_url"}, (
        "it delivers, and signs what it publishes"
    )
    text = (ROOT / "docker-compose.yml").read_text()
    asked = set(re.findall(r"\$\{(\w+):", text))
    assert asked == set(re.findall(r"^(?:# )?([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))


def test_what_is_there_only_where_somebody_named_it_is_a_file_too() -> None:
    worker, web = environment("worker"), environment("web")
    assert worker["SURVEILLANCE_MAIL_PASSWORD_FILE"] == "${MAIL_USER:+/run/secrets/mail-password}"
    assert web["SURVEILLANCE_OIDC_SECRET_FILE"] == "${OIDC_SECRET_FILE:+/run/secrets/oidc-secret}"
    for one in (environment("migrate"), worker, web):
        given = one["SURVEILLANCE_RESTRICTED_KEYS_FILE"]
        assert given == "${RESTRICTED_KEYS_FILE:+/run/secrets/restricted-keys}"
    assert COMPOSE["secrets"]["restricted-keys"] == {"file": "${RESTRICTED_KEYS_FILE:-/dev/null}"}
    assert COMPOSE["secrets"]["mail-password"] == {"file": "${MAIL_PASSWORD_FILE:-/dev/null}"}
    assert COMPOSE["secrets"]["oidc-secret"] == {"file": "${OIDC_SECRET_FILE:-/dev/null}"}


def test_kafka_runs_with_the_settings_that_the_tests_run_it_with() -> None:
    tested = dict(line.split("=", 1) for line in (SERVER + PLAINTEXT).splitlines())
    assert tested.keys() >= NOT_COMPARED
    expected = {key: value for key, value in tested.items() if key not in NOT_COMPARED}
    given = environment("kafka")
    assert {key: given.get("KAFKA_" + key.upper().replace(".", "_")) for key in expected} == expected


def test_kafka_is_the_version_that_the_tests_run() -> None:
    tested = re.search(r"<artifactId>kafka_[\d.]+</artifactId>\s*<version>(.+?)</version>", POM.read_text())
    assert tested
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{tested[1]}"


@pytest.mark.parametrize("service", SERVICES)
def test_every_image_has_a_fixed_version(service: str) -> None:
    assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+(\.\d+)?(-\w+)?", SERVICES[service]["image"])


def test_our_image_has_the_version_of_the_package() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert {service["image"] for service in OURS.values()} == {f"surveillance:{version}"}


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_is_published_beyond_this_machine(service: str) -> None:
    published = SERVICES[service].get("ports", [])
    assert all(str(port).startswith("127.0.0.1:") for port in published)
    assert SERVICES[service].get("network_mode") is None


def test_only_services_with_a_page_or_with_messages_to_send_have_a_network_with_a_way_out() -> None:
    assert COMPOSE["networks"]["inside"]["internal"] is True
    outside = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    assert outside == {"web", "prometheus", "grafana", "worker"}


def test_any_number_of_workers_can_run() -> None:
    assert not {"container_name", "hostname", "ports"} & SERVICES["worker"].keys()


@pytest.mark.parametrize("service", SERVICES)
def test_no_service_has_rights_that_it_does_not_need(service: str) -> None:
    chosen = SERVICES[service]
    assert chosen["cap_drop"] == ["ALL"]
    assert chosen["security_opt"] == ["no-new-privileges:true"]
    assert not {"cap_add", "privileged", "pid", "ipc"} & chosen.keys()
    if service != "kafka":  # its image writes its settings beside its programs when it starts
        assert chosen["read_only"] is True


def test_every_secret_is_a_file_that_only_who_needs_it_is_given() -> None:
    keys = {"dead-letter-key", "audit-key", "restricted-keys"}
    assert {name: set(service["secrets"]) for name, service in SERVICES.items() if "secrets" in service} == {
        "postgres": {"postgres-password"},
        "roles": {f"{role}-password" for role in ("postgres", "migrator", "worker", "web")},
        "migrate": keys | {"migrator-password"},
        "worker": keys | {"worker-password", "mail-password"},
        "web": keys | {"web-password", "session-key", "oidc-secret"},
    }
    for name in SERVICES:
        given = environment(name)
        files = {value for key, value in given.items() if key.endswith("_FILE") and "secrets" in value}
        named = {re.search(r"/run/secrets/([\w-]+)", value)[1] for value in files}  # type: ignore[index]
        assert named == set(SERVICES[name].get("secrets", []))
        secret = {n for n in given if re.search(r"PASSWORD|_KEY$|SECRET", n) and not n.endswith("_FILE")}
        assert not secret
        assert not re.search(r"//[^@/]*:[^@/]*@", given.get("SURVEILLANCE_DATABASE_URL", ""))


def test_the_files_of_secrets_are_made_once_and_never_committed(tmp_path: Path) -> None:
    shutil.copyfile(ROOT / "Makefile", tmp_path / "Makefile")
    held: list[dict[str, str]] = []
    for _ in range(2):
        subprocess.run(["make", "--silent", "secrets"], cwd=tmp_path, check=True)
        held.append({path.name: path.read_text() for path in (tmp_path / "secrets").iterdir()})
    assert held[0] == held[1]
    wanted = {one["file"].removeprefix("./secrets/") for one in COMPOSE["secrets"].values()}
    assert {name for name in wanted if "$" not in name} == held[0].keys()
    assert all(len(secret.strip()) == 64 for secret in held[0].values())
    assert len(set(held[0].values())) == 7
    assert (tmp_path / "secrets").stat().st_mode & 0o077 == 0, "nobody else enters the folder"
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert {".env", "/secrets/"} <= set(ignored)
    assert "!secrets" not in (ROOT / ".dockerignore").read_text()


def test_the_worker_waits_for_its_schema_and_topics_and_those_for_what_they_need() -> None:
    conditions = {
        (name, needed): wait["condition"]
        for name, service in SERVICES.items()
        for needed, wait in service.get("depends_on", {}).items()
    }
    done, healthy = "service_completed_successfully", "service_healthy"
    assert conditions == {
        ("roles", "postgres"): healthy,
        ("migrate", "roles"): done,
        ("topics", "kafka"): healthy,
        ("worker", "migrate"): done,
        ("worker", "topics"): done,
        ("web", "migrate"): done,
    }
    jobs = {name for name, service in SERVICES.items() if service["restart"] == "no"}
    assert jobs == {"roles", "migrate", "topics"}
    assert all("healthcheck" in service for service in SERVICES.values() if service["restart"] != "no")


def test_each_service_connects_to_the_database_as_the_role_that_it_needs() -> None:
    users = {
        name: re.sub(r".*//(\w+)@.*", r"\1", environment(name)["SURVEILLANCE_DATABASE_URL"])
        for name in OURS
        if "SURVEILLANCE_DATABASE_URL" in environment(name)
    }
    assert users == {
        "roles": "surveillance",
        "migrate": "surveillance_migrator",
        "worker": "surveillance_worker",
        "web": "surveillance_web",
    }


def test_prometheus_asks_the_workers_where_they_answer() -> None:
    asked = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
    by_name = {job["job_name"]: job for job in asked["scrape_configs"]}
    for service, port in (("worker", "SURVEILLANCE_METRICS_PORT"), ("web", "SURVEILLANCE_WEB_METRICS_PORT")):
        (found,) = by_name[service]["dns_sd_configs"]
        assert found["names"] == [service]
        assert str(found["port"]) == environment(service)[port]
        assert environment(service)["SURVEILLANCE_METRICS_HOST"] == "0.0.0.0"
        assert set(SERVICES["prometheus"]["networks"]) & set(SERVICES[service]["networks"])


def test_workers_and_pages_are_healthy_once_they_are_ready() -> None:
    for service, port in (("worker", "SURVEILLANCE_METRICS_PORT"), ("web", "SURVEILLANCE_WEB_METRICS_PORT")):
        asked = SERVICES[service]["healthcheck"]["test"][-1]
        assert asked == f"http://127.0.0.1:{environment(service)[port]}/readyz"


def test_prometheus_and_grafana_are_given_the_rules_and_dashboards_that_ship() -> None:
    asked = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
    assert asked["rule_files"] == ["rules/*.yaml"]
    assert list((ROOT / "config/prometheus/rules").glob("*.yaml"))
    (mounted,) = SERVICES["grafana"]["volumes"]
    assert mounted == "./config/grafana:/etc/surveillance:ro"
    given = environment("grafana")
    assert given["GF_PATHS_PROVISIONING"] == "/etc/surveillance/provisioning"
    provisioning = ROOT / "config/grafana/provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources/prometheus.yaml").read_text())["datasources"]
    assert source["url"] == "http://prometheus:9090"
    (provider,) = yaml.safe_load((provisioning / "dashboards/dashboards.yaml").read_text())["providers"]
    for path in (provider["options"]["path"], given["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]):
        assert (ROOT / "config/grafana" / Path(path).relative_to("/etc/surveillance")).exists()


def test_nobody_can_change_a_dashboard_or_sign_in_to_grafana() -> None:
    given = environment("grafana")
    assert given["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert given["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    assert given["GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION"] == "true"


def test_the_image_holds_what_its_build_copies_and_nothing_else_of_this_folder() -> None:
    copied = {
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for source in line.split()[:-1]
    }
    allowed = set(re.findall(r"^!(.+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert copied == allowed
    assert all((ROOT / source).exists() for source in copied)


def test_mounted_files_exist() -> None:
    mounted = {
        str(volume).split(":")[0]
        for service in SERVICES.values()
        for volume in service.get("volumes", [])
        if str(volume).startswith("./")
    }
    assert mounted == {"./config", "./config/prometheus", "./config/grafana"}
    assert all(Path(ROOT, folder).is_dir() for folder in mounted)
