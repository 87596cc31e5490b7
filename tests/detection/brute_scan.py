"""The plainest possible scan, in loops, of any model and span: what the compiled one is held to.

It shares no code with the engine: circles are sets, windows pairs of intervals, every statistic is taken.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import exp, log

import numpy as np

from surveillance.detection.scan.analysis import Analysis, Population, ScanStudy


class Refused(Exception):
    """The engine must refuse this study."""


def intervals_of(study: ScanStudy, analysis: Analysis) -> list[range]:
    """Days of each interval; what is left over at the beginning is the first interval's."""
    days = (study.end - study.start).days + 1
    if analysis.span == "spatial":
        return [range(days)]
    long = {"day": 1, "week": 7}[analysis.time_unit]
    starts = sorted(range(days - long, -1, -long))
    if len(starts) < 2:
        raise Refused
    return [range(a, b) for a, b in pairwise([0, *starts[1:], days])]


def measure_of(study: ScanStudy, analysis: Analysis) -> np.ndarray:
    """(locations, intervals): expected cases, or for the Bernoulli model cases and controls."""
    intervals, places = intervals_of(study, analysis), len(study.locations.codes)
    which = {day: number for number, days in enumerate(intervals) for day in days}
    result = np.zeros((places, len(intervals)))
    if analysis.model == "bernoulli":
        for rows in (study.cases, study.controls):
            for place, day, count in zip(rows.location, rows.day, rows.count, strict=True):
                result[place, which[int(day)]] += count
        return result
    seen = observed_of(study, analysis)
    if analysis.model == "permutation":
        strata = [
            (int(s), (study.start.toordinal() + int(d)) % 7 if analysis.day_of_week else 0)
            for s, d in zip(study.cases.stratum, study.cases.day, strict=True)
        ]
        for stratum in set(strata):
            mine = np.zeros(result.shape)
            for at, one in enumerate(strata):
                if one == stratum:
                    mine[study.cases.location[at], which[int(study.cases.day[at])]] += study.cases.count[at]
            if mine.sum():
                result += mine.sum(axis=1)[:, None] * mine.sum(axis=0)[None, :] / mine.sum()
        return result
    result = _at_risk(study, which, result)
    if ((seen > 0) & (result <= 0)).any():
        raise Refused
    if analysis.log_linear_trend:
        result = _with_trend(result, seen.sum(axis=0))
    if analysis.randomisation == "time-stratified":
        for one in range(len(intervals)):
            if result[:, one].sum() > 0:
                result[:, one] *= seen[:, one].sum() / result[:, one].sum()
    if analysis.randomisation == "space-stratified":
        for one in range(places):
            if result[one].sum() > 0:
                result[one] *= seen[one].sum() / result[one].sum()
    return result


def observed_of(study: ScanStudy, analysis: Analysis) -> np.ndarray:
    """(locations, intervals) cases."""
    intervals = intervals_of(study, analysis)
    result = np.zeros((len(study.locations.codes), len(intervals)), int)
    for place, day, count in zip(study.cases.location, study.cases.day, study.cases.count, strict=True):
        result[place, next(n for n, days in enumerate(intervals) if day in days)] += count
    return result


def cylinders(
    study: ScanStudy, analysis: Analysis, measure: np.ndarray, null: bool = False
) -> Iterator[tuple[int, frozenset[int], int, int]]:
    """Centre, locations, first interval and the one after the last, of every cylinder looked at."""
    intervals = measure.shape[1]
    for centre, held in _circles(study, analysis, measure.sum(axis=1)):
        for after in range(1, intervals + 1):
            if analysis.span == "prospective" and after < (
                _first_end(study, analysis) if null else intervals
            ):
                continue
            longest = _longest(study, analysis, after if analysis.span == "prospective" else intervals)
            for first in range(after):
                if analysis.span == "spatial" or analysis.min_window <= after - first <= longest:
                    yield centre, held, first, after


def statistic(
    analysis: Analysis, cases: int, measure: float, total: float, persons: float, cases_in_time: float
) -> float:
    """0 where the window is not of the rate looked for. cases_in_time: of all locations in the window."""
    expected = measure * total / persons if analysis.model == "bernoulli" else measure
    high = cases > expected + 1e-9 and cases >= analysis.min_cases and analysis.rates != "low"
    low = cases < expected - 1e-9 and analysis.rates != "high"
    if not high and not low:
        return 0.0
    if analysis.model == "bernoulli":
        likelihood = 0.0
        for part, whole, sign in (
            (cases, measure, 1),
            (measure - cases, measure, 1),
            (total - cases, persons - measure, 1),
            (persons - measure - total + cases, persons - measure, 1),
            (total, persons, -1),
            (persons - total, persons, -1),
        ):
            likelihood += sign * part * log(part / whole) if part > 0 else 0.0
        return likelihood
    if analysis.randomisation == "time-stratified":
        total = cases_in_time
    inside = cases * log(cases / expected) if cases else 0.0
    rest = total - cases
    return inside + (rest * log(rest / (total - expected)) if rest > 0 else 0.0)


def best_by_centre(
    study: ScanStudy, analysis: Analysis, observed: np.ndarray, measure: np.ndarray, null: bool = False
) -> dict[int, float]:
    """Highest statistic of every centre."""
    total, persons = float(study.cases.count.sum()), float(measure.sum())
    result: dict[int, float] = {}
    for centre, held, first, after in cylinders(study, analysis, measure, null):
        where, when = sorted(held), slice(first, after)
        value = statistic(
            analysis,
            int(observed[where, when].sum()),
            float(measure[where, when].sum()),
            total,
            persons,
            float(measure[:, when].sum()),
        )
        result[centre] = max(result.get(centre, 0.0), value)
    return result


def _circles(
    study: ScanStudy, analysis: Analysis, weight: np.ndarray
) -> Iterator[tuple[int, frozenset[int]]]:
    places = study.locations.coordinates
    if analysis.span == "temporal":
        yield 0, frozenset(range(len(places)))
        return
    unlimited = analysis.earlier_analyses_since is not None and analysis.max_radius_km is not None
    seen: set[tuple[float, ...]] = set()
    for centre in sorted(range(len(places)), key=lambda one: study.locations.codes[one]):
        if study.locations.inside is not None and not study.locations.inside[centre]:
            continue
        if tuple(places[centre]) in seen:
            continue
        seen.add(tuple(places[centre]))
        km = np.sqrt(((places - places[centre]) ** 2).sum(axis=1)).round(9)
        for reach in sorted(set(km)):
            held = np.flatnonzero(km <= reach)
            fits = weight[held].sum() <= analysis.max_share * weight.sum() * (1 + 1e-9) or unlimited
            if fits and (analysis.max_radius_km is None or reach <= analysis.max_radius_km):
                yield centre, frozenset(held.tolist())


def _first_end(study: ScanStudy, analysis: Analysis) -> int:
    """The earliest interval (counted from 1) in which an analysis ended."""
    intervals = intervals_of(study, analysis)
    if analysis.earlier_analyses_since is None:
        return len(intervals)
    day = (analysis.earlier_analyses_since - study.start).days
    return next(number for number, days in enumerate(intervals, 1) if day in days)


def _longest(study: ScanStudy, analysis: Analysis, intervals: int) -> int:
    if analysis.max_window is not None:
        return analysis.max_window
    days = sum(len(one) for one in intervals_of(study, analysis)[:intervals])
    share = int(days * (analysis.max_window_share or 0.5) + 1e-9)
    return share // {"day": 1, "week": 7}[analysis.time_unit]


def _at_risk(study: ScanStudy, which: dict[int, int], result: np.ndarray) -> np.ndarray:
    total = study.cases.count.sum()
    if study.expected is not None:
        for day, number in which.items():
            result[:, number] += study.expected[:, day]
        if result.sum() <= 0:
            raise Refused
        return result * (total / result.sum())
    people = study.population
    for stratum in set(study.cases.stratum.tolist()) | set(people.stratum.tolist()):
        mine = np.zeros(result.shape)
        for place in range(len(result)):
            for day, number in which.items():
                # A straight line between whole days: the mean of its ends is a day's mean.
                mine[place, number] += (
                    _people(people, place, stratum, day) + _people(people, place, stratum, day + 1)
                ) / 2
        cases = study.cases.count[study.cases.stratum == stratum].sum()
        if cases and not mine.sum():
            raise Refused
        if cases:
            result = result + mine * cases / mine.sum()
    return result


def _people(people: Population, place: int, stratum: int, day: int) -> float:
    known: dict[int, float] = {}
    for at in np.flatnonzero((people.location == place) & (people.stratum == stratum)):
        known[int(people.day[at])] = known.get(int(people.day[at]), 0.0) + people.people[at]
    before, after = [d for d in known if d <= day], [d for d in known if d >= day]
    if not known:
        return 0.0
    if not before or not after:
        return known[min(known) if not before else max(known)]
    low, high = max(before), min(after)
    return known[low] if low == high else known[low] + (known[high] - known[low]) * (day - low) / (high - low)


def _with_trend(measure: np.ndarray, cases: np.ndarray) -> np.ndarray:
    at_risk = measure.sum(axis=0)
    wanted = sum(t * c for t, c in enumerate(cases)) / cases.sum()
    present = np.flatnonzero(at_risk > 0)
    if not present[0] < wanted - 1e-12 or not wanted + 1e-12 < present[-1]:
        raise Refused
    low, high = -40.0, 40.0
    for _ in range(200):
        beta = (low + high) / 2
        weight = [m * exp(beta * (t - wanted)) for t, m in enumerate(at_risk)]
        if sum(t * w for t, w in enumerate(weight)) / sum(weight) < wanted:
            low = beta
        else:
            high = beta
    factor = np.array([exp(low * (t - wanted)) for t in range(len(at_risk))])
    result = measure * factor
    return result * (measure.sum() / result.sum())
