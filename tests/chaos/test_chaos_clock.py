"""The clock of a worker that a schedule moves."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from chaos import ROOT
from chaos.clock import offset_seconds, set_offset

# What a worker's process would see: before, and after its clock was moved under it.
SEEN = """
import json, sys, time
from pathlib import Path
from chaos import clock
clock._move_clock(Path(sys.argv[1]))
from surveillance.cli import working
from surveillance.settings import Settings
service = working.build_service(Settings(config_dir=sys.argv[2], database_url="sqlite:////nowhere/a.db"))
seen = lambda: [service.clock().timestamp() - clock._real_time(), time.time() - clock._real_time()]
before = seen()
clock.set_offset(Path(sys.argv[1]), 3600.0)
print(json.dumps([before, seen(), time.monotonic()]))
"""


def test_the_services_clock_and_its_libraries_jump_while_the_monotonic_one_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "clock"
    set_offset(path, -300.0)
    asked = [sys.executable, "-c", SEEN, str(path), str(ROOT / "config")]
    began = time.monotonic()
    before, after, monotonic = json.loads(subprocess.check_output(asked, cwd=ROOT, text=True))
    assert before == pytest.approx([-300.0, -300.0], abs=2.0)
    assert after == pytest.approx([3600.0, 3600.0], abs=2.0)
    assert began <= monotonic <= time.monotonic()


@pytest.mark.parametrize("content", [None, "", "soon"])
def test_a_file_that_says_nothing_moves_nothing(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "clock"
    if content is not None:
        path.write_text(content)
    assert offset_seconds(path) == 0.0
