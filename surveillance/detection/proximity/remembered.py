"""What a look found out, kept so that the next one at nearly the same cases asks only what changed.

Nothing is taken on trust: each look compares its cases with those of the last one, and finds anew whatever a
case that came, went or moved can have touched. A worker that has just started begins from nothing, and says
the same.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import date
from itertools import compress
from operator import ne
from threading import Lock

import numpy as np

from surveillance.detection.cluster import Cluster, Study
from surveillance.detection.proximity.cases import Cases, Spots, cases_of, spots_of
from surveillance.detection.proximity.groups import Grown, grow, touched, untouched
from surveillance.detection.proximity.near import Ints, Near
from surveillance.detection.proximity.usual import Balls

SAME_SHARE = 0.2
"""Of the cases may be others than at the last look: where more are, it is quicker to begin from nothing."""
KEPT_CASES = 500_000
"""In all looks that are kept, the last one excepted; a case takes about 250 bytes."""

Key = tuple[bytes, str, str]


@dataclass(frozen=True)
class Frame:
    """All that the evidence of a cluster rests on beside where and when cases are."""

    start: date
    as_of: date
    codes: tuple[str, ...]
    population: bytes
    covered: bytes


@dataclass(frozen=True, eq=False)
class Shown:
    """A cluster with the evidence that lasts as long as its members and the frame do.

    centre: index of an area. share: of the population, in its balls; None where that is not known.
    """

    cluster: Cluster
    centre: int
    balls: Balls
    share: float | None


@dataclass(frozen=True, eq=False)
class Known:
    """A look: where and when each case was, and the clusters with a case on the day `alive` or later."""

    spots: Spots
    by_area: Ints
    cases: Cases
    alive: int
    frame: Frame
    groups: tuple[Grown, ...]
    shown: tuple[Shown, ...] = ()


def look(study: Study, near: Near, window_days: int, min_cases: int, last: Known | None) -> Known:
    """The clusters that go on in a study, from nothing or from the last look, as yet without evidence."""
    spots, alive = spots_of(study), study.as_of.toordinal() - window_days
    cases, groups = (
        _follow(last, spots, alive, min_cases) if last else _begin(spots, near, window_days, alive, min_cases)
    )
    living = tuple(group for group in groups if group.last_day >= alive)
    return Known(spots, _by_area(study), cases, alive, frame_of(study), living)


def recall(key: Key, study: Study) -> Known | None:
    """The look whose cases are most nearly those of this study, unless too many are others."""
    now = _by_area(study)
    with _lock:
        kept = [one for one in _kept.values() if one[0] == key]
    differ = [(int(np.abs(known.by_area - now).sum()), known) for _, known in kept]
    fewest, nearest = min(differ, key=lambda one: one[0], default=(0, None))
    return nearest if fewest <= SAME_SHARE * now.sum() else None


def remember(key: Key, known: Known, last: Known | None) -> None:
    """Keeps a look, in place of the one that it began from."""
    with _lock:
        _kept.pop(id(last), None)
        _kept[id(known)] = key, known
        while len(_kept) > 1 and sum(len(one.spots) for _, one in _kept.values()) > KEPT_CASES:
            _kept.popitem(last=False)


def forget() -> None:
    """The next look of every rule is one from nothing."""
    with _lock:
        _kept.clear()


def frame_of(study: Study) -> Frame:
    population, covered = study.locations.population, study.locations.covered
    return Frame(
        start=study.start,
        as_of=study.as_of,
        codes=study.locations.codes,
        population=b"" if population is None else population.tobytes(),
        covered=b"" if covered is None else covered.tobytes(),
    )


def _begin(
    spots: Spots, near: Near, window_days: int, alive: int, min_cases: int
) -> tuple[Cases, list[Grown]]:
    cases = cases_of(spots, near, window_days)
    return cases, grow(cases, cases.around >= min_cases, np.flatnonzero(cases.day >= alive))


def _follow(last: Known, spots: Spots, alive: int, min_cases: int) -> tuple[Cases, list[Grown]]:
    """The cases and clusters after a look at other cases: those it can tell of, and those that changed."""
    gone, come = _others(last.spots, spots), _others(spots, last.spots)
    before, after = last.cases, last.cases.changed(gone, come) if gone or come else last.cases
    core = before.around >= min_cases, after.around >= min_cases
    anew = touched(before, after, core, before.at(gone), after.at(come))
    # Where the day is an earlier one than at the last look, more clusters go on than it asked for.
    day = after.day
    older = np.flatnonzero((day >= alive) & (day < last.alive))
    grown = grow(after, core[1], np.union1d(anew, older))
    return after, untouched(last.groups, {*gone, *after.ids[anew]}, grown) + grown


def _others(spots: Spots, among: Spots) -> dict[str, int]:
    """The cases that are not among others at the same spot. No loop in Python: the cases may be 100,000."""
    differ = map(ne, spots.values(), map(among.get, spots))
    return {name: spots[name] for name in compress(spots, differ)}


def _by_area(study: Study) -> Ints:
    return np.bincount(study.location, minlength=len(study.locations.codes))


# By identity, the last one used at the end: of a rule at one place, one for each use case that shares it.
_kept: OrderedDict[int, tuple[Key, Known]] = OrderedDict()
_lock = Lock()
