"""CPU seconds of the permutation scan for 999 replicates, beside SaTScan's on the same kind of machine.

    python benchmarks/bench_scan.py [--quick] [--runs 3] [--warm-geometry]

365 days, windows to 28 days, 50 % of the cases, every replicate, no early stopping. SaTScan's figures were
measured beside a calibration loop; they are scaled by what that loop takes here. Ours include sorting the
neighbours, unless --warm-geometry: the service keeps them from look to look.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date

import numpy as np

from surveillance.detection.cluster import Study
from surveillance.detection.scan import circles
from surveillance.detection.scan.permutation import PermutationScan, warm
from surveillance.detection.study import make_locations

# SaTScan 10.3.2, one thread, CPU s for 999 replicates; at 5,000 locations from 19 replicates.
SATSCAN_CPU_S = {
    (200, 500): 1.8,
    (200, 5_000): 2.8,
    (200, 50_000): 6.8,
    (1_000, 500): 55.4,
    (1_000, 5_000): 51.8,
    (1_000, 50_000): 57.7,
    (5_000, 500): 1858.0,
    (5_000, 5_000): 1690.0,
    (5_000, 50_000): 1693.0,
}
CALIBRATION_CPU_S = 1.6


def main() -> None:
    """Print one row for each number of locations and cases."""
    options = _options()
    started = time.perf_counter()
    warm()
    print(f"kernel ready after {time.perf_counter() - started:.1f} s")
    print("locations   cases    CPU s   wall s 2 threads  SaTScan  times")
    for (locations, cases), satscan in SATSCAN_CPU_S.items():
        if options.quick and locations * cases > 5_000_000:
            continue
        _print_row(locations, cases, satscan, options.runs, options.warm_geometry)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="the smaller half only")
    parser.add_argument("--runs", type=int, default=3, help="the median of so many runs")
    parser.add_argument("--warm-geometry", action="store_true", help="leave out sorting the neighbours")
    return parser.parse_args()


def _print_row(locations: int, cases: int, satscan: float, runs: int, warm_geometry: bool) -> None:
    study = _study(locations, cases)
    scan = PermutationScan(max_window_days=28, max_clusters=1)

    def look(threads: int) -> None:
        if not warm_geometry:
            circles.forget()
        replace(scan, threads=threads).detect(study, np.random.default_rng(1))

    look(1)
    # The calibration runs beside each row: other work on the machine slows both alike.
    scale = _calibrate() / CALIBRATION_CPU_S
    cpu, wall = _medians(lambda: look(1), runs)
    _, wall_of_two = _medians(lambda: look(2), runs)
    theirs = satscan * scale
    ours = f"{cpu:8.3f} {wall:8.3f} {wall_of_two:9.3f}"
    print(f"{locations:9,} {cases:7,} {ours} {theirs:8.1f} {theirs / cpu:6.0f}", flush=True)


def _medians(work: Callable[[], None], runs: int) -> tuple[float, float]:
    """Median CPU and wall seconds."""
    cpu, wall = [], []
    for _ in range(runs):
        cpu_from, wall_from = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - cpu_from)
        wall.append(time.perf_counter() - wall_from)
    return statistics.median(cpu), statistics.median(wall)


def _calibrate() -> float:
    """CPU seconds of the loop that ran beside SaTScan."""
    started = time.process_time()
    total = 0
    for number in range(20_000_000):
        total += number * number & 7
    return time.process_time() - started


def _study(locations: int, cases: int) -> Study:
    rng = np.random.default_rng(locations + cases)
    people = rng.lognormal(0, 0.5, locations)
    codes = [str(number) for number in range(locations)]
    return Study(
        ids=tuple(str(number) for number in range(cases)),
        location=rng.choice(locations, cases, p=people / people.sum()).astype(np.int32),
        day=rng.integers(0, 365, cases).astype(np.int32),
        start=date(2024, 1, 1),
        as_of=date(2024, 12, 30),
        locations=make_locations(codes, rng.uniform(0, 100, (locations, 2))),
    )


if __name__ == "__main__":
    main()
