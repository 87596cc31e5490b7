"""Submits one file after another until it is killed, and says at once what each was answered.

python killed_process.py CONFIG SPOOL BROKERS PREFIX FILE...
"""

import sys
from pathlib import Path

from handing_in import feed_of, gateway

from surveillance.configuration import load_configuration
from surveillance.submitting.gateway import Accepted


def main() -> None:
    config, spool, brokers, prefix, *files = sys.argv[1:]
    configuration = load_configuration(Path(config))
    made = gateway(configuration, Path(spool), brokers, prefix, most_bytes=10**9, seconds=0.5)
    for file in files:
        done = made.submit(feed_of(configuration, Path(file)), "alpha-1")
        answer = done.id if isinstance(done, Accepted) else "refused"
        print(Path(file).name, answer, flush=True)


if __name__ == "__main__":
    main()
