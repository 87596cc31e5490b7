"""From the best cylinder of each centre to the clusters that are reported."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan.analysis import Analysis
from surveillance.detection.scan.baseline import Baseline, Floats
from surveillance.detection.scan.general_kernel import SAME
from surveillance.detection.scan.general_layout import Ground

Ints = npt.NDArray[np.int64]

# As SaTScan: of clusters that must keep apart no more than this are followed.
MOST_SEPARATE = 500


@dataclass(frozen=True, eq=False)
class Candidate:
    """The best cylinder of a centre. locations: indices, the centre first. end_age, length: in intervals.
    total: the cases it is compared with, itself included."""

    row: int
    code: str
    locations: npt.NDArray[np.int32]
    radius_km: float
    end_age: int
    length: int
    observed: int
    expected: float
    total: float
    statistic: float


def candidates(ground: Ground, baseline: Baseline, best: Floats, where: Ints) -> list[Candidate]:
    """Each centre's best, strongest first; of equal ones the fewest locations win, then the lower code."""
    result = [
        _candidate(ground, baseline, one, float(best[one]), where[one])
        for one in np.flatnonzero(best > 0).tolist()
    ]
    result.sort(key=lambda one: -one.statistic)
    falls = [before.statistic - after.statistic > SAME for before, after in pairwise(result)]
    ranks = np.cumsum([0, *falls])
    order = sorted(range(len(result)), key=lambda at: (ranks[at], len(result[at].locations), result[at].code))
    return [result[at] for at in order]


def separate(ranked: list[Candidate], analysis: Analysis) -> list[Candidate]:
    """Those to report.

    no-overlap: the next that shares no location with a stronger one reported. no-centre-in-more-likely: the
    next whose centre is in no stronger one reported. none: every centre's best (SaTScan: "no restrictions").
    A purely temporal scan has one.
    """
    if analysis.span == "temporal":
        return ranked[:1]
    if analysis.secondary == "none":
        return ranked
    taken: set[int] = set()
    result = []
    for one in ranked:
        held = one.locations.tolist()
        if not taken.intersection(held if analysis.secondary == "no-overlap" else held[:1]):
            taken.update(held)
            result.append(one)
        if len(result) == MOST_SEPARATE:
            break
    return result


def _candidate(ground: Ground, baseline: Baseline, one: int, statistic: float, where: Ints) -> Candidate:
    entry, end, length, observed = (int(value) for value in where)
    field = ground.field
    locations = ground.circles.order[field.first[one] : entry + 1]
    held = field.cumulative[locations].sum(axis=0)
    measure = float(held[end + length] - held[end])
    window = field.window_first[length - field.shortest] + end
    total = float(field.total[window])
    return Candidate(
        row=int(field.row[one]),
        code=ground.codes[locations[0]],
        locations=locations,
        radius_km=ground.circles.radius_km(int(field.row[one]), locations),
        end_age=end,
        length=length,
        observed=observed,
        expected=measure * total / baseline.persons if baseline.persons else measure,
        total=total,
        statistic=statistic,
    )
