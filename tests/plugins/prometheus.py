"""promtool and a real Prometheus, for tests: from Debian's package `prometheus`, or absent."""

import shutil
import subprocess

import pytest

from plugins.absent import absent

INSTALL = "it is not installed (apt-get install prometheus, or a release from prometheus.io on the PATH)"


@pytest.fixture(scope="session")
def promtool() -> str:
    """The path of promtool."""
    return shutil.which("promtool") or absent("promtool", INSTALL)


@pytest.fixture(scope="session")
def prometheus() -> str:
    """The path of Prometheus itself."""
    return shutil.which("prometheus") or absent("Prometheus", INSTALL)


def run_promtool(promtool: str, *arguments: object) -> str:
    """What promtool says; fails where it finds fault."""
    done = subprocess.run([promtool, *map(str, arguments)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
