"""EARS C1, C2, C3: a count against those of the last few periods; needs next to no past."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.chances import normal_quantile
from surveillance.detection.exceedance.bound import Bound

Floats = npt.NDArray[np.float64]

# Periods between the baseline and the one looked at: C2 and C3 leave two out, so that an outbreak that has
# begun does not raise its own bound. C3 also adds up what C2 saw in the two periods before.
GAPS = {"C1": 0, "C2": 2, "C3": 2}
_BEFORE = 2
_FEWEST = 3  # counts of a baseline that may be missing down to


@dataclass(frozen=True)
class Ears:
    """method: `C1`, `C2` or `C3`. baseline: periods. alpha: one-sided, .001 is three standard deviations
    (C3 is mostly run at .025). least_sd: the smallest standard deviation that is believed, in cases.
    as_r: C3 as R computes it, from the count looked at in the place of the mean: that count then has no say
    in its own alarm, which neither the papers nor R's manual mean."""

    method: str = "C1"
    baseline: int = 7
    alpha: float = 0.001
    least_sd: float = 0.0
    as_r: bool = False

    def __post_init__(self) -> None:
        if self.method not in GAPS:
            raise ValueError(f"method: {self.method!r} is none; use one of {', '.join(GAPS)}")
        if self.baseline < _FEWEST:
            raise ValueError(f"baseline: {self.baseline} periods are too few; give at least {_FEWEST}")


def ears_reach(rule: Ears) -> int:
    """How many periods before the one looked at the rule needs."""
    return rule.baseline + GAPS[rule.method] + (_BEFORE if rule.method == "C3" else 0)


def ears_bound(counts: Floats, at: int, rule: Ears) -> Bound | None:
    """The bound of counts[at] from the periods before it; None where fewer than 3 of them are known.

    counts: (n,) per period, the oldest first; NaN where a period is missing. With mean m and standard
    deviation s of the baseline, C1 and C2: upper = m + z s. C3: upper = m + s (z - carried), the sum of what
    exceeds 1 in C = (count - m) / s of the two periods before. Raises ValueError where the past is shorter
    than `ears_reach`. No p-value: seven counts are too few for one in the far tail.

    Source: Hutwagner, Thompson, Seeman, Treadwell (2003), Journal of Urban Health 80:i89; Fricker, Hegler,
    Dunfee (2008), Statistics in Medicine 27:3407. As R `surveillance` 1.20.3 computes them (`earsC`).
    """
    if at < ears_reach(rule):
        raise ValueError(f"counts: {at} periods before the one looked at; this rule needs {ears_reach(rule)}")
    found = _moments(counts, at, rule)
    if found is None or not np.isfinite(counts[at]):
        return None
    mean, deviation = found
    z = normal_quantile(1 - rule.alpha)
    upper, observed = mean + z * deviation, float(counts[at])
    if rule.method == "C3":
        upper = max(0.0, (observed if rule.as_r else mean) + deviation * (z - _carried(counts, at, rule)))
    score = (observed - mean) / (upper - mean) if upper > mean else float("nan")
    return Bound(
        expected=mean,
        lower=max(0.0, mean - z * deviation),
        upper=upper,
        score=score,
        p_value=None,
        chance=None,
        alarm=observed > upper,
    )


def _moments(counts: Floats, at: int, rule: Ears) -> tuple[float, float] | None:
    """Mean and standard deviation of the baseline of a period."""
    end = at - GAPS[rule.method]
    before = counts[end - rule.baseline : end]
    known = before[np.isfinite(before)]
    if len(known) < _FEWEST:
        return None
    return float(known.mean()), max(float(known.std(ddof=1)), rule.least_sd)


def _carried(counts: Floats, at: int, rule: Ears) -> float:
    """What C3 carries over from the two periods before, in standard deviations."""
    carried = 0.0
    for one in (at - 2, at - 1):
        found = _moments(counts, one, rule)
        if found is None or not counts[one] > found[0]:
            continue
        mean, deviation = found
        # Without any spread nothing can be measured in it: the count itself will be above its bound.
        carried += max(0.0, (counts[one] - mean) / deviation - 1) if deviation else 0.0
    return float(carried)
