"""surveillance adapters: a hospital's own formats, from the command line to the broker."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from command import ROOT, Run

from surveillance.events.decode import decode
from surveillance.events.topics import Source
from surveillance.kafka.admin import TopicSpec, create_topics
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port
from surveillance.kafka.reader import read_range

PARTNER, ORGANISATION = "example-emergency-department", "EXAMPLE-HOSPITALS"
MESSAGE = (
    "MSH|^~\\&|PAS|RXX01|S|H|20240302090000||ADT^A01|1|P|2.4\r"
    "PID|1||H0001^^^RXX^MR~9990000018^^^NHS^NH||TEST^PATIENT||19700131|F|||^^^^CH1 1AB^^H\r"
    f"PV1|1|I|^^^RXX01|21{'|' * 15}V0001{'|' * 25}20240301220000\r"
).encode()
BUNDLE = {
    "resourceType": "Bundle",
    "type": "collection",
    "entry": [
        {
            "resource": {
                "resourceType": "Encounter",
                "id": "V0001",
                "meta": {"lastUpdated": "2024-03-02T09:00:00Z"},
                "status": "in-progress",
                "class": {"code": "EMER"},
                "subject": {
                    "identifier": {"system": "https://fhir.nhs.uk/Id/nhs-number", "value": "9990000018"}
                },
                "period": {"start": "2024-03-01T22:00:00Z"},
            }
        }
    ],
}


@pytest.fixture
def key(tmp_path: Path) -> str:
    (tmp_path / "new.key").write_text("n" * 64)
    return f"2026={tmp_path / 'new.key'}"


@pytest.fixture
def prefix(embedded_broker: EmbeddedBroker, new_topic: Callable[[str], str]) -> str:
    topic = new_topic(f"admissions.v1.{PARTNER}")
    create_topics(embedded_broker.address, [TopicSpec(topic, partitions=1)])
    return topic.removesuffix(f"admissions.v1.{PARTNER}")


def published(broker: EmbeddedBroker, prefix: str) -> list[str]:
    messages = read_range(broker.address, f"{prefix}admissions.v1.{PARTNER}", 0, 0, 9).messages
    events = [decode(m.value, Source("admission", PARTNER), ORGANISATION, m.received_at) for m in messages]
    return [event.action for event in events]


def test_a_bundle_is_published_and_an_outcome_printed(
    run: Run,
    key: str,
    prefix: str,
    embedded_broker: EmbeddedBroker,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("SURVEILLANCE_BROKERS", embedded_broker.address)
    monkeypatch.setenv("SURVEILLANCE_TOPIC_PREFIX", prefix)
    (tmp_path / "bundle.json").write_text(json.dumps(BUNDLE))
    arguments = ("adapters", "fhir", tmp_path / "bundle.json", "--partner", PARTNER, "--secret", key)
    refused = run(*arguments)
    assert (refused.code, "serviceProvider" in refused.out) == (1, True)
    assert run(*arguments, "--site", "RXX01", "--dry-run").code == 0
    assert published(embedded_broker, prefix) == []
    done = run(*arguments, "--site", "RXX01")
    assert (done.code, json.loads(done.out)["resourceType"]) == (0, "OperationOutcome")
    assert published(embedded_broker, prefix) == ["attended"]


def test_the_listener_runs_as_a_process_and_ends_cleanly(
    key: str, prefix: str, embedded_broker: EmbeddedBroker, tmp_path: Path
) -> None:
    port = free_port()
    environment = os.environ | {
        "SURVEILLANCE_BROKERS": embedded_broker.address,
        "SURVEILLANCE_TOPIC_PREFIX": prefix,
    }
    command = [sys.executable, "-m", "surveillance", "adapters", "hl7", "--partner", PARTNER, "--secret", key]
    command += ["--listen", f"127.0.0.1:{port}", "--journal", str(tmp_path / "var" / "hl7.journal")]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert f"listening for HL7 v2 on 127.0.0.1:{port}" in process.stdout.readline()
        with socket.create_connection(("127.0.0.1", port), timeout=30) as sender:
            sender.sendall(b"\x0b" + MESSAGE + b"\x1c\r")
            assert b"MSA|AA|1|" in sender.recv(65536)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert published(embedded_broker, prefix) == ["admitted"]
    assert not any(secret in said for secret in ("9990000018", "TEST", "CH1 1AB", "V0001", "H0001"))


@pytest.mark.parametrize(("extra", "package"), [("hl7", "hl7"), ("fhir", "fhir.resources.R4B.condition")])
def test_without_its_extra_a_command_says_how_to_install_it(
    run: Run, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: str, package: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("surveillance.adapters.")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, package, None)
    arguments = [tmp_path / "bundle.json"] if extra == "fhir" else []
    done = run("adapters", extra, *arguments, "--partner", PARTNER, "--secret", key)
    assert done.code == 2
    assert f"pip install 'surveillance[{extra}]'" in done.words


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--listen", "0.0.0.0:2575"), "without TLS it listens on this machine only"),
        (("--listen", "2575"), "host:port"),
        (("--partner", "nobody"), "partner nobody: there is none"),
        (("--partner", "example-police"), "publishes no admissions"),
        (("--secret", "2026"), "key-id=FILE"),
        (("--admission-method", "E"), "CODE=NATIONAL"),
        (("--time-zone", "Nowhere"), "Europe/London"),
    ],
)
def test_a_mistake_is_told_before_anything_listens(
    run: Run, key: str, tmp_path: Path, more: tuple[str, ...], words: str
) -> None:
    base = ("--partner", PARTNER, "--secret", key, "--journal", tmp_path / "hl7.journal")
    done = run("adapters", "hl7", *base, *more)
    assert (done.code, words in done.words) == (2, True), done.words


def test_two_secrets_of_one_id_are_a_mistake(run: Run, key: str) -> None:
    done = run("adapters", "hl7", "--partner", PARTNER, "--secret", key, "--secret", key)
    assert (done.code, "the same key-id" in done.words) == (2, True)
