"""Wall time of the permutation scan as the service runs it: event to answer, and all of England.

    python benchmarks/bench_stream.py

Streaming: 5,000 cases a year in Cheshire and Merseyside, without a cluster; 14 events a day, of which some
are late, moved or withdrawn; each is looked at as it comes. England: 32,844 areas; a look that ends early
because nothing stands out, one at a cluster that goes on while the day does, compared with the replicates of
the midnight before, how long those take, once, beside the looks, and one that takes every replicate itself.
"""

import resource
import statistics
import sys
import time
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations, Reference, Study
from surveillance.detection.scan import circles
from surveillance.detection.scan.permutation import PermutationScan, warm
from surveillance.detection.study import make_locations
from surveillance.geography.area import load_areas

DAYS, EVENTS_A_DAY = 365, 14
SCAN = PermutationScan(max_radius_km=20, min_window_days=2, max_window_days=30, max_p=1 / 365, threads=2)
AS_SHIPPED = replace(SCAN, report_delay=True)
KINDS = ("today", "late", "moved", "withdrawn")
SHARES = (0.85, 0.09, 0.03, 0.03)


def main() -> None:
    """Print both."""
    warm()
    stream(int(sys.argv[1]) if len(sys.argv) > 1 else 40)
    for cases in (5_500, 100_000):
        england(cases)


def stream(days: int) -> None:
    """Latency of each event's look over so many days of events."""
    locations = areas_of(within={"icb": "E54000008"})
    circles.circles_of(locations, SCAN.max_radius_km)
    rng = np.random.default_rng(1)
    for scan, words in ((SCAN, "all cases"), (AS_SHIPPED, "within delays, as shipped")):
        study, seconds = random_study(locations, 5_000, rng), []
        for _ in range(days):
            for _ in range(EVENTS_A_DAY):
                study = after_event(study, rng)
                seconds.append(_timed(study, scan))
            study = next_day(study)
        taken = np.array(seconds[EVENTS_A_DAY:]) * 1000
        p50, p90, p99 = np.percentile(taken, [50, 90, 99])
        print(
            f"streaming, {words}, {len(locations.codes):,} areas, 5,000 cases, 20 km, {len(taken)} events: "
            f"p50 {p50:.1f} ms, p90 {p90:.1f} ms, p99 {p99:.0f} ms",
            flush=True,
        )


def england(cases: int) -> None:
    """Wall seconds of looks at the whole country, and the memory that it took."""
    locations = areas_of()
    started = time.perf_counter()
    circles.circles_of(locations, SCAN.max_radius_km)
    sorting = time.perf_counter() - started
    study = random_study(locations, cases, np.random.default_rng(1))
    early = statistics.median(_timed(study, replace(SCAN, max_share=share)) for share in (0.5, 0.499, 0.498))
    drawing, going_on = _with_cluster(study)
    whole = _timed(study, replace(SCAN, max_p=1.0, max_clusters=1)) if cases < 10_000 else None
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"England, {len(locations.codes):,} areas, {cases:,} cases a year, 20 km: neighbours {sorting:.1f} s "
        f"once, nothing stands out {early:.2f} s, a cluster goes on {going_on:.2f} s, its day's replicates "
        f"{drawing:.1f} s once, "
        + (f"all 999 replicates {whole:.1f} s, " if whole else "")
        + f"memory at most {memory:.0f} MB",
        flush=True,
    )


def _with_cluster(study: Study) -> tuple[float, float]:
    """Seconds to draw what a day's looks compare with, and of a look at a cluster of 14 cases in one area."""
    before = Reference(replace(study), 1)
    started = time.perf_counter()
    SCAN.draw(before)
    drawing, more = time.perf_counter() - started, 14
    now = replace(
        study,
        ids=(*study.ids, *(f"cluster-{n}" for n in range(more))),
        location=np.append(study.location, np.full(more, study.location[0])),
        day=np.append(study.day, np.int32(DAYS - 1) - np.arange(more, dtype=np.int32) % 7),
        received=np.append(_received(study), np.full(more, DAYS - 1, np.int32)),
        reference=before,
    )
    return drawing, statistics.median(_timed(now, SCAN) for _ in range(3))


def _received(study: Study) -> npt.NDArray[np.int32]:
    assert study.received is not None
    return study.received


def _timed(study: Study, scan: PermutationScan) -> float:
    started = time.perf_counter()
    scan.detect(study, np.random.default_rng(len(study.ids)))
    return time.perf_counter() - started


def random_study(locations: Locations, cases: int, rng: np.random.Generator) -> Study:
    """Cases of a year, each day alike, by the population."""
    assert locations.population is not None
    share = locations.population / locations.population.sum()
    day = rng.integers(0, DAYS, cases).astype(np.int32)
    return Study(
        ids=tuple(f"old-{n}" for n in range(cases)),
        location=rng.choice(len(share), cases, p=share).astype(np.int32),
        day=day,
        received=np.minimum(day + rng.exponential(2, cases).astype(np.int32), DAYS - 1),
        start=date(2024, 1, 1),
        as_of=date(2024, 1, 1) + timedelta(days=DAYS - 1),
        locations=locations,
    )


def after_event(study: Study, rng: np.random.Generator) -> Study:
    """One case more, one late, one moved, or one less."""
    assert study.locations.population is not None
    share = study.locations.population / study.locations.population.sum()
    area, one = int(rng.choice(len(share), p=share)), int(rng.integers(len(study.ids)))
    kind = rng.choice(KINDS, p=SHARES)
    if kind == "moved":
        location = study.location.copy()
        location[one] = area
        return replace(study, location=location)
    if kind == "withdrawn":
        ids = study.ids[:one] + study.ids[one + 1 :]
        left = {name: np.delete(getattr(study, name), one) for name in ("location", "day", "received")}
        return replace(study, ids=ids, **left)
    day = DAYS - 1 - (int(rng.integers(1, 8)) if kind == "late" else 0)
    return replace(
        study,
        ids=(*study.ids, f"new-{study.as_of}-{len(study.ids)}-{rng.integers(1 << 30)}"),
        location=np.append(study.location, area).astype(np.int32),
        day=np.append(study.day, day).astype(np.int32),
        received=np.append(_received(study), np.int32(DAYS - 1)),
    )


def next_day(study: Study) -> Study:
    """A day later: the first day's cases leave the study."""
    kept = study.day > 0
    return replace(
        study,
        ids=tuple(one for one, keep in zip(study.ids, kept, strict=True) if keep),
        location=study.location[kept],
        day=study.day[kept] - 1,
        received=_received(study)[kept] - 1,
        start=study.start + timedelta(days=1),
        as_of=study.as_of + timedelta(days=1),
    )


def areas_of(within: dict[str, str] | None = None) -> Locations:
    """England's areas, or those in a higher one."""
    table = load_areas("england", Path())
    if within:
        table = table.within(within)
    return make_locations(table.codes, table.coordinates, table.metric, table.population)


if __name__ == "__main__":
    main()
