"""`python -m chaos.clock worker`: a worker whose clock is moved by so many seconds as a file says.

libfaketime would move it for any program, but its release in Debian 12 breaks Python's sleep. So the clock is
moved where a worker reads it: the service's, from which all stored times are, and time.time of the libraries.
"""

import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

VARIABLE = "CHAOS_CLOCK_FILE"
_real_time = time.time


def offset_seconds(path: Path) -> float:
    """How far the clock is moved now; a file that is being written moves nothing."""
    try:
        return float(path.read_text())
    except (OSError, ValueError):
        return 0.0


def set_offset(path: Path, seconds: float) -> None:
    """Moves the clock of every worker that reads this file, from now on."""
    written = path.with_suffix(".new")
    written.write_text(repr(seconds))
    written.rename(path)


def _move_clock(path: Path) -> None:
    from surveillance.cli import working
    from surveillance.service import build_service

    def now_s() -> float:
        return _real_time() + offset_seconds(path)

    def now() -> datetime:
        return datetime.fromtimestamp(now_s(), UTC)

    def build(settings: Any) -> Any:
        service = build_service(settings)
        service.clock = now
        return service

    working.build_service = build  # type: ignore[assignment, attr-defined]
    time.time = now_s


def main() -> None:
    """The command line of the service, with the moved clock."""
    _move_clock(Path(os.environ[VARIABLE]))
    from surveillance.cli import main as surveillance

    sys.argv[0] = "surveillance"
    surveillance()


if __name__ == "__main__":
    main()
