"""The pages for partners, tried as written: their commands in a shell, and what they promise comes out."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import ROOT

from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker

PAGES = ROOT / "docs" / "partners"
_BLOCK = re.compile(r"```(sh|text)\n(.*?)```", re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["hl7", "fhir", "pseudonyms"])
def test_a_page_is_as_it_says(
    page: str, embedded_broker: EmbeddedBroker, new_topic: Callable[[str], str], tmp_path: Path
) -> None:
    topic = new_topic("admissions.v1.example-emergency-department")
    create_topics(embedded_broker.address, [TopicSpec(topic, partitions=1)])
    blocks = _BLOCK.findall((PAGES / f"{page}.md").read_text())
    script = "set -e\n" + "".join(text for kind, text in blocks if kind == "sh")
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env=_environment(tmp_path, embedded_broker, topic.split("admissions")[0]),
        capture_output=True,
        text=True,
        timeout=150,
    )
    assert done.returncode == 0, done.stderr
    for kind, text in blocks:
        for line in text.splitlines() if kind == "text" else ():
            assert line in done.stdout, done.stdout + done.stderr


def _environment(folder: Path, broker: EmbeddedBroker, prefix: str) -> dict[str, str]:
    """A shell in which `surveillance` is this tree's."""
    command = folder / "bin" / "surveillance"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m surveillance "$@"\n')
    command.chmod(0o755)
    return os.environ | {
        "PATH": f"{command.parent}:{os.environ['PATH']}",
        "SURVEILLANCE_BROKERS": broker.address,
        "SURVEILLANCE_TOPIC_PREFIX": prefix,
        "SURVEILLANCE_CONFIG_DIR": str(ROOT / "config"),
    }
