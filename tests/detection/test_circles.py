"""Circles are kept for the next look, by content, and bounded."""

import numpy as np
import pytest

from surveillance.detection.scan import circles
from surveillance.detection.study import make_locations


def test_equal_locations_share_their_circles_and_others_do_not():
    places = np.random.default_rng(1).uniform(0, 9, (20, 2))
    codes = [f"A{n}" for n in range(20)]
    first = circles.circles_of(make_locations(codes, places), 3.0)
    assert circles.circles_of(make_locations(codes, places), 3.0) is first
    assert circles.circles_of(make_locations(codes, places), 3) is first
    assert circles.circles_of(make_locations(codes, places), 4.0) is not first
    assert circles.circles_of(make_locations(codes, places, inside=[False] + [True] * 19), 3.0) is not first
    assert circles.circles_of(make_locations(codes, places, "great_circle"), 3.0) is not first


def test_the_memory_for_circles_is_bounded(monkeypatch):
    monkeypatch.setattr(circles, "KEPT_BYTES", 5000)
    for seed in range(9):
        places = np.random.default_rng(seed).uniform(0, 9, (20, 2))
        circles.circles_of(make_locations([f"A{n}" for n in range(20)], places), None)
    assert sum(circles._bytes(one) for one in circles._kept.values()) <= 5000


def test_locations_at_one_distance_are_tied_and_the_centre_leads():
    # The fourth shares the first one's coordinates; two are 1 km away but for rounding.
    locations = make_locations(["A", "B", "C", "D"], [(0.1, 0.2), (1.1, 0.2), (0.1, 1.2), (0.1, 0.2)])
    found = circles.circles_of(locations, 1.0)
    row = slice(found.first[3], found.first[4])
    assert found.order[row].tolist() == [3, 0, 1, 2]
    assert found.tied[row].tolist() == [False, True, False, True]
    assert found.radius_km(3, found.order[row]) == pytest.approx(1.0)


def test_too_many_locations_are_refused_with_the_limit(monkeypatch):
    monkeypatch.setattr(circles, "MAX_LOCATIONS", 3)
    with pytest.raises(ValueError, match="4 are too many"):
        circles.circles_of(make_locations(list("ABCD"), [(n, 0) for n in range(4)]), None)
