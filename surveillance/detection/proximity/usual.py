"""What would be usual where a cluster is: the cases expected in the union of its members' balls."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study
from surveillance.detection.proximity.cases import SPAN
from surveillance.detection.proximity.near import Ints, Near

BY_POPULATION = "all cases, by the population near the cluster and the days around it"
BY_CASES = "all cases, by the cases of the areas near the cluster and of the days around it"


@dataclass(frozen=True, eq=False)
class Balls:
    """The area-days of a study that are in the ball of any member, and have coverage.

    areas: sorted. usual: (areas, days of the study).
    """

    areas: Ints
    usual: npt.NDArray[np.bool_]


def balls_of(study: Study, near: Near, spot: Ints, window_days: int) -> Balls:
    """The union of the balls around these spots."""
    area, day = np.divmod(np.unique(spot), SPAN)
    # Days of one area whose balls overlap or follow each other are one spell.
    begins = np.ones(len(area), np.bool_)
    begins[1:] = (np.diff(area) != 0) | (np.diff(day) > 2 * window_days + 1)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(area)) - 1
    which, other = near.of(area[first])
    areas, row = np.unique(other, return_inverse=True)
    begin, end = study.start.toordinal(), study.as_of.toordinal() + 1
    low = np.clip(day[first] - window_days, begin, end) - begin
    high = np.clip(day[last] + window_days + 1, begin, end) - begin
    step = np.zeros((len(areas), study.days + 1), np.int32)
    np.add.at(step, (row, low[which]), 1)
    np.add.at(step, (row, high[which]), -1)
    usual = np.cumsum(step, axis=1)[:, :-1] > 0
    return Balls(areas, usual & _covered(study, areas))


def share_of_population(study: Study, balls: Balls) -> float | None:
    """Of the population times days that have coverage, what is in the balls; None: it is not known."""
    population = study.locations.population
    if population is None or not population.sum() > 0:
        return None
    at_risk = population @ _days_covered(study)
    return float(balls.usual.sum(axis=1) @ population[balls.areas] / at_risk) if at_risk > 0 else 0.0


def by_cases(study: Study, balls: Balls) -> float:
    """Sum of C_z C_d / C over the area-days, within each reporting group."""
    reporting = study.locations.reporting
    group = np.zeros(len(study.locations.codes), np.int64) if reporting is None else reporting
    by_area = np.bincount(study.location, minlength=len(group))
    expected = 0.0
    for one in np.unique(group[balls.areas]):
        days = study.day[group[study.location] == one]
        by_day = np.bincount(days, minlength=study.days)
        here = group[balls.areas] == one
        expected += float(by_area[balls.areas[here]] @ balls.usual[here] @ by_day) / max(len(days), 1)
    return expected


def _covered(study: Study, areas: Ints) -> npt.NDArray[np.bool_]:
    """(areas, days) which days of these areas any partner covers."""
    if study.locations.covered is None:
        return np.ones((len(areas), study.days), np.bool_)
    first, last = study.locations.covered[areas].T[:, :, None]
    day = study.start.toordinal() + np.arange(study.days)
    return np.asarray((first <= day) & (day <= last))


def _days_covered(study: Study) -> Ints:
    """(n,) how many days of the study any partner covers each area."""
    covered = study.locations.covered
    if covered is None:
        return np.full(len(study.locations.codes), study.days, np.int64)
    begin, end = study.start.toordinal(), study.as_of.toordinal()
    first, last = covered.astype(np.int64).T
    days: Ints = np.maximum(np.minimum(last, end) - np.maximum(first, begin) + 1, 0)
    return days
