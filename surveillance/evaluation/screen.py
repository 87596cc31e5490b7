# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc"
"""Which detectors need not run at a look: those that are certain to find nothing.

Most scans find a strongest cylinder that is ordinary by a wide margin. One whose p-value is certain to be
above the scan's `max_p` finds nothing, and to know that no replicate is needed: it is enough that no cylinder
reaches a level which chance reaches in many more than `max_p` of all replicates. The level comes from
replicates of the same scan on the same history, drawn anew every two weeks. Whatever is not certain goes to
the detector itself, so that every cluster found is the service's own.
"""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import numpy.typing as npt
from numba import njit

from surveillance.detection.cluster import Detector, Study
from surveillance.detection.links import Links
from surveillance.detection.scan.circles import circles_of
from surveillance.detection.scan.expectation import log_likelihood_ratio
from surveillance.detection.scan.permutation import PermutationScan
from surveillance.evaluation.known import Known
from surveillance.looking import Question

# Chance reaches the level in this many times `max_p` of all replicates, at least in the lower share; so many
# replicates are drawn that 16 reach it. That a look at p <= max_p lies below it has a chance of under 1e-6.
TIMES_MAX_P, LEAST_SHARE, REACHING = 4.0, 0.06, 16
LEVEL_LASTS_DAYS = 14
MOST_MAX_P, FEWEST_CASES = 0.1, 20


@njit(nogil=True, cache=True, error_model="numpy")
def reaches(first, order, tied, cases_at, recent, share, total, need, level):
    """Whether any cylinder reaches the level; stops at the first.

    cases_at: (n,) cases of each location. recent: (n, windows) int32 of them in the last 1, 2, ... days.
    share: (windows,) of all cases. need: (most cases in a circle + 1, windows) int32, as `counts_needed`.
    """
    windows = recent.shape[1]
    inside = np.zeros(windows, np.int32)
    for row in range(len(first) - 1):
        inside[:] = 0
        held = 0
        at = first[row]
        while at < first[row + 1]:
            gained = False
            after = at
            while after == at or (after < first[row + 1] and tied[after]):
                one = order[after]
                held += cases_at[one]
                if recent[one, windows - 1] > 0:
                    gained = True
                    for window in range(windows):
                        inside[window] += recent[one, window]
                after += 1
            at = after
            if held >= len(need):
                break
            if not gained:
                continue
            enough = 0
            for window in range(windows):
                enough += inside[window] >= need[held, window]
            if enough == 0:
                continue
            for window in range(windows):
                if inside[window] >= need[held, window]:
                    statistic = log_likelihood_ratio(inside[window], held * share[window], total)
                    if statistic >= level:
                        return True
    return False


def counts_needed(
    scan: PermutationScan, share: npt.NDArray[np.float64], total: float, level: float
) -> npt.NDArray[np.int32]:
    """(circle's cases, windows) counts below which no statistic reaches the level.

    For c cases where mu are expected, c ln(c/mu) - (c - mu) <= (c - mu)^2 / (2 mu), and what the rest of the
    total adds to that is at most (c - mu)^2 / (C - mu).
    """
    held = np.arange(int(scan.max_share * total + 1e-9) + 1)
    expected = held[:, None] * share
    with np.errstate(divide="ignore", invalid="ignore"):
        more = np.sqrt(level / (0.5 / expected + 1 / (total - expected)))
    need = np.maximum(np.ceil(np.nan_to_num(expected + more) - 1e-6), scan.min_cases)
    need[:, : scan.min_window_days - 1] = np.iinfo(np.int32).max
    return need.astype(np.int32)


class Screen:
    """For one scan at one place, from look to look: may it find anything?"""

    def __init__(self, scan: PermutationScan) -> None:
        self.scan = scan
        self._level = 0.0
        self._level_from: int | None = None

    def may_find(self, question: Question, known: Known) -> bool:
        """False where the scan is certain to find nothing in what is counted now."""
        counts = _Counts(question, known, self.scan)
        if self.scan.day_of_week or self.scan.max_p > MOST_MAX_P or counts.total < FEWEST_CASES:
            return True
        circles = circles_of(question.region.locations, self.scan.max_radius_km)
        level = self._level_on(question, known)
        need = counts_needed(self.scan, counts.share, counts.total, level)
        return bool(
            reaches(
                circles.first, circles.order, circles.tied, counts.cases_at, counts.recent, counts.share,
                counts.total, need, level,
            )
        )  # fmt: skip

    def _level_on(self, question: Question, known: Known) -> float:
        today = question.as_of.toordinal()
        if self._level_from is None or today >= self._level_from + LEVEL_LASTS_DAYS:
            share = max(TIMES_MAX_P * self.scan.max_p, LEAST_SHARE)
            self._level = level_of(self.scan, study_of(question, known), share, seed=today)
            self._level_from = today
        return self._level


class LinkScreen:
    """For links at one place: may they find anything?"""

    def __init__(self, links: Links) -> None:
        self.links = links

    def may_find(self, question: Question, known: Known) -> bool:
        """False where no two cases share a token in the last two windows.

        The last case of a cluster that goes on lies in the last window, and what links it in the one before.
        """
        seen: set[str] = set()
        for one in known.counted_since(question.as_of - timedelta(days=2 * self.links.window_days)):
            tokens = {token for token in one.tokens if self._links(token)}
            if not seen.isdisjoint(tokens):
                return True
            seen |= tokens
        return False

    def _links(self, token: str) -> bool:
        types = self.links.token_types
        return types is None or token.partition(":")[0] in types


def screen_of(detector: Detector) -> Screen | LinkScreen | None:
    """A new screen for a detector; None for one that is run at every look."""
    if isinstance(detector, PermutationScan):
        return Screen(detector)
    return LinkScreen(detector) if isinstance(detector, Links) else None


def level_of(scan: PermutationScan, study: Study, share: float, seed: int) -> float:
    """The statistic that `share` of a study's replicates reach."""
    drawn = replace(scan, replicates=int(np.ceil(REACHING / share)))
    maxima = np.sort(drawn.replicate_maxima(study, np.random.default_rng(seed)))
    return float(maxima[-REACHING])


class _Counts:
    """The cases of a question as `reaches` takes them."""

    def __init__(self, question: Question, known: Known, scan: PermutationScan) -> None:
        first, last = ((day - known.first_day).days for day in (question.start, question.as_of))
        windows = min(scan.max_window_days, last - first + 1)
        # The window only moves on, so what lies before or after it is no longer or not yet counted.
        self.cases_at = known.counts.sum(axis=1)
        newest_first = known.counts[:, last - windows + 1 : last + 1][:, ::-1]
        self.recent = np.ascontiguousarray(np.cumsum(newest_first, axis=1, dtype=np.int32))
        self.total = float(self.cases_at.sum())
        self.share = self.recent.sum(axis=0) / max(self.total, 1.0)


def study_of(question: Question, known: Known) -> Study:
    """What is counted as a study of nameless cases."""
    area, day = np.nonzero(known.counts)
    times = known.counts[area, day]
    location, when = np.repeat(area, times), np.repeat(day, times)
    return Study(
        ids=tuple(map(str, range(len(location)))),
        location=location.astype(np.int32),
        day=(when - (question.start - known.first_day).days).astype(np.int32),
        start=question.start,
        as_of=question.as_of,
        locations=question.region.locations,
    )
