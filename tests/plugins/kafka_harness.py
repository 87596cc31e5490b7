"""A real Apache Kafka, one node in KRaft mode, for tests: started, stopped, killed and started again.

The jars come from Maven Central once (tests/kafka/pom.xml, 43 MB) and are kept in .cache/kafka-libs.
"""

import base64
import shutil
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from plugins.jars import copy_jars
from surveillance.kafka.admin import wait_for_brokers
from surveillance.kafka.brokers import Brokers
from surveillance.kafka.knock import BrokerUnreachable
from surveillance.kafka.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
POM = ROOT / "tests" / "kafka" / "pom.xml"
LIBS = ROOT / ".cache" / "kafka-libs"
START_SECONDS, STOP_SECONDS = 180, 30  # a busy machine takes a minute to start

SERVER = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
controller.listener.names=CONTROLLER
log.dirs={folder}/log
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.message.timestamp.type=LogAppendTime
log.cleaner.backoff.ms=200
log.retention.check.interval.ms=500
log.initial.task.delay.ms=500
auto.create.topics.enable=false
"""
PLAINTEXT = """\
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
"""
LOGGING = """\
<Configuration><Appenders><Console name="out"><PatternLayout pattern="%d %p %m (%c)%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers></Configuration>
"""


class KafkaAbsent(RuntimeError):
    """Apache Kafka cannot run here; the text says what is missing."""


class ApacheKafka:
    """One broker on loopback. Its data and port outlast `stop` and `kill`; `close` removes the data."""

    def __init__(self) -> None:
        self.port, self._controller_port = free_port(), free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.brokers: str | Brokers = self.address
        self._folder = Path(tempfile.mkdtemp(prefix="kafka-"))
        self._process: subprocess.Popen[bytes] | None = None
        self._output: IO[bytes] = (self._folder / "output.log").open("ab")
        self._format()

    @property
    def pid(self) -> int:
        """The process of the running broker."""
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Starts the broker on the data it had, and returns when it answers."""
        settings = ("-Xmx512m", f"-Dlog4j2.configurationFile={self._folder / 'log4j2.xml'}")
        self._process = self._java(*settings, "kafka.Kafka", str(self._folder / "server.properties"))
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                wait_for_brokers(self.brokers, 1.0)
                return
            except BrokerUnreachable:
                continue
        raise RuntimeError(f"Apache Kafka did not start: {self._log_tail()}")

    @property
    def running(self) -> bool:
        """Whether its process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stops it cleanly, as an operator does (SIGTERM)."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
            self._process = None

    def kill(self) -> None:
        """Ends it at once (SIGKILL): what it had not written to disk is for it to recover."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Stops it and starts it on the same data and port."""
        self.stop()
        self.start()

    def close(self) -> None:
        self.kill()
        self._output.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _format(self) -> None:
        known = {"port": self.port, "controller_port": self._controller_port, "folder": self._folder}
        text = (SERVER + self._listeners()).format(**known)
        (self._folder / "server.properties").write_text(text)
        (self._folder / "log4j2.xml").write_text(LOGGING)
        settings = str(self._folder / "server.properties")
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        storage = self._java(
            "kafka.tools.StorageTool",
            "format",
            f"--cluster-id={cluster_id}",
            "-c",
            settings,
            *self._format_options(),
        )
        if storage.wait(START_SECONDS) != 0:
            raise RuntimeError(f"Kafka's storage could not be formatted: {self._log_tail()}")

    def _listeners(self) -> str:
        """Where it listens, and how: the rest of server.properties."""
        return PLAINTEXT

    def _format_options(self) -> tuple[str, ...]:
        return ()

    def _java(self, *arguments: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            ["java", "-cp", f"{LIBS}/*", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _log_tail(self) -> str:
        return (self._folder / "output.log").read_text(errors="replace")[-2000:]


def fetch_jars() -> None:
    """Copies Kafka's jars into .cache, once; raises KafkaAbsent saying what is missing."""
    copy_jars(POM, LIBS, KafkaAbsent)
