"""Alarms close in space and time are one episode."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

EPISODE_KM, EPISODE_DAYS = 20.0, 28.0
Floats = npt.NDArray[np.float64]


def count_episodes(positions_km: Floats | Sequence[Sequence[float]], days: Floats | Sequence[float]) -> int:
    """How many episodes alarms make: (n, 2) or (n, 3) positions and (n,) days, in any order.

    Two alarms within 20 km and 28 days of each other are one episode, and so are all that such pairs connect.
    """
    places, when = np.asarray(positions_km, np.float64), np.asarray(days, np.float64)
    if not len(when):
        return 0
    km = np.sqrt(((places[:, None] - places[None]) ** 2).sum(axis=2))
    near = (km <= EPISODE_KM) & (np.abs(when[:, None] - when[None]) <= EPISODE_DAYS)
    count, _ = connected_components(coo_array(near), directed=False)
    return int(count)
