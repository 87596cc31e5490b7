"""`make fuzz N=...`: so many inputs to each parser, what became of them, and a summary."""

import argparse
import hashlib
import logging
import sys
from pathlib import Path

import structlog

from fuzzing.parsers import parsers
from fuzzing.trying import try_parser


def main() -> int:
    """Returns 1 where anything failed; such inputs are kept in var/fuzz."""
    asked = argparse.ArgumentParser(prog="make fuzz")
    asked.add_argument("--inputs", type=int, default=1000, help="for each parser")
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--only", default="", help="a part of the parsers' names")
    chosen = asked.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    tried = failed = 0
    for parser in parsers():
        if chosen.only not in parser.name:
            continue
        tally = try_parser(parser, chosen.inputs, chosen.seed)
        tried, failed = tried + tally.tried, failed + len(tally.failures)
        print(
            f"{parser.name:22} {tally.tried:9,} inputs {tally.refused:9,} refused"
            f"  slowest {tally.slowest_seconds:6.3f} s  {len(tally.failures)} failures",
            flush=True,
        )
        for kind, content in tally.failures.items():
            print(f"  {kind}: {tally.kinds[kind]} times; one is kept in {keep(content)}", flush=True)
    print(f"{tried:,} inputs, {failed} failures (seed {chosen.seed})")
    return 1 if failed else 0


def keep(content: bytes) -> Path:
    folder = Path("var/fuzz")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(content).hexdigest()[:16]
    path.write_bytes(content)
    return path


if __name__ == "__main__":
    sys.exit(main())
