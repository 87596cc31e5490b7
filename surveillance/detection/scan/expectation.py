# mypy: disable-error-code="no-untyped-def, no-untyped-call, misc, assignment"
"""The compiled arithmetic of the permutation scan: circles' cases, expected counts, counts that matter.

numba's cache notices a change to a function's own file, not to what it calls in another: after editing this
file or `lanes`, touch `kernel` too.
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
def lay_out(first, order, tied, cases_at, limit, fill, entry_first, entry_location, entry_cases):
    """Per centre, the locations with cases that its circles may hold, and the cases of the circle there.

    cases_at: (n, strata). limit: most cases in a circle. A location's entry carries the cases of the circle
    that ends with its tie group: a smaller one does not exist. Called without `fill` it only counts, into
    entry_first: (k + 1,). Then entry_location: (m,), entry_cases: (m, strata).
    """
    strata = cases_at.shape[1]
    inside = np.zeros(strata, np.int64)
    entries = 0
    for row in range(len(first) - 1):
        inside[:] = 0
        held = 0
        at = first[row]
        while at < first[row + 1]:
            after = at + 1
            while after < first[row + 1] and tied[after]:
                after += 1
            group = 0
            for one in range(at, after):
                for stratum in range(strata):
                    group += cases_at[order[one], stratum]
            held += group
            if held > limit:
                break
            opened = entries
            for one in range(at, after):
                here = 0
                for stratum in range(strata):
                    inside[stratum] += cases_at[order[one], stratum]
                    here += cases_at[order[one], stratum]
                if here > 0:
                    if fill:
                        entry_location[entries] = order[one]
                    entries += 1
            if fill:
                for entry in range(opened, entries):
                    for stratum in range(strata):
                        entry_cases[entry, stratum] = inside[stratum]
            at = after
        entry_first[row + 1] = entries


@compiled
def expected_in(entry_cases, entry, share, window):
    """Expected count of a circle and window: cases of the circle times the window's share, by stratum."""
    expected = 0.0
    for stratum in range(share.shape[0]):
        expected += entry_cases[entry, stratum] * share[stratum, window, 0] / share[stratum, window, 1]
    return expected


@compiled
def lowest_expected(entry_first, entry_cases, entry_bin, share, lowest):
    """Fill lowest: (bins, windows) with the least expected count of any circle of the bin."""
    strata, windows = share.shape[:2]
    lowest[:] = np.inf
    fewest = np.full(len(lowest), np.iinfo(np.int64).max)
    for row in range(len(entry_first) - 1):
        last_bin = np.int64(-1)
        for entry in range(entry_first[row], entry_first[row + 1]):
            # Circles grow, so the first of a bin is the centre's least.
            one = np.int64(entry_bin[entry])
            if one == last_bin or (strata == 1 and entry_cases[entry, 0] >= fewest[one]):
                continue
            last_bin = one
            fewest[one] = entry_cases[entry, 0]
            for window in range(windows):
                lowest[one, window] = min(lowest[one, window], expected_in(entry_cases, entry, share, window))


@compiled
def counts_to_reach(levels, lowest, recent, total, min_cases, shortest, out):
    """Fill out: (levels, bins, windows): the smallest count that can reach a level; recent + 1 if none can.

    The statistic falls as the expected count rises, so the bin's lowest expected count bounds them all.
    The level is lowered by a hair: rounding must never hide a tie.
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
