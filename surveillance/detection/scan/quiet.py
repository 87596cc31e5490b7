"""Looks that need no simulation: nothing stands out more than what chance was just seen to do often.

A look that gave up its simulation knows a level of the statistic that chance reaches often. The next look,
at nearly the same cases, first asks whether anything reaches that level; mostly nothing does. A case of today
can only raise the circles that hold it (everywhere else the expected counts grow and the observed do not), so
after such cases only those circles are asked. The largest share of the cases grows with them: all circles
that it can come to are asked from the start.

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

Ints = npt.NDArray[np.int64]

SAME_SHARE = 0.05
"""Of the cases may be others than those among which the level was reached often: some days of them."""
STEP = 1e-6
"""A level just above the one that was reached often: no study reaches it by being looked at again."""
KEPT = 8
"""Studies remembered per circles, scan and place: one for each use case that shares them."""


@dataclass(frozen=True, eq=False)
class Counts:
    """Where and when the cases of a study are, as far as a scan of so many days can tell.

    by_location, today: (locations,) cases in all, and of the last day. recent: sorted, one number for the
    place and day of each case of the other recent days. reporting: the locations' reporting groups, as bytes.
    """

    start: date
    as_of: date
    by_location: Ints
    today: Ints
    recent: Ints
    reporting: bytes = b""


@dataclass(frozen=True, eq=False)
class Quiet:
    """A level that chance reached often in the study `among`; nothing reaches it in the study `last`."""

    level: float
    among: Counts
    last: Counts | None = None

    def largest(self, max_share: float) -> int:
        """The most cases that a circle can come to hold while the study stays alike."""
        return int(max_share * (1 + SAME_SHARE) * self.among.by_location.sum()) + 1


def counts_of(study: Study, windows: int) -> Counts:
    """The counts of a study for windows of at most so many days."""
    locations, age = len(study.locations.codes), study.days - 1 - study.day.astype(np.int64)
    of_today = study.location[age == 0]
    recent = (age > 0) & (age < windows)
    groups = study.locations.reporting
    return Counts(
        start=study.start,
        as_of=study.as_of,
        by_location=np.bincount(study.location, minlength=locations),
        today=np.bincount(of_today, minlength=locations),
        recent=np.sort(study.location[recent].astype(np.int64) * windows + age[recent]),
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


def still(quiet: Quiet, counts: Counts) -> Quiet:
    """The same level, not reached in these counts either."""
    return replace(quiet, last=counts)


def only_new_today(before: Counts | None, now: Counts) -> Ints | None:
    """The locations that gained cases of today, where that is all that changed; None where it is not."""
    if before is None or before.as_of != now.as_of:
        return None
    gained = now.today - before.today
    same_elsewhere = np.array_equal(now.by_location - before.by_location, gained)
    if (gained < 0).any() or not same_elsewhere or not np.array_equal(before.recent, now.recent):
        return None
    return np.flatnonzero(gained)


def _alike(quiet: Quiet, counts: Counts) -> bool:
    among = quiet.among
    if (among.as_of - among.start, among.reporting) != (counts.as_of - counts.start, counts.reporting):
        return False
    others = np.abs(among.by_location - counts.by_location).sum()
    return bool(others <= SAME_SHARE * among.by_location.sum())


_known: WeakKeyDictionary[Circles, dict[Any, list[Quiet]]] = WeakKeyDictionary()
_lock = Lock()
