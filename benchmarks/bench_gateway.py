"""What the gateway holds: `python -m benchmarks.bench_gateway [REQUESTS_A_SECOND [SECONDS]]`.

200 requests a second for a minute, one record each, to a real server with the embedded broker, SQLite and a
worker, all of it beside the client on this machine; every record that was accepted is looked for in the
database. Then a CSV file of 100,000 rows is validated and published by `surveillance publish`.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from gateway_load import hold  # noqa: E402
from small_house import write_house  # noqa: E402
from surveillance.cli.stack import Stack  # noqa: E402

ROWS = 100_000
COLUMNS = (
    "record_id=Case No,category==dune_fever,status==suspected,occurred_from=Seen,reported_at=Told,"
    "residence_area.code=Crater,age=Age"
)


def main() -> None:
    """Prints both."""
    os.environ.setdefault("PYTHONPATH", str(ROOT))
    rate, seconds = (float(text) for text in (sys.argv[1:] + ["200", "60"][len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as directory:
        _requests(Path(directory), rate, seconds)
    with tempfile.TemporaryDirectory() as directory:
        _file(Path(directory))


def _requests(directory: Path, rate: float, seconds: float) -> None:
    load = hold(directory, rate, seconds)
    answered = load.statuses.total()
    p50, p99 = np.percentile(load.seconds, [50, 99])
    print(f"{answered} requests in {load.took_seconds:.1f} s, answers {dict(load.statuses)}")
    print(f"accepted {len(load.accepted)}, in the database {len(load.stored)}, lost {len(load.lost)}")
    print(f"from when each was due: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    print(f"CPU of the gateway: {load.cpu_seconds / answered * 1000:.2f} ms a request")


def _file(directory: Path) -> None:
    file = directory / "cases.csv"
    rows = (f"c-{n},2024-03-01,2024-03-02,n{1 + n % 4},{n % 100}\n" for n in range(ROWS))
    file.write_text("Case No,Seen,Told,Crater,Age\n" + "".join(rows))
    with Stack(directory / "stack", write_house(directory / "house"), keep=False) as stack:
        asked = ["publish", file, "--partner", "alpha", "--topic", "incidents", "--columns", COLUMNS]
        for more in ([], ["--dry-run"]):
            began = time.monotonic()
            process = subprocess.Popen(
                [sys.executable, "-m", "surveillance", *asked, *more], env=os.environ | stack._environment
            )
            _, status, used = os.wait4(process.pid, 0)
            cpu = used.ru_utime + used.ru_stime
            print(
                f"{ROWS} rows {' '.join(more)}: ended with {os.waitstatus_to_exitcode(status)} after "
                f"{time.monotonic() - began:.0f} s, {cpu:.0f} s of CPU, {used.ru_maxrss / 1024:.0f} MB"
            )


if __name__ == "__main__":
    main()
