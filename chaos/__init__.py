"""Faults on real Kafka and PostgreSQL: `python -m chaos --schedules 10 --seed 1`, or `make chaos`.

A schedule is a pure function of a seed and a number (schedule.py). playing.py lets it happen to a service of
its own, and invariants.py says afterwards what was lost, doubled or broken. It stands on the tests' servers.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
for _folder in ("tests", "tests/integration"):
    if str(ROOT / _folder) not in sys.path:
        sys.path.append(str(ROOT / _folder))
