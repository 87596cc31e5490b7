"""The cylinders that stand out: each centre's best, and of those the ones that share no location."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study
from surveillance.detection.scan import kernel
from surveillance.detection.scan.expectation import expected_in
from surveillance.detection.scan.layout import Floats, Ints, Layout


@dataclass(frozen=True, eq=False)
class Found:
    """A cylinder that stands out: the circle's centre row and locations, its window and its evidence."""

    row: int
    code: str
    locations: npt.NDArray[np.int32]
    window_days: int
    observed: int
    expected: float
    statistic: float


def separate(study: Study, layout: Layout, highest: Floats, where: Ints, most: int) -> list[Found]:
    """The highest, then the next highest that shares no location with one taken, at most `most`."""
    taken = np.zeros(layout.circles.positions.shape[0], np.bool_)
    result: list[Found] = []
    for statistic in np.unique(highest[highest > 0])[::-1]:
        equals = [
            _found(study, layout, int(row), highest, where) for row in np.flatnonzero(highest == statistic)
        ]
        for one in sorted(equals, key=lambda one: (len(one.locations), one.window_days, one.code)):
            if len(result) < most and not taken[one.locations].any():
                taken[one.locations] = True
                result.append(one)
        if len(result) == most:
            break
    return result


def _found(study: Study, layout: Layout, row: int, highest: Floats, where: Ints) -> Found:
    after, window, count = (int(value) for value in where[row])
    ground, start = layout.ground, layout.circles.first[row]
    return Found(
        row=row,
        code=study.locations.codes[layout.circles.centres[row]],
        locations=layout.circles.order[start:after],
        window_days=window + 1,
        observed=count,
        expected=float(expected_in(kernel.cases_in(ground, start, after), ground.share, window)),
        statistic=float(highest[row]),
    )
