"""How late reports come, and how much of the last days is reported by now."""

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study

Floats = npt.NDArray[np.float64]

# A report later than this is no delay of reporting but a history loaded, or a death found late.
LONGEST_DELAY_DAYS = 42
LEAST_CASES = 30
# Days from which on a delay is of the next class: fine where most are.
DELAY_STEPS = np.array([1, 2, 3, 4, 6, 9, 15, LONGEST_DELAY_DAYS + 1])


def delay_classes(study: Study) -> npt.NDArray[np.int64] | None:
    """(cases,) the class of how long after its day each case became known; None where that is not known.

    Where some areas report later than others, their last days lack cases, and the other areas look like a
    cluster. A case with a delay of d days can be known only of days that lie d days back, whatever its area.
    So among cases with one delay, area and day are independent if they were before anything was late
    (quasi-independence under truncation, Tsai 1990, Biometrika 77:169), and nothing need be estimated.
    """
    if study.received is None:
        return None
    delay = np.maximum(study.received.astype(np.int64) - study.day, 0)
    classes: npt.NDArray[np.int64] = np.searchsorted(DELAY_STEPS, delay, side="right").astype(np.int64)
    return classes


def completeness(study: Study, cases: npt.NDArray[np.bool_]) -> Floats:
    """(days,) the share of each day's cases that is received by the end of the study's last day.

    cases: (n,) which of the study's cases to learn from. 1 throughout where it is not known when cases were
    received, or where they are too few. A delay of d days can be seen only of days that lie d days back, so
    the share with a delay of at most a is the product over d > a of 1 - (those with delay d) / (those with
    delay at most d), both among days that lie at least d days back.

    Source: Lawless (1994), Canadian Journal of Statistics 22:15 (reverse-time hazard); the chain ladder.
    """
    share = np.ones(study.days)
    if study.received is None:
        return share
    age = study.days - 1 - study.day[cases].astype(np.int64)
    delay = np.maximum(study.received[cases].astype(np.int64) - study.day[cases], 0)
    prompt = delay <= np.minimum(LONGEST_DELAY_DAYS, age)
    age, delay = age[prompt], delay[prompt]
    if len(age) < LEAST_CASES:
        return share
    longest = min(LONGEST_DELAY_DAYS, study.days - 1)
    reported = 1.0
    for days in range(longest, 0, -1):
        seen = age >= days
        share[study.days - days - 1] = reported
        within = int((seen & (delay <= days)).sum())
        if within:
            reported *= 1 - int((seen & (delay == days)).sum()) / within
    share[-1] = reported
    return share
