"""A worker in a process of its own, for tests that signal it: prints each place that it stores."""

import sys
from collections.abc import Sequence

from fakes import FakeHouse, Settings

from agents.worker import run
from surveillance.events.message import Message
from surveillance.log import configure_logging


class PrintingHouse(FakeHouse):
    def ingest(self, messages: Sequence[Message], *, read: None = None) -> None:
        super().ingest(messages, read=read)
        lines = "".join(f"{m.topic} {m.partition} {m.offset}\n" for m in messages)
        with self._lock:  # batches of several lanes come at once
            print(lines, end="", flush=True)


if __name__ == "__main__":
    brokers, group, topic = sys.argv[1:]
    configure_logging("json")
    sys.exit(run(Settings(brokers, group), PrintingHouse([topic])))
