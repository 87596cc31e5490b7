"""What chance does: the highest statistic of each replicate of a study, drawn once and as far as asked."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock

import numpy as np

from surveillance.detection.cluster import Study
from surveillance.detection.monte_carlo import LARGEST_WAVE
from surveillance.detection.scan import kernel, replicates
from surveillance.detection.scan.layout import Floats, Ints, Layout, goal_of

# Rough steps are enough: they only keep a scan from taking logarithms for hopeless circles.
LADDER = np.array([0.0, 1, 3, 8, 20, 60])
STEPS = 12
"""Between the lowest and the highest of the replicates drawn, for those to come."""
# Rows of counts of the replicates that are scanned together; they should stay near the processor.
BATCH_BYTES = 2 << 20
COMPARABLE = 2.0
"""At most so many times the cases of another, or so many times fewer, has a study compared with it."""


@dataclass(eq=False)
class Null:
    """The replicates of one study, each scanned only as far as a question about it needs.

    A replicate depends on the seed and its number only, so neither who asked first nor for how many at a time
    can matter. drawn: what each of those asked about reaches, at least.
    """

    layout: Layout
    seed: int
    min_cases: int
    min_window_days: int
    threads: int
    drawn: Floats = field(default_factory=lambda: np.empty(0))

    @property
    def exact(self) -> Floats:
        """The maxima of the first replicates, of as many as are known exactly."""
        return self.drawn[:0]

    def reached(self, first: int, count: int, levels: Floats) -> Ints:
        """How many of the ascending levels each of `count` replicates from number `first` reaches."""
        reached, best = self._scan(first, count, levels, keep_highest=False)
        known = self.drawn[first : first + count]
        best[: len(known)] = np.maximum(best[: len(known)], known)
        self.drawn = np.concatenate([self.drawn[:first], best, self.drawn[first + count :]])
        return reached

    def _scan(self, first: int, count: int, levels: Floats, keep_highest: bool) -> tuple[Ints, Floats]:
        """Levels reached by, and highest statistic of, `count` replicates from number `first`.

        Where the highest is asked for, it is that of those that reach the lowest level; else a lower bound.
        """
        layout = self.layout
        goal = goal_of(layout, levels, self.min_cases, self.min_window_days, keep_highest)
        reached, best = np.zeros(count, np.int64), np.zeros(count)
        drawn = min(int(layout.recent[-1]), int(layout.ground.weight.any(axis=1).sum()))
        row_bytes = goal.blocks * drawn * replicates.BLOCK_WORDS * 8
        batch = max(2, min(BATCH_BYTES // max(row_bytes, 1), -(-count // self.threads)))

        def scan_batch(start: int) -> None:
            part = slice(start, min(start + batch, count))
            kernel.scan_replicates(
                self.seed, first + start, layout.null, layout.ground, goal, reached[part], best[part]
            )

        starts = range(0, count, batch)
        if self.threads == 1 or len(starts) == 1:
            for start in starts:
                scan_batch(start)
        else:
            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(scan_batch, starts))
        return reached, best


@dataclass(eq=False)
class SharedNull(Null):
    """The same, for many looks: the exact maximum of each is kept. Safe to ask from several threads.

    Finding a maximum takes about three times as long as seeing whether it reaches one level.
    """

    _drawing: Lock = field(default_factory=Lock)

    @property
    def exact(self) -> Floats:
        """All that were drawn."""
        return self.drawn

    def maxima(self, count: int) -> Floats:
        """(count,) the highest statistic of each of the first replicates, exactly."""
        while len(self.drawn) < count:
            with self._drawing:
                missing = min(count - len(self.drawn), LARGEST_WAVE)
                if missing > 0:  # nobody else was faster
                    self.drawn = np.append(self.drawn, self._draw(len(self.drawn), missing))
        return self.drawn[:count]

    def reached(self, first: int, count: int, levels: Floats) -> Ints:
        """See `Null.reached`."""
        reached: Ints = np.searchsorted(levels, self.maxima(first + count)[first:], side="right")
        return reached

    def _draw(self, first: int, count: int) -> Floats:
        """Most lie between the lowest and the highest so far; those below are scanned once more."""
        if not len(self.drawn) or self.drawn.min() <= 0:
            return self._scan(first, count, LADDER, keep_highest=True)[1]
        low, high = float(self.drawn.min()), float(self.drawn.max())
        ladder = np.unique([*np.linspace(low, high, STEPS), 1.3 * high, 2 * high])
        found = self._scan(first, count, ladder, keep_highest=True)[1]
        for one in np.flatnonzero(found < low):
            found[one] = self._scan(first + int(one), 1, LADDER, keep_highest=True)[1][0]
        return found


def comparable(one: Study, other: Study, windows: int) -> bool:
    """Whether chance does about the same in two studies of the same circles, scanned for so many days.

    Where reports come alike in the same groups of areas, and neither has many times the other's cases, in all
    or of those days.
    """
    if min(windows, one.days) != min(windows, other.days) or not _alike(one, other):
        return False
    both = [(len(study.ids), int((study.day >= study.days - windows).sum())) for study in (one, other)]
    return all(0 < most <= COMPARABLE * least for least, most in map(sorted, zip(*both, strict=True)))


def _alike(one: Study, other: Study) -> bool:
    groups, others = one.locations.reporting, other.locations.reporting
    if groups is None or others is None:
        return groups is others
    return np.array_equal(groups, others)
