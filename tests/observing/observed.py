"""A worker and the pages at work under a real Prometheus, which a day of simulated reports reaches."""

import json
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from shipped_rules import ROOT

from surveillance.cli.demo import _fail_loudly, _handled, _publish, _world
from surveillance.cli.stack import Stack
from surveillance.kafka.ports import free_port
from surveillance.kafka.producer import Publisher
from surveillance.simulation.injected import InjectedCluster, choose_centre
from surveillance.simulation.live import live
from surveillance.simulation.published import Published
from surveillance.store import outbox, pending

START_SECONDS, DAY_SECONDS = 180.0, 180.0  # on a machine that is busy otherwise


@dataclass
class Observed:
    """The stack, what was published to it, and the Prometheus that reads it every second."""

    stack: Stack
    prometheus: str
    published: list[Published] = field(default_factory=list)

    def query(self, query: str) -> list[dict[str, Any]]:
        """What Prometheus answers to a query now."""
        asked = urllib.parse.urlencode({"query": query})
        with urllib.request.urlopen(f"{self.prometheus}/api/v1/query?{asked}", timeout=10) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        return result

    def log(self, process: str) -> str:
        return (self.stack.directory / f"{process}.log").read_text()

    def lines(self, process: str) -> list[dict[str, Any]]:
        """What a process logged, every line an object."""
        return [json.loads(line) for line in self.log(process).splitlines()]


@contextmanager
def observe(prometheus: str, directory: Path) -> Iterator[Observed]:
    """Everything at work, once the day's reports are stored, evaluated and told."""
    with Stack(directory / "stack", ROOT / "config", {"log_format": "json"}) as stack:
        stack.start("worker", "web")
        url, process = _start(prometheus, stack, directory)
        try:
            seen = Observed(stack, url)
            _wait(lambda: len(seen.query("up == 1")) == 2, START_SECONDS, "worker and pages answer", stack)
            _wait(lambda: _ready(stack), START_SECONDS, "the worker is ready", stack)
            time.sleep(2.5)  # every count has been seen at nought
            seen.published = _live_a_day(stack)
            _wait_for_tick(seen)
            _wait_for_tick(seen)  # began after the day was over: set every gauge from it
            yield seen
        finally:
            process.terminate()
            process.wait(20)


def _start(program: str, stack: Stack, directory: Path) -> tuple[str, subprocess.Popen[bytes]]:
    jobs = {"worker": stack.settings.metrics_port, "web": stack.settings.web_metrics_port}
    shipped = yaml.safe_load((ROOT / "config/prometheus/prometheus.yml").read_text())
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ROOT / "config/prometheus" / path) for path in shipped["rule_files"]],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
            for job, port in jobs.items()
        ],
    }
    (directory / "prometheus.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = (
        program,
        f"--config.file={directory / 'prometheus.yml'}",
        f"--storage.tsdb.path={directory / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    )
    with (directory / "prometheus.log").open("wb") as log:
        return f"http://127.0.0.1:{port}", subprocess.Popen(command, stdout=log, stderr=log)


def _live_a_day(stack: Stack) -> list[Published]:
    """What a day brings, at once: late, doubled, revised and refused reports, and a cluster."""
    world, rng, now = _world(stack), np.random.default_rng(1), datetime.now(UTC)
    cluster = InjectedCluster(choose_centre(world, rng))
    published = list(live(world, rng, now, cluster, duration=timedelta(seconds=1)))
    with Publisher(stack.settings.kafka) as publisher:
        for message in published:
            _publish(publisher, message)
        publisher.publish("incidents.v1.example-police", b"k", b"\xff not JSON", _fail_loudly)
        publisher.flush()
    _wait(lambda: _handled(stack) == len(published) + 1, DAY_SECONDS, "all is stored", stack)
    _wait(lambda: _nothing_owed(stack), DAY_SECONDS, "all is evaluated and told", stack)
    return published


def _wait_for_tick(seen: Observed) -> None:
    since = time.time()
    ticked = f'surveillance_step_succeeded_timestamp_seconds{{step="tick"}} > {since}'
    _wait(lambda: bool(seen.query(ticked)), DAY_SECONDS, "the clock has ticked", seen.stack)


def _ready(stack: Stack) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{stack.settings.metrics_port}/readyz", timeout=10):
            return True
    except OSError:
        return False


def _nothing_owed(stack: Stack) -> bool:
    with stack.store.reading() as tx:
        return pending.waiting(tx) == 0 and outbox.waiting(tx) == 0


def _wait(true: Callable[[], bool], seconds: float, what: str, stack: Stack) -> None:
    deadline = time.monotonic() + seconds
    while True:
        stack.check()
        try:
            if true():
                return
        except OSError:  # it does not listen yet
            pass
        if time.monotonic() > deadline:
            log = (stack.directory / "worker.log").read_text()[-3000:]
            raise AssertionError(f"{what}: not within {seconds:g} s\n{log}")
        time.sleep(0.5)
