"""Helm itself, as a library from Maven Central (tests/helm/pom.xml), kept in .cache/helm-libs.

It lints and renders without a cluster and without a network once it is fetched.
"""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import yaml

from plugins.jars import JARS_SECONDS, copy_jars
from plugins.kafka_harness import ROOT

POM = ROOT / "tests" / "helm" / "pom.xml"
LIBS = ROOT / ".cache" / "helm-libs"
HOOK, _NO_HOOK = "helm.sh/hook", "no-hook.example.org/hook"
CHART = ROOT / "deploy" / "helm" / "surveillance"


class HelmAbsent(RuntimeError):
    """Helm cannot run here; the text says what is missing."""


class HelmRefuses(ValueError):
    """What helm says of a chart or its values."""


def fetch_helm() -> None:
    """Copies the jars into .cache, once; raises HelmAbsent saying what is missing."""
    copy_jars(POM, LIBS, HelmAbsent)


def lint(values: dict[str, Any]) -> str:
    """What `helm lint --strict` says of the chart with these values; raises HelmRefuses."""
    with tempfile.TemporaryDirectory() as folder:
        chart = shutil.copytree(CHART, Path(folder) / CHART.name)
        defaults = yaml.safe_load((chart / "values.yaml").read_text())
        (chart / "values.yaml").write_text(yaml.safe_dump(merged(defaults, values)))
        return _run("lint", str(chart))


def merged(values: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """As helm lays values over its defaults: mappings are merged, all else takes the place."""
    both = {key: merged(values[key], over[key]) for key in values.keys() & over.keys()
            if isinstance(values[key], dict) and isinstance(over[key], dict)}  # fmt: skip
    return values | over | both


def render(values: dict[str, Any]) -> list[dict[str, Any]]:
    """The objects of a release `prod` in the namespace `health`, hooks included; raises HelmRefuses."""
    with tempfile.TemporaryDirectory() as folder:
        chart, file = shutil.copytree(CHART, Path(folder) / CHART.name), Path(folder) / "values.yaml"
        file.write_text(yaml.safe_dump(values))
        for template in (chart / "templates").glob("*.yaml"):  # the library leaves hooks out
            template.write_text(template.read_text().replace(HOOK, _NO_HOOK))
        text = _run("template", str(chart), str(file)).replace(_NO_HOOK, HOOK)
    return [found for found in yaml.safe_load_all(text) if found]


def _run(*arguments: str) -> str:
    done = subprocess.run(
        ["java", "-cp", f"{LIBS}/*", str(ROOT / "tests" / "helm" / "Chart.java"), *arguments],
        capture_output=True,
        text=True,
        timeout=JARS_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise HelmRefuses(done.stdout + done.stderr)
    return done.stdout
