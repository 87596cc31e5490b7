"""Cases in order of place and day, each with how many are near it; kept right as cases come, go and move."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study
from surveillance.detection.proximity.near import Ints, Near, ranges

SPAN = 1 << 22
"""More days than a date can have: a case's spot is area x SPAN + day (`date.toordinal`)."""
CHUNK = 2000
"""Spots around which cases are looked up at once."""

Spots = Mapping[str, int]


def spots_of(study: Study) -> dict[str, int]:
    """Where and when each case is, by its id."""
    spot = study.location.astype(np.int64) * SPAN + study.start.toordinal() + study.day
    return dict(zip(study.ids, spot.tolist(), strict=True))


@dataclass(frozen=True, eq=False)
class Cases:
    """n cases sorted by spot.

    around: (n,) how many cases are near each in space and time, itself included.
    """

    near: Near
    window_days: int
    ids: npt.NDArray[np.object_]
    spot: Ints
    around: Ints

    @property
    def day(self) -> Ints:
        """(n,) as `date.toordinal`."""
        return self.spot % SPAN

    def balls(self, spot: Ints) -> Iterator[tuple[Ints, Ints]]:
        """Pairs (index in `spot`, a case near it in space and time), some spots at a time."""
        for at in range(0, len(spot), CHUNK):
            which, low, high = self._ranges(spot[at : at + CHUNK])
            one, other = ranges(low, high)
            yield which[one] + at, other

    def in_balls(self, spot: Ints) -> tuple[Ints, Ints]:
        """All of these pairs."""
        parts = list(self.balls(spot))
        none = np.empty(0, np.int64)
        one, other = zip(*parts, strict=True) if parts else ((none,), (none,))
        return np.concatenate(one), np.concatenate(other)

    def counted(self, spot: Ints) -> Ints:
        """How many cases are near each of these spots."""
        count = np.zeros(len(spot), np.int64)
        for at in range(0, len(spot), CHUNK):
            which, low, high = self._ranges(spot[at : at + CHUNK])
            part = np.bincount(which, high - low)
            count[at : at + len(part)] = part
        return count

    def at(self, spots: Spots) -> Ints:
        """Which of the cases these are."""
        asked = np.array(list(spots.values()), np.int64)
        which, case = ranges(self.spot.searchsorted(asked), self.spot.searchsorted(asked, "right"))
        names = np.array([*spots, ""], object)[:-1]
        found: Ints = case[self.ids[case] == names[which]]
        return found

    def changed(self, gone: Spots, come: Spots) -> "Cases":
        """The cases without those that went, and with those that came."""
        around, leaves = self.around.copy(), self.at(gone)
        _, near_gone = self.in_balls(self.spot[leaves])
        around -= np.bincount(near_gone, minlength=len(around))
        stay = np.delete(self.spot, leaves)
        new = np.array(list(come.values()), np.int64)
        order = np.argsort(new, kind="stable")
        new, names = new[order], np.array([*come, ""], object)[:-1][order]
        place = stay.searchsorted(new)
        after = Cases(
            self.near,
            self.window_days,
            np.insert(np.delete(self.ids, leaves), place, names),
            np.insert(stay, place, new),
            np.insert(np.delete(around, leaves), place, 0),
        )
        which, near_new = after.in_balls(new)
        after.around[:] += np.bincount(near_new, minlength=len(after.spot))
        after.around[place + np.arange(len(place))] = np.bincount(which, minlength=len(new))
        return after

    def _ranges(self, spot: Ints) -> tuple[Ints, Ints, Ints]:
        """Index in `spot`, and the range of cases near it in one area and in time, for each area near it."""
        area, day = np.divmod(spot, SPAN)
        which, other = self.near.of(area)
        first = np.maximum(day - self.window_days, 0)[which]
        last = np.minimum(day + self.window_days, SPAN - 1)[which]
        low = self.spot.searchsorted(other * SPAN + first)
        return which, low, self.spot.searchsorted(other * SPAN + last, "right")


def cases_of(spots: Spots, near: Near, window_days: int) -> Cases:
    """The cases counted from nothing."""
    ids, spot = np.array([*spots, ""], object)[:-1], np.array(list(spots.values()), np.int64)
    order = np.argsort(spot, kind="stable")
    ids, spot = ids[order], spot[order]
    bare = Cases(near, window_days, ids, spot, np.zeros(len(spot), np.int64))
    return Cases(near, window_days, ids, spot, bare.counted(spot))
