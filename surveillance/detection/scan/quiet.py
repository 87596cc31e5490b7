"""Looks that need no simulation: nothing stands out more than what chance was just seen to do often.

A look that gave up its simulation knows a level of the statistic that chance reaches often. The next look,
at nearly the same cases, first asks whether anything reaches that level; mostly nothing does. A case of today
can only raise the circles that hold it (everywhere else the expected counts grow and the observed do not), so
after such cases only those circles are asked, by the bounds that an earlier look of the day laid out: what is
expected only grows. So it is in every stratum by itself. The largest share of the cases grows with them: all
circles that it can come to are asked from the start.

Exactness: whatever reaches the level is tested in full, and a scan from nothing gives up on what does not,
but for a chance of less than one in a million; see `monte_carlo.reached_often`.
"""

from dataclasses import dataclass, replace
from datetime import date
from threading import Lock
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study
from surveillance.detection.scan.circles import Circles
from surveillance.detection.scan.kernel import Goal
from surveillance.detection.scan.layout import Layout

Ints = npt.NDArray[np.int64]
Asked = tuple[Layout, Goal]

SAME_SHARE = 0.05
"""Of the cases may be others than those among which the level was reached often: some days of them."""
STEP = 1e-6
"""A level just above the one that was reached often: no study reaches it by being looked at again."""
KEPT_CIRCLES = 4 << 20
"""As many circles are kept laid out for the next look; those of a whole country are laid out anew."""
KEPT = 8
"""Studies remembered per circles, scan and place: one for each use case that shares them."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Where and when the cases of a study are, as far as a scan of so many days can tell.

    by_location, today: (locations, strata) cases in all, and of the last day. recent: sorted, one number for
    place, day and stratum of each case of the other recent days. reporting: the locations' reporting groups,
    as bytes.
    """

    start: date
    as_of: date
    by_location: Ints
    today: Ints
    recent: Ints
    reporting: bytes = b""


@dataclass(frozen=True, eq=False)
class Quiet:
    """A level that chance reached often in the study `among`; nothing reaches it in the study `last`.

    asked: how that was asked of all circles, where that is small enough to keep.
    """

    level: float
    among: Counts
    last: Counts | None = None
    asked: Asked | None = None

    def largest(self, max_share: float) -> int:
        """The most cases that a circle can come to hold while the study stays alike."""
        return int(max_share * (1 + SAME_SHARE) * self.among.by_location.sum()) + 1


def counts_of(study: Study, windows: int, stratum: Ints) -> Counts:
    """The counts of a study for windows of at most so many days. stratum: (cases,) as `layout.strata_of`."""
    age, strata = study.days - 1 - study.day.astype(np.int64), int(stratum.max()) + 1
    cell = study.location * strata + stratum
    shape, recent = (len(study.locations.codes), strata), (age > 0) & (age < windows)
    groups = study.locations.reporting
    return Counts(
        start=study.start,
        as_of=study.as_of,
        by_location=np.bincount(cell, minlength=shape[0] * strata).reshape(shape),
        today=np.bincount(cell[age == 0], minlength=shape[0] * strata).reshape(shape),
        recent=np.sort(cell[recent] * windows + age[recent]),
        reporting=b"" if groups is None else groups.tobytes(),
    )


def remembered(circles: Circles, key: Any, counts: Counts) -> Quiet | None:
    """What is known of nearly the same cases, if anything. `key`: scan and place."""
    with _lock:
        found = list(_known.get(circles, {}).get(key, ()))
    return next((one for one in reversed(found) if _alike(one, counts)), None)


def remember(circles: Circles, key: Any, quiet: Quiet) -> None:
    """Keeps it in place of what was known of nearly the same cases."""
    with _lock:
        kept = _known.setdefault(circles, {}).setdefault(key, [])
        others = [one for one in kept if not _alike(one, quiet.last or quiet.among)]
        kept[:] = [*others[-KEPT + 1 :], quiet]


def forget() -> None:
    """The next look of every scan is one from nothing."""
    with _lock:
        _known.clear()


def still(quiet: Quiet, counts: Counts, asked: Asked | None) -> Quiet:
    """The same level, not reached in these counts either."""
    return replace(quiet, last=counts, asked=asked)


def only_new_today(before: Counts | None, now: Counts) -> Ints | None:
    """The locations that gained cases of today, where that is all that changed; None where it is not."""
    if before is None or before.as_of != now.as_of or before.today.shape != now.today.shape:
        return None
    gained = now.today - before.today
    same_elsewhere = np.array_equal(now.by_location - before.by_location, gained)
    if (gained < 0).any() or not same_elsewhere or not np.array_equal(before.recent, now.recent):
        return None
    return np.flatnonzero(gained.any(axis=1))


def _alike(quiet: Quiet, counts: Counts) -> bool:
    among = quiet.among
    if (among.as_of - among.start, among.reporting) != (counts.as_of - counts.start, counts.reporting):
        return False
    others = np.abs(among.by_location.sum(axis=1) - counts.by_location.sum(axis=1)).sum()
    return bool(others <= SAME_SHARE * among.by_location.sum())


_known: WeakKeyDictionary[Circles, dict[Any, list[Quiet]]] = WeakKeyDictionary()
_lock = Lock()
