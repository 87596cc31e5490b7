"""How much of the last days is reported by now, from the delays of the cases that are."""

import numpy as np
import numpy.typing as npt

from surveillance.detection.cluster import Study

Floats = npt.NDArray[np.float64]

# A report later than this is no delay of reporting but a history loaded, or a death found late.
LONGEST_DELAY_DAYS = 42
LEAST_CASES = 30


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
