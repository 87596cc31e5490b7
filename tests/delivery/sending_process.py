"""A process that delivers one notice and is killed after the receiver took it, before that is stored.

python sending_process.py DATABASE_URL RECEIVER_URL
"""

import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

from post_room import START, configured, receiver

from surveillance import pipeline
from surveillance.delivery.channel import Around
from surveillance.delivery.parcel import Parcel
from surveillance.delivery.registry import open_senders
from surveillance.sending import Post
from surveillance.settings import Settings
from surveillance.store.database import Store

LEASE = timedelta(minutes=3)


def main(database_url: str, url: str) -> None:
    of = receiver("cases", address=url, secret_env="CASES_SECRET")
    settings = Settings(config_dir=Path("/nowhere"))  # type: ignore[call-arg]
    send = open_senders([of], Around(settings, lambda _: None))["cases"]

    def send_and_die(parcel: Parcel) -> int | None:
        send(parcel)
        os.kill(os.getpid(), signal.SIGKILL)
        return None

    post = Post({"cases": send_and_die}, LEASE)
    pipeline.deliver(Store.open(database_url), post, configured(of), lambda: START)


if __name__ == "__main__":
    main(*sys.argv[1:])
