"""`make sbom`: everything that runs in the service, as CycloneDX 1.6: packages and the scripts of the pages.

Packages are those of requirements.lock, with its hashes and what depends on what; licences come from the
installed packages, which are the same versions. The scripts are those in surveillance/web/static/vendor.
"""

import hashlib
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements.lock"
VENDOR = ROOT / "surveillance" / "web" / "static" / "vendor"
# File -> npm package; its version and licence are in LICENCES.md beside it.
SCRIPTS = {
    "htmx.min.js": "htmx.org",
    "htmx-sse.min.js": "htmx-ext-sse",
    "maplibre-gl.mjs": "maplibre-gl",
    "maplibre-gl-worker.mjs": "maplibre-gl",
    "maplibre-gl.css": "maplibre-gl",
    "uplot.min.js": "uplot",
    "uplot.min.css": "uplot",
}
LICENCES = {"htmx.org": "0BSD", "htmx-ext-sse": "0BSD", "maplibre-gl": "BSD-3-Clause", "uplot": "MIT"}


def make_bom() -> dict[str, Any]:
    """The bill of materials; the same inputs give the same text."""
    bom: dict[str, Any] = json.loads(_of_lock())
    installed = {canonicalize_name(one.metadata["Name"]): one for one in distributions()}
    known: dict[str, list[str]] = {}  # a package may be pinned twice, for one Python and for another
    for one in bom["components"]:
        known.setdefault(canonicalize_name(one["name"]), []).append(one["bom-ref"])
    for component in bom["components"]:
        component.pop("description", None)  # the lines of the lock file over again
        found = installed.get(canonicalize_name(component["name"]))
        if found is None or found.version != component["version"]:
            component["scope"] = "excluded"  # of another platform or Python: the lock holds for all
        elif licences := list(_licences(found)):
            component["licenses"] = licences
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    root: dict[str, Any] = {
        "type": "application",
        "bom-ref": "surveillance",
        "name": project["name"],
        "version": project["version"],
        "licenses": [{"license": {"id": project["license"]}}],
    }
    scripts = list(_scripts())
    bom["metadata"]["component"] = root
    bom["components"] += scripts
    needs: dict[str, list[str]] = {one["bom-ref"]: [] for one in (root, *bom["components"])}
    needs["surveillance"] += [script["bom-ref"] for script in scripts]
    for name, dependents in _dependents().items():
        for dependent in dependents:
            for ref in known.get(dependent, ["surveillance"]):
                needs[ref] += known[name]
    bom["dependencies"] = [
        {"ref": ref, "dependsOn": sorted(set(found))} for ref, found in sorted(needs.items())
    ]
    return bom


def _of_lock() -> str:
    command = [Path(sys.executable).parent / "cyclonedx-py", "requirements", LOCK, "--output-reproducible"]
    made = subprocess.run([*command, "--sv", "1.6"], capture_output=True, text=True, check=True)
    return made.stdout


def _licences(of: Distribution) -> Iterator[dict[str, Any]]:
    """An SPDX expression where the package has one; else what its classifiers or its author call it."""
    expression = of.metadata.get("License-Expression")
    if expression:
        yield {"expression": expression}
        return
    classifiers = of.metadata.get_all("Classifier") or []
    named = [one.rsplit(" :: ", 1)[1] for one in classifiers if one.startswith("License :: OSI Approved :: ")]
    text = (of.metadata.get("License") or "").strip().splitlines()
    for name in named or text[:1]:
        yield {"license": {"name": name}}


def _dependents() -> dict[str, set[str]]:
    """Of each package, those that want it, as the lock file says (`# via`)."""
    wanted_by: dict[str, set[str]] = {}
    name = ""
    for line in LOCK.read_text().splitlines():
        if pin := re.match(r"([A-Za-z0-9._-]+)==", line):
            name = canonicalize_name(pin[1])
            wanted_by[name] = set()
        elif name and (via := re.match(r"    #(?: via)? +([A-Za-z0-9._-]+)", line)):
            wanted_by[name].add(canonicalize_name(via[1]))
    return wanted_by


def _scripts() -> Iterator[dict[str, Any]]:
    versions = dict(re.findall(r"(?m)^## (\S+) (\S+)$", (VENDOR / "LICENCES.md").read_text()))
    versions = {name.lower(): version for name, version in versions.items()}
    for file, package in SCRIPTS.items():
        version, content = versions[package], (VENDOR / file).read_bytes()
        yield {
            "type": "file",
            "bom-ref": f"vendor/{file}",
            "name": f"{package}/{file}",
            "version": version,
            "purl": f"pkg:npm/{package}@{version}#{file}",
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}],
            "licenses": [{"license": {"id": LICENCES[package]}}],
        }


if __name__ == "__main__":
    json.dump(make_bom(), sys.stdout, indent=1, sort_keys=True)
    print()
