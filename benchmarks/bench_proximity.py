"""CPU time of the proximity rule at each event: following from the last look, and from nothing.

    python -m benchmarks.bench_proximity

Cheshire and Merseyside, a year of cases without a cluster but those of chance, by the shipped rule for
suspected suicides (0.5 km, 30 days, three cases) and by a wider one, where many cases hang together. Events
are those of bench_stream: of today, late, moved or withdrawn, and midnights at which a day of cases expires.
Every answer from nothing is compared with the one that followed.
"""

import time
from dataclasses import dataclass

import numpy as np

from benchmarks.bench_stream import after_event, areas_of, next_day, random_study
from surveillance.detection.cluster import Cluster, Study
from surveillance.detection.proximity import Proximity, remembered

RULES = (Proximity(0.5, 30, 3), Proximity(2.0, 30, 5))
DAYS, EVENTS_A_DAY, FROM_NOTHING_EVERY = 5, 60, 10


@dataclass
class Taken:
    """CPU milliseconds of looks that followed, of the first looks of a day among them, and from nothing."""

    following: list[float]
    midnights: list[float]
    from_nothing: list[float]


def main() -> None:
    """Print all."""
    for cases in (5_000, 100_000):
        for rule in RULES:
            _report(cases, rule, stream(cases, rule))


def stream(cases: int, rule: Proximity) -> tuple[Taken, int, int]:
    """The times of some days of events; how many clusters went on in the end, and the largest."""
    rng = np.random.default_rng(1)
    study = random_study(areas_of(within={"icb": "E54000008"}), cases, rng)
    remembered.forget()
    _timed(rule, study)
    taken, clusters = Taken([], [], []), ()
    for _ in range(DAYS):
        study = next_day(study)
        for number in range(EVENTS_A_DAY):
            study = after_event(study, rng)
            clusters, ms = _timed(rule, study)
            (taken.following if number else taken.midnights).append(ms)
            if number % FROM_NOTHING_EVERY == 0:
                taken.from_nothing.append(_from_nothing(rule, study, clusters))
    return taken, len(clusters), max((one.observed for one in clusters), default=0)


def _from_nothing(rule: Proximity, study: Study, followed: tuple[Cluster, ...]) -> float:
    kept = dict(remembered._kept)
    remembered.forget()
    clusters, ms = _timed(rule, study)
    if clusters != followed:
        raise AssertionError("a look that followed says something else than one from nothing")
    remembered.forget()
    remembered._kept.update(kept)
    return ms


def _timed(rule: Proximity, study: Study) -> tuple[tuple[Cluster, ...], float]:
    began = time.process_time()
    clusters = rule.detect(study, np.random.default_rng(1))
    return clusters, (time.process_time() - began) * 1000


def _report(cases: int, rule: Proximity, streamed: tuple[Taken, int, int]) -> None:
    taken, clusters, largest = streamed
    p50, p99 = np.percentile(taken.following, [50, 99])
    print(
        f"{cases:,} cases a year, {rule.radius_km:g} km, {rule.window_days} days, {rule.min_cases} cases "
        f"({clusters} clusters, the largest of {largest}): an event p50 {p50:.1f} ms, p99 {p99:.1f} ms; "
        f"the first of a day {np.median(taken.midnights):.1f} ms; from nothing "
        f"{np.median(taken.from_nothing):.1f} ms ({np.median(taken.from_nothing) / p50:.0f} times as long)",
        flush=True,
    )


if __name__ == "__main__":
    main()
