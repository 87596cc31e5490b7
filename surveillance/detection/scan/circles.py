"""The circles that a scan looks at: around each centre, the locations in the order of their distance."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import KDTree

from surveillance.detection.cluster import Locations
from surveillance.geography.distance import positions_km

# Distances are compared to the micrometre: two that differ only by rounding enter a circle together.
STEPS_PER_KM = 1e9
INDEX_BITS = 18
MAX_LOCATIONS = 1 << INDEX_BITS
KEPT_BYTES = 512 << 20
# Distances computed at once, and rows of them.
CHUNK, CHUNK_ROWS = 1 << 20, 1024
OUTSIDE = np.int64(np.iinfo(np.int64).max)

_Positions = npt.NDArray[np.float64]
_Keys = npt.NDArray[np.int64]


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
    max_radius_km = None if max_radius_km is None else float(max_radius_km)  # 20 and 20.0 are one radius
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
    tree = KDTree(positions) if max_radius_km is not None and len(centres) else None
    sizes = np.full(len(centres), count, np.int64)
    if tree is not None and max_radius_km is not None:
        sizes = tree.query_radius(positions[centres], max_radius_km + 1 / STEPS_PER_KM, count_only=True)
    order, tied = np.empty(sizes.sum(), np.int32), np.empty(sizes.sum(), np.bool_)
    first, at, filled = np.zeros(len(centres) + 1, np.int64), 0, 0
    while at < len(centres):
        rows = max(1, CHUNK // max(int(sizes[at : at + CHUNK_ROWS].max()), 1))
        some = centres[at : at + min(rows, CHUNK_ROWS)]
        keys = _sorted_keys(positions, some, max_radius_km, tree)
        lengths = (keys < OUTSIDE).sum(axis=1)
        _fill_rows(keys, some, order[filled:], tied[filled:])
        first[at + 1 : at + 1 + len(some)] = filled + np.cumsum(lengths)
        at, filled = at + len(some), int(first[at + len(some)])
    return Circles(centres, first, order[:filled], tied[:filled], positions)


def _sorted_keys(
    positions: _Positions, centres: npt.NDArray[np.int32], max_radius_km: float | None, tree: KDTree | None
) -> _Keys:
    """(centres, width) keys, ascending: distance and index in one integer, OUTSIDE at the end of each row."""
    if tree is None or max_radius_km is None:
        near = np.broadcast_to(np.arange(len(positions)), (len(centres), len(positions)))
        return np.sort(_keys(positions, centres[:, None], near), axis=1)
    around = tree.query_radius(positions[centres], max_radius_km + 1 / STEPS_PER_KM)
    lengths = np.array([len(found) for found in around])
    keys = np.full((len(centres), lengths.max()), OUTSIDE)
    near = np.concatenate(around)
    keys[np.arange(keys.shape[1]) < lengths[:, None]] = _keys(positions, np.repeat(centres, lengths), near)
    keys[keys >= (round(max_radius_km * STEPS_PER_KM) + 1) << INDEX_BITS] = OUTSIDE
    keys.sort(axis=1)
    return keys


def _keys(positions: _Positions, centre: npt.NDArray[np.int32], other: _Keys) -> _Keys:
    squared = np.zeros(np.broadcast_shapes(centre.shape, other.shape))
    for axis in positions.T:
        squared += (axis[centre] - axis[other]) ** 2
    keys: _Keys = (np.rint(np.sqrt(squared) * STEPS_PER_KM).astype(np.int64) << INDEX_BITS) | other
    return keys


def _fill_rows(
    keys: _Keys, centres: npt.NDArray[np.int32], order: npt.NDArray[np.int32], tied: npt.NDArray[np.bool_]
) -> None:
    """Write the rows one after the other. Where others share its coordinates, the centre still leads."""
    within = keys < OUTSIDE
    index = (keys & (MAX_LOCATIONS - 1)).astype(np.int32)
    same = np.zeros(keys.shape, np.bool_)
    same[:, 1:] = (keys[:, 1:] >> INDEX_BITS) == (keys[:, :-1] >> INDEX_BITS)
    for row in np.flatnonzero(index[:, 0] != centres):
        at = np.flatnonzero(index[row] == centres[row])[0]
        index[row, 1 : at + 1] = index[row, :at].copy()
        index[row, 0] = centres[row]
    filled = within.sum()
    order[:filled], tied[:filled] = index[within], same[within]
