"""Farrington's exceedance of a count over its own past, original and flexible, as R `surveillance` has it."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from surveillance.detection.exceedance.bound import THRESHOLDS, Bound, chance_of, count_bound, delta_bound
from surveillance.detection.exceedance.quasi_poisson import Fit, anscombe_weights, fit

Floats = npt.NDArray[np.float64]

YEARS_FOR_A_TREND = 3


@dataclass(frozen=True)
class Farrington:
    """How a count is compared with those of the same season in earlier years.

    years: b. half_window: w, periods on either side of the same one of each year. seasons: into how many a
    year is divided; 1 uses the windows alone, more use the whole past with a factor. skip: latest periods
    that the model does not see, so that an outbreak under way cannot raise its own bound. alpha: one-sided.
    trend_p: a trend stays if its p is below. reweight_above: residuals above it are taken down; None: never.
    threshold: `delta`, `nb_plugin` or `muan`. power: of the delta threshold, `2/3`, `1/2` or `none`.
    least_cases, of_periods: no bound with fewer cases in the latest periods. original: the 1996 procedure of
    R's `farrington`; it takes what references there are, and its alpha is two-sided there: halve it.
    """

    years: int = 5
    half_window: int = 3
    seasons: int = 10
    skip: int = 26
    alpha: float = 0.01
    trend: bool = True
    trend_p: float = 1.0
    reweight_above: float | None = 2.58
    threshold: str = "nb_plugin"
    power: str = "2/3"
    least_cases: int = 5
    of_periods: int = 4
    per_year: int = 52
    original: bool = False

    def __post_init__(self) -> None:
        if self.threshold not in THRESHOLDS:
            raise ValueError(f"threshold: {self.threshold!r} is none; use one of {', '.join(THRESHOLDS)}")


# The settings of Noufaily et al. (2013), Statistics in Medicine 32:1206, are the defaults; this is 1996.
ORIGINAL = Farrington(
    years=3,
    seasons=1,
    skip=0,
    alpha=0.005,
    trend_p=0.05,
    reweight_above=1.0,
    threshold="delta",
    original=True,
)


def reach(rule: Farrington) -> int:
    """How many periods before the one looked at the rule needs."""
    return rule.years * rule.per_year + rule.half_window


def farrington_bound(counts: Floats, at: int, rule: Farrington) -> Bound | None:
    """The bound of counts[at] from what came before; None where no model could be fitted.

    counts: (n,) per period, the oldest first; NaN where a period is missing. Raises ValueError where the
    past is too short for the rule. Source: Farrington, Andrews, Beale, Catchpole (1996), JRSS A 159:547;
    Noufaily et al. (2013), Statistics in Medicine 32:1206. Held to R `surveillance` 1.20.3.
    """
    seasons = _seasons(at, rule)
    when = np.flatnonzero(seasons >= 0)
    when = when[np.isfinite(counts[when])]
    if len(when) < 2 or not np.isfinite(counts[at]):
        return None
    past = _Past(when, seasons[when], counts[when], rule)
    model, trend = past.fitted(rule.trend)
    if trend and model is not None and not past.keeps_trend(model, at):
        model, trend = past.fitted(trend=False)
    if model is None:
        return None
    return _bound(model, past.row(at, trend), counts, at, past)


def _seasons(at: int, rule: Farrington) -> npt.NDArray[np.int64]:
    """(at + 1,) the season of each period of the past, 0 being that of the period `at`; -1: not used.

    A window around the same period of every year is season 0; what lies between two windows is divided into
    seasons as equal as can be, the earlier ones the longer by one.
    """
    if at < reach(rule) and not (rule.original and at >= rule.per_year):
        raise ValueError(f"counts: {at} periods before the one looked at; this rule needs {reach(rule)}")
    season = np.full(at + 1, -1, np.int64)
    same = [at - rule.per_year * year for year in range(rule.years + 1)]
    half = rule.half_window
    for later, earlier in pairwise(same):
        season[max(earlier - half, 0) : max(earlier + half + 1, 0)] = 0
        between = np.arange(earlier + half + 1, later - half)
        for number, part in enumerate(np.array_split(between, rule.seasons - 1 or 1), start=1):
            if rule.seasons > 1:
                season[part] = number
    if not rule.original:
        season[at - half :] = 0
    season[at - max(rule.skip, half if rule.original else 0) :] = -1
    return season


@dataclass(frozen=True, eq=False)
class _Past:
    """The reference counts: when (period), in which season, how many."""

    when: npt.NDArray[np.intp]
    season: npt.NDArray[np.int64]
    counts: Floats
    rule: Farrington

    def fitted(self, trend: bool) -> tuple[Fit | None, bool]:
        """The model, reweighted where the rule says so, and whether it has a trend; None: none converges."""
        design = self._design(trend)
        model = fit(design, self.counts)
        if not model.converged:
            return self.fitted(trend=False) if trend else (None, False)
        if self.rule.reweight_above is not None:
            model = fit(design, self.counts, anscombe_weights(model, self.counts, self.rule.reweight_above))
        return model, trend

    def keeps_trend(self, model: Fit, at: int) -> bool:
        """A trend needs three years, to be significant, and to stay within what was ever seen."""
        expected = float(np.exp(self.row(at, trend=True) @ model.coefficients))
        return (
            self.rule.years >= YEARS_FOR_A_TREND
            and model.p_of(1, _dispersion(model, self.counts, self.rule)) < self.rule.trend_p
            and expected <= float(self.counts.max())
        )

    def row(self, at: int, trend: bool) -> Floats:
        """The design's row of the period looked at: season 0."""
        return np.array([1.0, *([float(at)] if trend else []), *(0.0 for _ in self._others())])

    def _design(self, trend: bool) -> Floats:
        factors = [self.season == one for one in self._others()]
        columns = [np.ones(len(self.when)), *([self.when] if trend else []), *factors]
        return np.column_stack(columns).astype(np.float64)

    def _others(self) -> list[int]:
        return [int(one) for one in np.unique(self.season) if one > 0]


def _dispersion(model: Fit, counts: Floats, rule: Farrington) -> float:
    """What R multiplies the covariance by for standard errors.

    R's `farringtonFlexible` has the weights of past outbreaks in the place of the model's own, which makes
    this the dispersion of relative residuals. Repeated here, since the bounds are held to R's.
    """
    if rule.original or rule.reweight_above is None or model.freedom < 1:
        return model.dispersion
    return float(np.sum(model.weights * (counts / model.fitted - 1) ** 2) / model.freedom)


def _bound(model: Fit, row: Floats, counts: Floats, at: int, past: _Past) -> Bound:
    rule, dispersion = past.rule, model.overdispersion
    link = float(row @ model.coefficients)
    expected = float(np.exp(link))
    unscaled = float(np.sqrt(row @ model.covariance @ row))
    scale = dispersion if rule.original else _dispersion(model, past.counts, rule)
    error = unscaled * float(np.sqrt(scale))
    if rule.threshold == "delta":
        lower, upper, p, score = delta_bound(
            expected, expected * error, dispersion, counts[at], rule.alpha, rule.power
        )
    else:
        lower, upper, p, score = count_bound(link, error, dispersion, counts[at], rule.alpha, rule.threshold)
    latest = counts[max(at - rule.of_periods + 1, 0) : at + 1]
    if np.nansum(latest) < rule.least_cases:
        lower = upper = score = float("nan")
    return Bound(
        expected=expected,
        lower=lower,
        upper=upper,
        score=score,
        p_value=p,
        chance=chance_of(
            counts[at], expected, expected * unscaled * dispersion**0.5, dispersion, 0.5 / len(past.counts)
        ),
        alarm=bool(counts[at] > upper and counts[at] > 0),
    )
