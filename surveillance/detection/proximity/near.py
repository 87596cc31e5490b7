"""Which areas are near each other; the same for every look at the same places."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import numpy as np
import numpy.typing as npt
from sklearn.neighbors import KDTree

from surveillance.detection.cluster import Locations
from surveillance.geography.distance import positions_km

Ints = npt.NDArray[np.int64]
Positions = npt.NDArray[np.float64]

MICROMETRE_KM = 1e-9
"""Distances are compared to the micrometre: rounding must not decide who is a neighbour."""
CHUNK = 2000
"""Areas whose neighbours are looked up at once."""
KEPT_BYTES = 256 << 20
"""Of what is kept for the next look, the last one used excepted."""


@dataclass(frozen=True, eq=False)
class Near:
    """The areas near area z, itself included, are `others[first[z]:first[z + 1]]`, sorted.

    key: the same for equal areas and radius.
    """

    key: bytes
    positions: Positions
    first: Ints
    others: npt.NDArray[np.int32]

    def of(self, areas: Ints) -> tuple[Ints, Ints]:
        """Pairs (index in `areas`, area near it)."""
        which, at = ranges(self.first[areas], self.first[areas + 1])
        return which, self.others[at].astype(np.int64)

    def km(self, one: Ints, other: Ints) -> npt.NDArray[np.float64]:
        """Distances between pairs of areas."""
        apart: npt.NDArray[np.float64] = np.sqrt(
            ((self.positions[one] - self.positions[other]) ** 2).sum(axis=1)
        )
        return apart


def ranges(begin: Ints, end: Ints) -> tuple[Ints, Ints]:
    """Pairs (index of a range, number in it) of half-open ranges of whole numbers."""
    length = np.maximum(end - begin, 0)
    which = np.repeat(np.arange(len(begin)), length)
    skipped = np.cumsum(length) - length
    return which, np.arange(len(which)) + (begin - skipped)[which]


def near_of(locations: Locations, radius_km: float) -> Near:
    """Who is near whom, both bounds included; kept for the next look at the same places."""
    key = _fingerprint(locations, radius_km)
    with _lock:
        if key in _kept:
            _kept.move_to_end(key)
            return _kept[key]
    near = _measure(key, positions_km(locations.coordinates, locations.metric), radius_km)
    with _lock:
        _kept[key] = near
        while len(_kept) > 1 and sum(one.others.nbytes for one in _kept.values()) > KEPT_BYTES:
            _kept.popitem(last=False)
        return _kept[key]


# Keyed by content: equal coordinates have equal neighbours, whoever made the Locations.
_kept: OrderedDict[bytes, Near] = OrderedDict()
_lock = Lock()


def _fingerprint(locations: Locations, radius_km: float) -> bytes:
    digest = hashlib.blake2b(f"{locations.metric} {float(radius_km)}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(locations.coordinates).tobytes())
    return digest.digest()


def _measure(key: bytes, positions: Positions, radius_km: float) -> Near:
    tree = KDTree(positions)
    parts = [
        _within(tree, positions, positions[at : at + CHUNK], radius_km)
        for at in range(0, len(positions), CHUNK)
    ]
    count = np.concatenate([counted for counted, _ in parts])
    first = np.concatenate([[0], np.cumsum(count)])
    return Near(key, positions, first, np.concatenate([others for _, others in parts]))


def _within(
    tree: KDTree, positions: Positions, of: Positions, radius_km: float
) -> tuple[Ints, npt.NDArray[np.int32]]:
    """How many positions are at most `radius_km` from each, and which."""
    around = tree.query_radius(of, radius_km + MICROMETRE_KM)
    one = np.repeat(np.arange(len(of)), [len(found) for found in around])
    other = np.concatenate([np.sort(found) for found in around])
    km = np.sqrt(((of[one] - positions[other]) ** 2).sum(axis=1))
    near = km <= radius_km + MICROMETRE_KM / 2
    return np.bincount(one[near], minlength=len(of)), other[near].astype(np.int32)
