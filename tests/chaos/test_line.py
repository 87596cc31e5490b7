"""The line does to connections what networks do."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.line import Line


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while chunk := self.request.recv(4096):
            self.request.sendall(chunk)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


@pytest.fixture
def line() -> Iterator[Line]:
    with Server(("127.0.0.1", 0), Echo) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Line(server.server_address[1]) as opened:
            yield opened
        server.shutdown()


def connect(line: Line, timeout: float = 5.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", line.port), timeout)


def ask(connection: socket.socket, words: bytes = b"hello") -> bytes:
    connection.sendall(words)
    heard = b""
    while len(heard) < len(words):
        chunk = connection.recv(4096)
        if not chunk:
            raise ConnectionResetError
        heard += chunk
    return heard


def test_a_good_line_carries_bytes_both_ways(line: Line) -> None:
    with connect(line) as connection:
        assert ask(connection, b"x" * 300_000) == b"x" * 300_000


def test_a_slow_line_takes_its_time_and_a_mended_one_does_not(line: Line) -> None:
    with connect(line) as connection:
        line.slow(1.0)
        began = time.monotonic()
        ask(connection)
        assert time.monotonic() - began >= 2.0
        line.mend()
        began = time.monotonic()
        ask(connection)
        assert time.monotonic() - began < 2.0


def test_bandwidth_is_limited(line: Line) -> None:
    with connect(line) as connection:
        line.slow(0.0, rate=100_000)
        began = time.monotonic()
        ask(connection, b"x" * 50_000)
        assert time.monotonic() - began >= 0.9  # half a second each way


def test_a_cut_resets_connections_and_refuses_new_ones_until_it_is_mended(line: Line) -> None:
    with connect(line) as connection:
        ask(connection)
        line.cut()
        with pytest.raises(ConnectionError):
            ask(connection)
    with connect(line) as refused, pytest.raises(ConnectionError):
        ask(refused)
    line.mend()
    with connect(line) as connection:
        assert ask(connection) == b"hello"


def test_a_half_open_connection_stands_and_says_nothing_until_it_is_reset(line: Line) -> None:
    with connect(line) as old:
        ask(old)
        line.stall()
        with connect(line, timeout=0.5) as new:
            for connection in (old, new):
                connection.settimeout(0.5)
                with pytest.raises(TimeoutError):
                    ask(connection)
            line.mend()
            for connection in (old, new):
                connection.settimeout(5)
                with pytest.raises(ConnectionResetError):
                    ask(connection)
    with connect(line) as connection:
        assert ask(connection) == b"hello"


def test_a_line_to_a_server_that_is_away_breaks_connections(tmp_path: Path) -> None:
    with Line(tmp_path / "nothing") as line, connect(line) as connection, pytest.raises(ConnectionError):
        ask(connection)
