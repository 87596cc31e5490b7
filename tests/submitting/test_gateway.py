"""The gateway accepts a submission whole or not at all, and what it accepted ends in its topic."""

import os
import resource
import signal
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from handing_in import NOWHERE, event, events_file, feed_of, gateway, lying_on, make_topic

from plugins.kafka_harness import ApacheKafka
from surveillance.configuration import Configuration
from surveillance.kafka.broker import EmbeddedBroker
from surveillance.kafka.ports import free_port
from surveillance.submitting.gateway import Accepted, Gateway, Refusal
from surveillance.submitting.spool import MEASURED_SECONDS, SpoolFull

HERE = Path(__file__).parent


def accepted(made: Gateway, configuration: Configuration, path: Path) -> Accepted:
    done = made.submit(feed_of(configuration, path), "alpha-1")
    assert isinstance(done, Accepted), done
    return done


def waiting_files(directory: Path) -> list[Path]:
    return [p for p in (directory / "spool").iterdir() if p.suffix in (".spool", ".part")]


@pytest.mark.parametrize("records", [1, 3])
def test_what_the_broker_acknowledged_is_published_and_nothing_of_it_stays_on_disk(
    configuration: Configuration,
    tmp_path: Path,
    broker_address: str,
    new_topic: Callable[[str], str],
    records: int,
) -> None:
    prefix = new_topic("")
    topic = make_topic(broker_address, prefix)
    made = gateway(configuration, tmp_path, broker_address, prefix, seconds=10)
    sent = [event(f"r-{i}") for i in range(records)]
    done = accepted(made, configuration, events_file(tmp_path / "some.jsonl", *sent))
    assert (done.state, done.records, done.ids) == (
        "published",
        records,
        tuple(f"r-{i}@1" for i in range(records)),
    )
    assert lying_on(broker_address, topic) == sent
    assert waiting_files(tmp_path) == []
    assert made.state("alpha", done.id) == ("published", records)
    assert made.state("beta", done.id) is None, "another partner's is not there for this one"
    receipts = "".join(p.read_text() for p in (tmp_path / "spool" / "receipts").iterdir())
    assert "r-0" not in receipts, "a receipt holds nothing of the content"


def test_a_file_with_one_bad_row_is_refused_whole_with_every_fault(
    configuration: Configuration, tmp_path: Path
) -> None:
    bad = [event("b", age=400, sex="unclear"), event("c", residence_area={"code": "n77"})]
    path = events_file(tmp_path / "some.jsonl", event("a"), *bad)
    done = gateway(configuration, tmp_path).submit(feed_of(configuration, path), "alpha-1")
    assert isinstance(done, Refusal)
    assert (done.rows, done.bad_rows) == (3, 2)
    assert [(f.row, f.fault.field) for f in done.faults] == [
        (2, "age"),
        (2, "sex"),
        (3, "residence_area.code"),
    ]
    assert waiting_files(tmp_path) == []


def test_while_the_broker_is_away_submissions_wait_in_order_and_are_published_once_it_is_back(
    configuration: Configuration, tmp_path: Path
) -> None:
    port = free_port()
    made = gateway(configuration, tmp_path, f"127.0.0.1:{port}", seconds=3.0)
    first = accepted(made, configuration, events_file(tmp_path / "1.jsonl", event("a"), event("b")))
    began = time.monotonic()
    second = accepted(made, configuration, events_file(tmp_path / "2.jsonl", event("a", version=2)))
    assert time.monotonic() - began < 2.0, "once it is known to be away, nobody waits for it"
    assert (first.state, second.state) == ("pending", "pending")
    assert made.state("alpha", first.id) == ("pending", 2)
    assert {stat.S_IMODE(p.stat().st_mode) for p in waiting_files(tmp_path)} == {0o600}
    assert stat.S_IMODE((tmp_path / "spool").stat().st_mode) == 0o700
    with EmbeddedBroker(port=port) as broker:
        topic = make_topic(broker.address, "")
        assert made.drain() == 0
        lies = [(e["record_id"], e["version"]) for e in lying_on(broker.address, topic)]
        assert lies == [("a", 1), ("b", 1), ("a", 2)]
        assert made.state("alpha", first.id) == ("published", 2)
        third = accepted(made, configuration, events_file(tmp_path / "3.jsonl", event("d")))
        assert third.state == "published", "what comes now goes straight"
    assert waiting_files(tmp_path) == []


@pytest.mark.kafka
def test_a_topic_that_is_missing_holds_up_no_other(
    configuration: Configuration,
    tmp_path: Path,
    apache_kafka: ApacheKafka,
    new_topic: Callable[[str], str],
) -> None:
    prefix = new_topic("")
    away = gateway(configuration, tmp_path, NOWHERE, f"{prefix}missing.", seconds=0.5)
    accepted(away, configuration, events_file(tmp_path / "1.jsonl", event("a")))
    also = gateway(configuration, tmp_path, NOWHERE, prefix, seconds=0.5)
    accepted(also, configuration, events_file(tmp_path / "2.jsonl", event("b")))
    topic = make_topic(apache_kafka.address, prefix)
    assert gateway(configuration, tmp_path, apache_kafka.address, prefix).drain() == 1
    assert [e["record_id"] for e in lying_on(apache_kafka.address, topic)] == ["b"]


def test_two_processes_that_share_a_spool_do_not_publish_the_same(
    configuration: Configuration, tmp_path: Path
) -> None:
    made = gateway(configuration, tmp_path, seconds=0.5)
    kept = accepted(made, configuration, events_file(tmp_path / "1.jsonl", event("a")))
    held = made.spool.hold(kept.id)
    assert held is not None
    assert made.spool.hold(kept.id) is None
    held.file.close()
    with made.spool.alone() as first, made.spool.alone() as second:
        assert (first, second) == (True, False)


def test_a_full_spool_accepts_nothing_and_loses_nothing(configuration: Configuration, tmp_path: Path) -> None:
    made = gateway(configuration, tmp_path, most_bytes=1, seconds=0.5)
    kept = accepted(made, configuration, events_file(tmp_path / "1.jsonl", event("a")))
    time.sleep(MEASURED_SECONDS + 0.1)
    with pytest.raises(SpoolFull):
        made.submit(feed_of(configuration, events_file(tmp_path / "2.jsonl", event("b"))), "alpha-1")
    assert [p.stem for p in waiting_files(tmp_path)] == [kept.id]


def test_a_disk_that_fills_up_in_the_middle_of_a_submission_leaves_nothing_of_it(
    configuration: Configuration, tmp_path: Path
) -> None:
    """A real limit of the system on what may be written, while a submission is larger than it."""
    made = gateway(configuration, tmp_path)
    path = events_file(tmp_path / "many.jsonl", *(event(f"r-{i}") for i in range(400)))
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, hard))
    try:
        with pytest.raises(SpoolFull):
            made.submit(feed_of(configuration, path), "alpha-1")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    assert waiting_files(tmp_path) == []


def test_what_nobody_finished_is_removed_and_what_waits_is_not(
    configuration: Configuration, tmp_path: Path
) -> None:
    made = gateway(configuration, tmp_path, seconds=0.5)
    kept = accepted(made, configuration, events_file(tmp_path / "1.jsonl", event("a")))
    for name in ("spool/0.part", "spool/staged/upload", "spool/receipts/2000-01-01T00.txt"):
        (tmp_path / name).write_text("x")
        os.utime(tmp_path / name, (0, 0))
    os.utime(tmp_path / "spool" / f"{kept.id}.spool", (0, 0))
    made.spool.tidy(made._clock())
    assert [p.stem for p in waiting_files(tmp_path)] == [kept.id]
    assert list((tmp_path / "spool" / "staged").iterdir()) == []
    assert list((tmp_path / "spool" / "receipts").iterdir()) == []


@pytest.mark.slow
def test_killed_again_and_again_while_the_broker_is_away_every_accepted_submission_is_published(
    configuration: Configuration, tmp_path: Path
) -> None:
    """kill -9 in the middle of submissions of 30 records, twice; then the broker comes."""
    port = free_port()
    for i in range(50):
        events = [event(f"f{i}-{n}") for n in range(30)]
        events_file(tmp_path / f"{i}.jsonl", *events, *([event(f"f{i}-bad", age=999)] if i % 5 == 4 else []))
    answered: dict[str, str] = {}
    todo = [tmp_path / f"{i}.jsonl" for i in range(50)]
    for kill in range(2):
        answered |= _submit_until_killed(configuration, tmp_path, port, todo[kill * 25 :], lines=3 + 4 * kill)
    with EmbeddedBroker(port=port) as broker:
        topic = make_topic(broker.address, "")
        made = gateway(configuration, tmp_path, broker.address, most_bytes=10**9)
        assert made.drain() == 0
        lies = Counter(e["record_id"] for e in lying_on(broker.address, topic))
    of_files: dict[str, int] = Counter(record.split("-")[0] for record in lies)
    assert set(of_files.values()) == {30}, "nothing is there in part"
    taken = {f"f{name[:-6]}" for name, answer in answered.items() if answer != "refused"}
    assert taken
    assert taken <= of_files.keys(), "nothing accepted is lost"
    assert not any(f"f{i}" in of_files for i in range(4, 50, 5)), "nothing refused is there"
    assert len(of_files) <= len(taken) + 2, "else only what was accepted as the process died"
    assert all(
        made.state("alpha", answer) == ("published", 30) for answer in answered.values() if "-" in answer
    )


def _submit_until_killed(
    configuration: Configuration, tmp_path: Path, port: int, files: list[Path], lines: int
) -> dict[str, str]:
    """What a process said before it was killed in the middle of the next submission."""
    command = [
        sys.executable,
        HERE / "killed_process.py",
        configuration.directory,
        tmp_path,
        f"127.0.0.1:{port}",
        "",
    ]
    path = os.pathsep.join(map(str, (HERE, HERE.parent, HERE.parents[1])))
    process = subprocess.Popen(
        [*command, *files], stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": path}
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(lines)]
    time.sleep(0.004 * lines)
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read().splitlines()
    process.wait()
    whole = [line.split() for line in said if len(line.split()) == 2]
    return dict(whole)  # type: ignore[arg-type]
