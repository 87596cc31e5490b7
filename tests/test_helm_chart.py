"""The Helm chart: linted and rendered by helm, checked against Kubernetes' schemas and this service."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import kubernetes_validate
import pytest
import yaml

from plugins.absent import absent
from plugins.helm_harness import CHART, HOOK, HelmAbsent, HelmRefuses, fetch_helm, lint, render
from plugins.kafka_harness import ROOT
from surveillance.secret_files import secret_names
from surveillance.settings import Settings

KUBERNETES = ("1.27.0", "1.30.0", "1.34.0")
LEAST = {
    "database": {"host": "db.example.org"},
    "kafka": {"brokers": "kafka.example.org:9093"},
    "web": {"url": "https://surveillance.example.org"},
}
ALL = {
    "config": {"files": {"surveillance.yaml": "scopes: []\n", "code_lists/a@2016.yaml": "id: a\n"}},
    "secrets": {
        "keys": {"oidc": "oidc-secret", "mail": "mail-password", "restricted": "restricted-keys"},
        "files": {"webhooks/case-system": "webhook"},
    },
    "authorities": {"configMap": "authorities"},
    "database": {"host": "db.example.org", "caFile": "db.pem"},
    "kafka": {"brokers": "kafka.example.org:9093", "caFile": "kafka.pem"},
    "settings": {"repair_after_seconds": "5"},
    "worker": {"autoscaling": {"enabled": True}},
    "web": {
        "url": "https://surveillance.example.org",
        "tlsSecretName": "web-tls",
        "trustedProxies": "10.0.0.0/8",
        "spool": {"size": "5Gi", "storageClassName": "encrypted"},
    },
    "ingress": {"enabled": True, "className": "nginx", "tlsSecretName": "pages", "annotations": {"a": "b"}},
    "mail": {"host": "mail.example.org", "from": "s@example.org", "user": "s", "caFile": "mail.pem"},
    "networkPolicy": {
        "prometheus": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "ingressController": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
    },
    "monitoring": {
        "serviceMonitor": {"enabled": True},
        "prometheusRule": {"enabled": True, "groups": [{"name": "a", "rules": []}]},
    },
    "image": {"digest": "sha256:" + "a" * 64},
}
Objects = dict[tuple[str, str], dict[str, Any]]


def objects(values: dict[str, Any]) -> Objects:
    try:
        fetch_helm()
    except HelmAbsent as problem:
        absent("Helm", str(problem))
    return {(one["kind"], one["metadata"]["name"]): one for one in render(values)}


@pytest.fixture(scope="module")
def least() -> Objects:
    return objects(LEAST)


@pytest.fixture(scope="module")
def every() -> Objects:
    return objects(ALL)


def pods(found: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    for (kind, name), one in found.items():
        if kind in ("Deployment", "StatefulSet", "Job"):
            yield name, one["spec"]["template"]["spec"]


def environment(pod: dict[str, Any]) -> dict[str, str]:
    (container,) = pod["containers"]
    names = [one["name"] for one in container["env"]]
    assert len(names) == len(set(names)), "what is given twice counts once, and not always the same one"
    return {one["name"]: one["value"] for one in container["env"]}


def secrets_of(pod: dict[str, Any]) -> set[str]:
    """The files with secrets that a pod is given."""
    (volume,) = [one["secret"] for one in pod["volumes"] if one["name"] == "secrets"]
    return {item["path"] for item in volume["items"]}


@pytest.mark.usefixtures("least")
@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_helm_finds_no_mistake(values: dict[str, Any]) -> None:
    assert "ERROR" not in lint(values)


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_one_that_kubernetes_takes(least: Objects, every: Objects, version: str) -> None:
    own = [one for found in (least, every) for one in found.values() if "monitoring" not in one["apiVersion"]]
    for one in own:
        kubernetes_validate.validate(one, version, strict=True)
    assert {one["kind"] for one in own} == {
        *("ConfigMap", "Deployment", "HorizontalPodAutoscaler", "Ingress", "Job", "NetworkPolicy"),
        *("PodDisruptionBudget", "Service", "ServiceAccount", "StatefulSet"),
    }


def test_the_schemas_would_refuse_a_misspelt_key(least: Objects) -> None:
    wrong = {**least["Service", "prod-web"], "spec": {"port": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)


@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_every_setting_exists_and_every_secret_is_a_file(values: dict[str, Any]) -> None:
    known, secret = set(Settings.model_fields), set(secret_names(Settings)) - {"database_url"}
    for _, pod in pods(objects(values)):
        given = {n.removeprefix("SURVEILLANCE_").lower(): v for n, v in environment(pod).items()}
        assert set(given) <= known
        assert not set(given) & secret
        assert not re.search(r"//[^@/]*:[^@/]*@", given.get("database_url", "")), "a password in the URL"
        files = {value for name, value in given.items() if name.endswith("_file")}
        mounted = {mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        assert all(any(path.startswith(f"{one}/") for one in mounted) for path in files)
        held = {
            item["path"] for v in pod["volumes"] if v["name"] == "secrets" for item in v["secret"]["items"]
        }
        wanted = {path.rsplit("/", 1)[1] for path in files if path.startswith("/run/secrets/surveillance/")}
        assert wanted <= held


def test_settings_are_values_that_the_service_accepts(
    every: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _, pod in pods(every):
        with monkeypatch.context() as chosen:
            for name, value in environment(pod).items():
                if not name.endswith("_FILE"):
                    chosen.setenv(name, value)
            chosen.setenv("SURVEILLANCE_CONFIG_DIR", str(ROOT / "config"))
            Settings()


def test_no_secret_is_made_or_holds_a_value_here(least: Objects, every: Objects) -> None:
    assert not [name for kind, name in (*least, *every) if kind == "Secret"]
    assert "stringData" not in "".join(path.read_text() for path in CHART.rglob("*.yaml"))


@pytest.mark.parametrize("values", [LEAST, ALL], ids=["least", "all"])
def test_every_pod_keeps_to_the_restricted_standard(values: dict[str, Any]) -> None:
    found = dict(pods(objects(values)))
    assert len(found) == 4
    for pod in found.values():
        around = pod["securityContext"]
        assert (around["runAsNonRoot"], around["runAsUser"]) == (True, 10001)
        assert around["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & pod.keys()
        (container,) = pod["containers"]
        own = container["securityContext"]
        assert own["readOnlyRootFilesystem"] is True
        assert own["allowPrivilegeEscalation"] is False
        assert own["privileged"] is False
        assert own["capabilities"] == {"drop": ["ALL"]}
        assert container["resources"]["requests"]["cpu"]
        assert container["resources"]["limits"]["memory"]
        assert not [volume for volume in pod["volumes"] if "hostPath" in volume]


def test_the_user_of_the_pods_is_that_of_the_image(least: Objects) -> None:
    (user,) = set(re.findall(r"useradd --uid (\d+)", (ROOT / "Dockerfile").read_text()))
    assert {pod["securityContext"]["runAsUser"] for _, pod in pods(least)} == {int(user)}


def test_an_image_is_named_by_version_or_digest(least: Objects, every: Objects) -> None:
    images = {pod["containers"][0]["image"] for found in (least, every) for _, pod in pods(found)}
    assert images == {"surveillance:0.1.0", f"surveillance@sha256:{'a' * 64}"}
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert chart["appVersion"] == version[1]


def test_the_schema_and_the_topics_are_ready_before_anything_starts(every: Objects) -> None:
    hooks = {
        name: one["metadata"]["annotations"]
        for one in every.values()
        if HOOK in one["metadata"].get("annotations", {})
        for name in [f"{one['kind']} {one['metadata']['name']}"]
    }
    assert {one[HOOK] for one in hooks.values()} == {"pre-install,pre-upgrade"}
    order = sorted(hooks, key=lambda name: int(hooks[name][f"{HOOK}-weight"]))
    assert order[-2:] == ["Job prod-migrate", "Job prod-topics"]
    assert set(order[:-2]) == {
        *("ConfigMap prod-config-of-jobs", "NetworkPolicy prod-migrate", "NetworkPolicy prod-topics")
    }
    (migrate,) = every["Job", "prod-migrate"]["spec"]["template"]["spec"]["containers"]
    (topics,) = every["Job", "prod-topics"]["spec"]["template"]["spec"]["containers"]
    assert (migrate["args"], topics["args"]) == (["db", "upgrade"], ["topics", "create"])


def test_every_process_has_only_the_secrets_of_its_work(every: Objects) -> None:
    held = {
        name: {
            item["path"] for v in pod["volumes"] if v["name"] == "secrets" for item in v["secret"]["items"]
        }
        for name, pod in pods(every)
    }
    keys = {"dead-letter-key", "audit-key", "database-password", "kafka-password", "restricted-keys"}
    assert held == {
        "prod-worker": keys | {"mail-password", "webhooks/case-system"},
        "prod-web": keys | {"session-key", "oidc-secret"},
        "prod-migrate": {"database-password", "restricted-keys"},
        "prod-topics": {"kafka-password"},
    }


def test_a_process_that_needs_no_secret_is_given_none() -> None:
    plain = dict(pods(objects(LEAST | {"kafka": {"brokers": "kafka:9092", "security": "plaintext"}})))
    assert [volume["name"] for volume in plain["prod-topics"]["volumes"]] == ["tmp"]
    (topics,) = plain["prod-topics"]["containers"]
    assert [mount["name"] for mount in topics["volumeMounts"]] == ["tmp"]
    assert secrets_of(plain["prod-worker"]) == {"dead-letter-key", "audit-key", "database-password"}


def test_each_user_has_its_own_right_at_database_and_brokers() -> None:
    users = {"worker": "w", "web": "p", "migrate": "m"}
    named = {who: {"name": name, "passwordKey": f"{name}-password"} for who, name in users.items()}
    found = dict(pods(objects(LEAST | {"database": {"host": "db", "users": named}})))
    for who, name in users.items():
        pod = found[f"prod-{who}"]
        assert (
            environment(pod)["SURVEILLANCE_DATABASE_URL"]
            == f"postgresql+psycopg://{name}@db:5432/surveillance"
        )
        (secrets,) = [volume["secret"] for volume in pod["volumes"] if volume["name"] == "secrets"]
        assert {"key": f"{name}-password", "path": "database-password"} in secrets["items"]


def test_traffic_is_encrypted_unless_somebody_says_otherwise(least: Objects) -> None:
    settings = environment(dict(pods(least))["prod-worker"])
    assert settings["SURVEILLANCE_DATABASE_TLS"] == "true"
    assert settings["SURVEILLANCE_KAFKA_SECURITY"] == "sasl-tls"


def test_each_pod_speaks_only_with_whom_its_work_needs(every: Objects) -> None:
    def ports(rules: list[dict[str, Any]]) -> set[int]:
        return {port["port"] for rule in rules for port in rule["ports"]}

    spoken = {
        name: (ports(one["spec"].get("ingress", [])), ports(one["spec"]["egress"]))
        for (kind, name), one in every.items()
        if kind == "NetworkPolicy"
    }
    kafka = {9092, 9093, 9094}
    assert spoken == {
        "prod-worker": ({9464}, {53, 5432, 443, 587} | kafka),
        "prod-web": ({8080, 9465}, {53, 5432, 443, 587} | kafka),
        "prod-migrate": (set(), {53, 5432}),
        "prod-topics": (set(), {53} | kafka),
    }
    for (kind, _), one in every.items():
        if kind == "NetworkPolicy":
            assert one["spec"]["policyTypes"] == ["Ingress", "Egress"]
            chosen = one["spec"]["podSelector"]["matchLabels"].items()
            labels = [
                o["spec"]["template"]["metadata"]["labels"]
                for o in every.values()
                if "template" in o.get("spec", {})
            ]
            assert sum(chosen <= of_pod.items() for of_pod in labels) == 1
    allowed = every["NetworkPolicy", "prod-web"]["spec"]["ingress"][0]["from"]
    assert allowed == ALL["networkPolicy"]["ingressController"]  # type: ignore[index]


def test_what_partners_handed_in_outlasts_its_pod(least: Objects) -> None:
    web = least["StatefulSet", "prod-web"]["spec"]
    (claim,) = web["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "spool"
    assert web["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    (container,) = web["template"]["spec"]["containers"]
    settings = environment(web["template"]["spec"])
    inside = PurePosixPath(settings["SURVEILLANCE_SPOOL_DIR"]).parent
    assert {"name": "spool", "mountPath": str(inside)} in container["volumeMounts"], (
        "a volume's own folder is root's: the service closes one of its own to others"
    )


def test_a_stop_has_the_time_that_it_takes(least: Objects) -> None:
    from agents.worker import LOOP_STOP_SECONDS, STREAM_STOP_SECONDS
    from surveillance.cli.listening import DRAIN_SECONDS

    found = dict(pods(least))
    assert found["prod-worker"]["terminationGracePeriodSeconds"] > STREAM_STOP_SECONDS + LOOP_STOP_SECONDS + 5
    web = found["prod-web"]
    (before,) = {int(web["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][1])}
    assert web["terminationGracePeriodSeconds"] > before + DRAIN_SECONDS + 10 + 5
    assert least["PodDisruptionBudget", "prod-worker"]["spec"]["maxUnavailable"] == 1


@pytest.mark.parametrize(("who", "setting"), [("worker", "METRICS_PORT"), ("web", "WEB_METRICS_PORT")])
def test_probes_ask_where_a_process_tells_its_health(every: Objects, who: str, setting: str) -> None:
    """With the metrics, in plain HTTP: the pages themselves tell nobody (404), whatever TLS they speak."""
    pod = dict(pods(every))[f"prod-{who}"]
    (container,) = pod["containers"]
    port = int(environment(pod)[f"SURVEILLANCE_{setting}"])
    assert {"name": "metrics", "containerPort": port} in container["ports"]
    assert environment(pod)["SURVEILLANCE_METRICS_HOST"] == "0.0.0.0", "a kubelet asks from outside the pod"
    asked = {probe: container[f"{probe}Probe"]["httpGet"] for probe in ("startup", "liveness", "readiness")}
    live, ready = {"path": "/healthz", "port": "metrics"}, {"path": "/readyz", "port": "metrics"}
    assert asked == {"startup": live, "liveness": live, "readiness": ready}
    read = every["NetworkPolicy", f"prod-{who}"]["spec"]["ingress"][-1]
    assert read["ports"] == [{"protocol": "TCP", "port": port}]
    assert read["from"] == ALL["networkPolicy"]["prometheus"]  # type: ignore[index]
    chosen = every["PodMonitor", f"prod-{who}"]["spec"]["selector"]["matchLabels"]
    assert chosen["app.kubernetes.io/component"] == who


def test_files_of_the_configuration_are_mounted_at_their_paths(every: Objects) -> None:
    for name, config in (("prod-worker", "prod-config"), ("prod-topics", "prod-config-of-jobs")):
        pod = dict(pods(every))[name]
        (volume,) = [one["configMap"] for one in pod["volumes"] if one["name"] == "config"]
        stored = every["ConfigMap", config]["data"]
        assert volume["name"] == config
        assert {item["path"]: stored[item["key"]] for item in volume["items"]} == ALL["config"]["files"]  # type: ignore[index]
        assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in stored)


def test_a_directory_of_configuration_becomes_values() -> None:
    import runpy

    script = runpy.run_path(str(ROOT / "deploy" / "helm" / "config_values.py"))
    values = script["values_of"](ROOT / "config")
    files = values["config"]["files"]
    assert files["surveillance.yaml"] == (ROOT / "config" / "surveillance.yaml").read_text()
    assert "code_lists/self-harm-icd10@2016.yaml" in files
    assert not [path for path in files if path.startswith("prometheus")]
    found = objects(LEAST | values)
    stored = found["ConfigMap", "prod-config"]["data"].values()
    assert sorted(stored) == sorted(files.values())


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"database": {"host": ""}}, "/database/host"),
        ({"web": {"url": "http://surveillance.example.org"}}, "/web/url"),
        ({"image": {"tag": "latest"}}, "/image/tag"),
        ({"settings": {"audit_key": "secret"}}, "audit_key"),
        ({"worker": {"replica": 3}}, "replica"),
        ({"config": {"files": {"../evil.yaml": ""}}}, "../evil.yaml"),
        ({"ingress": {"enabled": True}}, "/ingress"),
        ({"kafka": {"brokers": "k:9092", "security": "none"}}, "/kafka/security"),
        ({"worker": {"terminationGracePeriodSeconds": 1}}, "/worker/terminationGracePeriodSeconds"),
    ],
)
@pytest.mark.usefixtures("least")
def test_a_wrong_value_is_refused_by_its_name(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(HelmRefuses) as refused:
        render(LEAST | wrong)
    assert words in str(refused.value)


def test_every_value_is_in_the_schema_and_documented() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = yaml.safe_load((CHART / "values.schema.json").read_text())
    assert set(schema["required"]) | {"imagePullSecrets"} == set(values)
    text = (ROOT / "docs" / "operators" / "kubernetes.md").read_text()
    for word in ("kubectl create secret generic", "helm upgrade --install", "config_values.py", "spool"):
        assert word in text
