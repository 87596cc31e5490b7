"""What finished runs say: rates of false alerts, sensitivity, delay, each with its confidence interval."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from surveillance.detection.recurrence import independent_looks_a_day, recurrence_interval_days
from surveillance.evaluation.episodes import count_episodes
from surveillance.evaluation.intervals import Estimate, middle, proportion, rate
from surveillance.evaluation.runs import SCAN, arms_of
from surveillance.evaluation.spread import Line
from surveillance.use_case.model import UseCase

YEAR_DAYS, DAY_SECONDS = 365.25, 86_400.0
MINIMUM_RUNS = 5  # of injected clusters of one size, for a size to count as found


@dataclass(frozen=True, slots=True)
class FalseAlerts:
    """Null histories: alerts of an arm that reached a band or a stronger one, a year."""

    arm: str
    band: str
    alerts: int
    years: float
    rate: Estimate


@dataclass(frozen=True, slots=True)
class Episodes:
    """Null histories: episodes of scan alarms with at least this recurrence interval, a year, over all scans
    of a use case."""

    looks: str
    recurrence_interval_days: float
    episodes: int
    years: float
    rate: Estimate


@dataclass(frozen=True, slots=True)
class Power:
    """Injected clusters of one cell: how many an arm found in a band or a stronger one, and after how long.

    injected: cases put in, on average. days: from the first case day to the alert, of those found.
    """

    arm: str
    band: str
    cell: str
    runs: int
    injected: float
    found: Estimate
    days: Estimate


@dataclass(frozen=True, slots=True)
class Smallest:
    """The fewest injected cases that an arm found at all, and from how many on it found half of them."""

    arm: str
    band: str
    ever: int | None
    half: int | None


@dataclass(frozen=True)
class Report:
    """All tables of one use case. Lines of different cells do not mix."""

    use_case: str
    null_cell: str
    years: float
    looks_a_year: float
    false_alerts: tuple[FalseAlerts, ...]
    episodes: tuple[Episodes, ...]
    power: tuple[Power, ...]
    smallest: tuple[Smallest, ...]


def make_report(use_case: UseCase, lines: Iterable[Line], null_cell: str = "null") -> Report:
    """The tables of the runs of one use case; `null_cell` names the null histories that count."""
    ordered = sorted(lines, key=lambda line: (line["cell"], line["seed"], line["run"]))
    null = [line for line in ordered if "alarms" in line and line["cell"] == null_cell]
    hurt = [line for line in ordered if "injected" in line]
    bands = [band.name for band in use_case.bands]
    years = sum(line["days"] for line in null) / YEAR_DAYS
    arms = sorted(arm.name for arm in arms_of(use_case))  # also those that never raised anything
    return Report(
        use_case=use_case.id,
        null_cell=null_cell,
        years=years,
        looks_a_year=sum(line["looks"] for line in null) / years if years else 0.0,
        false_alerts=tuple(_false_alerts(null, arms, bands)) if years else (),
        episodes=tuple(_episodes(use_case, null)),
        power=tuple(_power(hurt, arms, bands)),
        smallest=tuple(_smallest(hurt, arms, bands)),
    )


def _false_alerts(null: Sequence[Line], arms: Sequence[str], bands: Sequence[str]) -> Iterable[FalseAlerts]:
    for arm in arms:
        held = [line for line in null if _has(line, arm)]
        years = sum(line["days"] for line in held) / YEAR_DAYS
        for rank, band in enumerate(bands if held else ()):
            reached = {
                (line["run"], a["alert"])
                for line in held
                for a in line["alerts"]
                if a["arm"] == arm and a["band"] in bands[: rank + 1]
            }
            yield FalseAlerts(arm, band, len(reached), years, rate(len(reached), years))


def _episodes(use_case: UseCase, null: Sequence[Line]) -> Iterable[Episodes]:
    wanted = {c.recurrence_interval_days for band in use_case.bands for c in band.any_of}
    for looks in dict.fromkeys((use_case.looks, "daily")):
        scanned = [line for line in null if _has(line, f"{looks}/{SCAN}")]
        years = sum(line["days"] for line in scanned) / YEAR_DAYS
        if not scanned:
            continue
        for days in sorted((one for one in wanted if one is not None), reverse=True):
            count = sum(_count(line["alarms"], use_case, looks, days) for line in scanned)
            yield Episodes(looks, days, count, years, rate(count, years))


def _count(alarms: Sequence[Line], use_case: UseCase, looks: str, at_least: float) -> int:
    """Episodes of one run at a threshold."""
    raised = [
        a
        for a in alarms
        if (looks == "every_event" or a["midnight"]) and _interval(a, use_case, looks) >= at_least
    ]
    days = [datetime.fromisoformat(a["at"]).timestamp() / DAY_SECONDS for a in raised]
    return count_episodes([a["km"] for a in raised], days)


def _interval(alarm: Line, use_case: UseCase, looks: str) -> float:
    scans = len(use_case.places) * sum("scan" in detector.name for detector in use_case.detectors)
    independent = independent_looks_a_day(alarm["cases_a_day"], looks == "every_event", scans)
    return recurrence_interval_days(alarm["p"], independent)


def _has(line: Line, arm: str) -> bool:
    """Whether a run asked an arm at all."""
    return arm in line["arms"]


def _reached(line: Line, arm: str, bands: Sequence[str]) -> float | None:
    """Days until an arm found a line's cluster in one of these bands; None where it never did."""
    found = line["found"].get(arm, {})
    return min((found[band] for band in bands if band in found), default=None)


def _power(hurt: Sequence[Line], arms: Sequence[str], bands: Sequence[str]) -> Iterable[Power]:
    cells: defaultdict[str, list[Line]] = defaultdict(list)
    for line in hurt:
        cells[line["cell"]].append(line)
    for cell, every in cells.items():
        for arm in arms:
            of_cell = [line for line in every if _has(line, arm)]
            for rank, band in enumerate(bands if of_cell else ()):
                days = [_reached(line, arm, bands[: rank + 1]) for line in of_cell]
                hits = [one for one in days if one is not None]
                mean = sum(line["injected"] for line in of_cell) / len(of_cell)
                found = proportion(len(hits), len(days))
                yield Power(arm, band, cell, len(of_cell), mean, found, middle(hits))


def _smallest(hurt: Sequence[Line], arms: Sequence[str], bands: Sequence[str]) -> Iterable[Smallest]:
    sizes: defaultdict[int, list[Line]] = defaultdict(list)
    for arm in arms:
        sizes.clear()
        for line in hurt:
            if _has(line, arm):
                sizes[line["injected"]].append(line)
        for rank, band in enumerate(bands if sizes else ()):
            hits = {
                size: sum(_reached(line, arm, bands[: rank + 1]) is not None for line in of_size)
                for size, of_size in sorted(sizes.items())
            }
            ever = next((size for size, found in hits.items() if found), None)
            often = [
                s for s, found in hits.items() if len(sizes[s]) >= MINIMUM_RUNS and 2 * found >= len(sizes[s])
            ]
            yield Smallest(arm, band, ever, min(often, default=None))
