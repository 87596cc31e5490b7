"""`surveillance web` as a process: told to stop, it ends in order."""

import http.client
import signal
import time
from pathlib import Path

from small_house import write_house
from surveillance.cli.stack import Stack

LATEST_SECONDS = 120.0
STOP_SECONDS = 20.0


def test_pages_that_are_told_to_stop_end_by_themselves_with_what_they_publish_done(tmp_path: Path) -> None:
    with Stack(tmp_path / "stack", write_house(tmp_path / "house"), keep=False) as stack:
        stack.start("web")
        wait_until_live(stack)
        process = stack._processes["web"]
        process.send_signal(signal.SIGTERM)
        code = process.wait(STOP_SECONDS)
        assert code == 0, "ended by the signal: the spool's last publishing was broken off"


def wait_until_live(stack: Stack) -> None:
    deadline = time.monotonic() + LATEST_SECONDS
    while time.monotonic() < deadline:
        stack.check()
        connection = http.client.HTTPConnection("127.0.0.1", stack.settings.web_port, timeout=5)
        try:
            connection.request("GET", "/health/live")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.2)
        finally:
            connection.close()
    raise AssertionError("the pages did not start")
