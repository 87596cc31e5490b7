"""The pages on a real server, in a thread of the test."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """Serves an application on a free loopback port for as long as the block lasts; gives the address."""
    with served_at(lambda _: app) as address:
        yield address


@contextmanager
def served_at(make: Callable[[str], FastAPI]) -> Iterator[str]:
    """The same for an application that must know the address by which people know it."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(make(address), log_level="error", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 10
        while not server.started:
            assert time.monotonic() < deadline, "the server did not start within 10 s"
            time.sleep(0.01)
        yield address
        server.should_exit = True
        thread.join(10)
