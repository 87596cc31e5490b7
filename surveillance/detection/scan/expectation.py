# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, assignment"
"""The compiled arithmetic of the permutation scan: circles' cases, expected counts, counts that matter.

numba's cache notices a change to a function's own file, not to what it calls in another: after editing this
file, `lanes` or `replicates`, touch `kernel` too.
"""

import numpy as np
from numba import njit

compiled = njit(nogil=True, cache=True, error_model="numpy")


@compiled
def log_likelihood_ratio(observed, expected, total):
    """c ln(c/mu) + (C-c) ln((C-c)/(C-mu)) for c > mu, else 0; 0 ln 0 is 0 (Kulldorff 2005).

    Infinite where nothing was expected: that happens only to bounds, a circle's own cases are expected in it.
    """
    if observed <= expected:
        return 0.0
    if expected <= 0:
        return np.inf
    ratio = observed * np.log(observed / expected)
    rest = total - observed
    if rest > 0:
        ratio += rest * np.log(rest / (total - expected))
    return ratio


@compiled
def expected_in(inside, share, window):
    """Expected count of a circle and window: cases of the circle times the window's share, by stratum."""
    expected = 0.0
    for stratum in range(len(inside)):
        expected += inside[stratum] * share[stratum, window, 0] / share[stratum, window, 1]
    return expected


@compiled
def classify(rows, first, order, tied, weight, limit, bin_of, bin_, stop):
    """Fill bin_: (m,) with the class of the circle that ends there, and stop: (k,) with where circles end.

    rows: of the centres that are asked. weight: (locations,) cases. bin_of: (limit + 1,) class of a circle of
    so many cases. Locations at one distance enter together: they have the class of the circle with them all.
    """
    for row in rows:
        held, at, end = 0, first[row], first[row + 1]
        while at < end:
            after = at + 1
            while after < end and tied[after]:
                after += 1
            for entry in range(at, after):
                held += weight[order[entry]]
            if held > limit:
                break
            for entry in range(at, after):
                bin_[entry] = bin_of[held]
            at = after
        stop[row] = at


@compiled
def _expected_at(weight, share):
    """(locations, windows) the expected count of each location by itself."""
    locations, strata = weight.shape
    expected = np.zeros((locations, share.shape[1]))
    for location in range(locations):
        for stratum in range(strata):
            if weight[location, stratum] > 0:
                for window in range(share.shape[1]):
                    part = share[stratum, window, 0] / share[stratum, window, 1]
                    expected[location, window] += weight[location, stratum] * part
    return expected


# A class of circles by two expected counts: each in equal ratios, so many to a doubling, from 2 ** LOWEST on.
LOWEST, DOUBLINGS = -10, 30
LONG_STEPS_BITS, SHORT_STEPS_BITS = 5, 3


@compiled
def key_circles(first, stop, order, tied, weight, share, short, key):
    """Fill key: (m,) int32 with the place of a circle among all pairs of expected counts, in order.

    The first of the pair is that of the longest window, the second that of window `short`. Locations at one
    distance have the key of the circle with all of them.
    """
    expected = _expected_at(weight, share)
    value = np.empty(1)
    bits = value.view(np.int64)
    for row in range(len(first) - 1):
        long, brief = 0.0, 0.0
        at = first[row]
        for entry in range(first[row], stop[row]):
            long += expected[order[entry], -1]
            brief += expected[order[entry], short]
            if entry + 1 < stop[row] and tied[entry + 1]:
                continue
            value[0] = long
            one = _step(bits[0], LONG_STEPS_BITS)
            value[0] = brief
            other = _step(bits[0], SHORT_STEPS_BITS)
            key[at : entry + 1] = one * (DOUBLINGS << SHORT_STEPS_BITS) + other
            at = entry + 1


@compiled
def _step(bits, steps_bits):
    """In which step a number lies, given its bits: the exponent, then the highest of the fraction."""
    step = (bits >> (52 - steps_bits)) - ((1023 + LOWEST) << steps_bits)
    return min(max(step, 0), (DOUBLINGS << steps_bits) - 1)


@compiled
def seen_keys(first, stop, key, seen):
    """Mark the keys of circles in seen: (keys,) bool."""
    for row in range(len(first) - 1):
        for entry in range(first[row], stop[row]):
            seen[key[entry]] = True


@compiled
def classify_by_key(first, stop, key, bin_of, bin_):
    """Fill bin_: (m,) from bin_of: (keys,) the class of each key."""
    for row in range(len(first) - 1):
        for entry in range(first[row], stop[row]):
            bin_[entry] = bin_of[key[entry]]


@compiled
def lowest_expected(first, stop, order, bin_, weight, share, lowest):
    """Fill lowest: (bins, windows) with the least expected count of any circle of the bin, else infinity."""
    windows = share.shape[1]
    at_location = _expected_at(weight, share)
    held = weight.sum(axis=1) > 0
    expected = np.empty(windows)
    lowest[:] = np.inf
    for row in range(len(first) - 1):
        expected[:] = 0.0
        last_bin = -1
        for entry in range(first[row], stop[row]):
            location = np.uint64(order[entry])
            if held[location]:
                for window in range(windows):
                    expected[window] += at_location[location, window]
            bin_at = np.int64(bin_[entry])
            # Circles grow, so the first of a bin is the centre's least; one that ties still enter is less.
            if bin_at == last_bin:
                continue
            last_bin = bin_at
            for window in range(windows):
                lowest[bin_at, window] = min(lowest[bin_at, window], expected[window])


@compiled
def counts_to_reach(levels, lowest, recent, total, min_cases, shortest, out):
    """Fill out: (levels, bins, windows): the smallest count that can reach a level; recent + 1 if none can.

    The statistic falls as the expected count rises, so the bin's lowest expected count bounds them all.
    The level is lowered by a hair: rounding, also of the sums behind `lowest`, must never hide a tie.
    """
    for level in range(len(levels)):
        target = levels[level] - 1e-9
        for window in range(shortest - 1, lowest.shape[1]):
            most = recent[window]
            count = min_cases
            for one in range(lowest.shape[0]):
                expected = lowest[one, window]
                if expected == np.inf:  # no circle in this bin
                    continue
                while count > min_cases and log_likelihood_ratio(count - 1, expected, total) >= max(
                    target, 1e-300
                ):
                    count -= 1
                while count <= most and log_likelihood_ratio(count, expected, total) < max(target, 1e-300):
                    count += 1
                out[level, one, window] = count
