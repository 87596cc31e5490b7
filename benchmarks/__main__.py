"""make bench: every benchmark, one after the other."""

import runpy

BENCHMARKS = (
    "bench_scan",
    "bench_stream",
    "bench_proximity",
    "bench_latency",
    "bench_throughput",
    "bench_workers",
    "bench_soak",
    "bench_england",
    "bench_pages",
    "bench_acts",
    "bench_gateway",
)

for name in BENCHMARKS:
    print(f"\n== {name}\n", flush=True)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")
