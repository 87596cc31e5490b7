"""Silent partners: fewer reports than a partner's own past would have. Silence is never good news.

A rise is looked for in cases; the same model looks here at the other end of what partners send, since a
partner that has stopped reporting looks just like a week in which nothing happened.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.chances import CountLaw
from surveillance.detection.exceedance.quasi_poisson import anscombe_weights, fit

WEEK_DAYS = 7
_REWEIGHTED = 6  # times: a batch of thousands hides itself in the first dispersion


@dataclass(frozen=True)
class SilenceRule:
    """windows_days: the last so many days are compared, each at most a week. weeks: how many earlier weeks
    they are compared with; skip_weeks: the latest ones that are left out, so that a silence that goes on
    does not become what is usual. fewest_weeks: with less past, nothing is said. alpha: the chance of
    saying so wrongly at one look, over all windows. batches_above: residuals above it are taken down,
    because a partner that catches up sends many reports in one day."""

    windows_days: tuple[int, ...] = (1, 7)
    weeks: int = 26
    skip_weeks: int = 2
    fewest_weeks: int = 6
    alpha: float = 0.001
    batches_above: float = 2.58


@dataclass(frozen=True, slots=True)
class Quietness:
    """What a partner sent in its least likely window: `observed` reports in `window_days` where `expected`
    were usual. chance: that it sends so few, times the windows that were looked at."""

    window_days: int
    observed: int
    expected: float
    chance: float
    quiet: bool


DEFAULT_RULE = SilenceRule()


def judge(daily: npt.NDArray[np.int64], rule: SilenceRule = DEFAULT_RULE) -> Quietness | None:
    """How unusually quiet a partner has been up to the last day; None with less past than the rule wants.

    daily: (n,) new reports per day, the oldest first, from the first day on which it sent any. A window is
    compared with the same weekdays of earlier weeks: quasi-Poisson mean and dispersion, lower tail of the
    negative binomial with the uncertainty of the mean in it. Raises ValueError for a window over a week.

    Source: the lower side of Noufaily et al. (2013), Statistics in Medicine 32:1206, without season; that
    reporters which went silent need a watch of their own is practice in New York City (Greene et al. 2016,
    Emerging Infectious Diseases 22:1808).
    """
    if max(rule.windows_days) > WEEK_DAYS or min(rule.windows_days) < 1:
        raise ValueError(f"windows_days: {rule.windows_days} cannot be used; give 1 to {WEEK_DAYS} days")
    judged = [one for days in rule.windows_days if (one := _window(daily, days, rule)) is not None]
    return min(judged, key=lambda one: (one.chance, one.window_days), default=None)


def _window(daily: npt.NDArray[np.int64], days: int, rule: SilenceRule) -> Quietness | None:
    ends = np.arange(len(daily), days - 1, -WEEK_DAYS)
    totals = np.array([daily[end - days : end].sum() for end in ends], np.float64)
    past = totals[1 + rule.skip_weeks : 1 + rule.skip_weeks + rule.weeks]
    if len(past) < rule.fewest_weeks:
        return None
    design = np.ones((len(past), 1))
    model = fit(design, past)
    for _ in range(_REWEIGHTED if past.any() else 0):
        model = fit(design, past, anscombe_weights(model, past, rule.batches_above))
    mean = float(model.fitted[0])
    spread = model.overdispersion * (1 + mean * float(model.covariance[0, 0]))
    chance = min(1.0, CountLaw(mean, spread, 1e-9).at_most(totals[0]) * len(rule.windows_days))
    return Quietness(days, int(totals[0]), mean, chance, quiet=chance <= rule.alpha)
