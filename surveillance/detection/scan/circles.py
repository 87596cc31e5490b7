"""The circles that a scan looks at: around each centre, the locations in the order of their distance."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Locations
from surveillance.geography.distance import positions_km

# Distances are compared to the micrometre: two that differ only by rounding enter a circle together.
STEPS_PER_KM = 1e9
INDEX_BITS = 18
MAX_LOCATIONS = 1 << INDEX_BITS
KEPT_BYTES = 512 << 20

_Positions = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Circles:
    """For each centre, the locations around it, nearest first; one row after the other.

    centres: (k,) int32 location of each centre. first: (k + 1,) int64, row j is first[j]:first[j + 1].
    order: (m,) int32 locations; those at one distance are in index order, but the centre leads its row.
    tied: (m,) bool, at the same distance as the one before it, so never in a circle without it.
    """

    centres: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]
    order: npt.NDArray[np.int32]
    tied: npt.NDArray[np.bool_]
    positions: _Positions

    def radius_km(self, row: int, locations: npt.NDArray[np.int32]) -> float:
        """Distance from centre `row` to the last of `locations`."""
        gap = self.positions[locations[-1]] - self.positions[self.centres[row]]
        return float(np.sqrt((gap**2).sum()))


def circles_of(locations: Locations, max_radius_km: float | None) -> Circles:
    """The circles around every location inside the scope, out to `max_radius_km`; kept for the next look.

    Raises ValueError for more than 262,144 locations.
    """
    key = _fingerprint(locations, max_radius_km)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    circles = _draw(locations, max_radius_km)
    with _lock:
        _kept[key] = circles
        while len(_kept) > 1 and sum(_bytes(one) for one in _kept.values()) > KEPT_BYTES:
            _kept.popitem(last=False)
    return circles


def forget() -> None:
    """Drop all circles kept; the next look sorts the neighbours again."""
    with _lock:
        _kept.clear()


# The service looks at the same scopes again and again, and sorting the neighbours costs more than a look.
# Keyed by content: equal coordinates give equal circles, whoever made the Locations.
_kept: OrderedDict[bytes, Circles] = OrderedDict()
_lock = Lock()


def _fingerprint(locations: Locations, max_radius_km: float | None) -> bytes:
    digest = hashlib.blake2b(f"{locations.metric} {max_radius_km}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(locations.coordinates).tobytes())
    if locations.inside is not None:
        digest.update(np.ascontiguousarray(locations.inside).tobytes())
    return digest.digest()


def _bytes(circles: Circles) -> int:
    return circles.order.nbytes + circles.tied.nbytes


def _draw(locations: Locations, max_radius_km: float | None) -> Circles:
    count = len(locations.codes)
    if count > MAX_LOCATIONS:
        raise ValueError(
            f"locations: {count:,} are too many for one scan (at most {MAX_LOCATIONS:,}); split the scope"
        )
    inside = np.ones(count, np.bool_) if locations.inside is None else locations.inside
    centres = np.flatnonzero(inside).astype(np.int32)
    positions = positions_km(locations.coordinates, locations.metric)
    rows = max(1, (8 << 20) // (8 * max(count, 1)))
    parts = [
        _sorted_rows(positions, centres[at : at + rows], max_radius_km) for at in range(0, len(centres), rows)
    ]
    keys = np.concatenate([part[0] for part in parts]) if parts else np.empty(0, np.int64)
    sizes = np.concatenate([part[1] for part in parts]) if parts else np.empty(0, np.int64)
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    steps = keys >> INDEX_BITS
    tied = np.zeros(len(keys), np.bool_)
    tied[1:] = steps[1:] == steps[:-1]
    tied[first[:-1][sizes > 0]] = False
    order = (keys & (MAX_LOCATIONS - 1)).astype(np.int32)
    _lead_with_centre(order, first, centres)
    return Circles(centres, first, order, tied, positions)


def _sorted_rows(
    positions: _Positions, centres: npt.NDArray[np.int32], max_radius_km: float | None
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sort keys (distance, then index, in one integer) of a few centres, and how many each has."""
    squared = np.zeros((len(centres), len(positions)))
    for axis in positions.T:
        squared += (axis[centres, None] - axis[None, :]) ** 2
    steps = np.rint(np.sqrt(squared) * STEPS_PER_KM).astype(np.int64)
    keys = np.sort((steps << INDEX_BITS) | np.arange(len(positions)), axis=1)
    if max_radius_km is None:
        return keys.ravel(), np.full(len(centres), len(positions), np.int64)
    within = keys < ((round(max_radius_km * STEPS_PER_KM) + 1) << INDEX_BITS)
    return keys[within], within.sum(axis=1)


def _lead_with_centre(
    order: npt.NDArray[np.int32], first: npt.NDArray[np.int64], centres: npt.NDArray[np.int32]
) -> None:
    """Where others share its coordinates, the centre still comes first in its own row."""
    for row in np.flatnonzero(order[first[:-1]] != centres):
        start = first[row]
        at = start + np.flatnonzero(order[start : first[row + 1]] == centres[row])[0]
        order[start + 1 : at + 1] = order[start:at].copy()
        order[start] = centres[row]
