"""make bench: every benchmark, one after the other."""

import runpy

for name in ("bench_scan", "bench_stream", "bench_latency", "bench_pages", "bench_acts"):
    print(f"\n== {name}\n", flush=True)
    runpy.run_module(f"benchmarks.{name}", run_name="__main__")
