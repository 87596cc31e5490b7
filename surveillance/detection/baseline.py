"""A modelled baseline: how many cases each area expects on each day, and whether that can be trusted."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import numpy.typing as npt

from surveillance.detection.chances import chi_squared_above, normal_above
from surveillance.detection.cluster import Study
from surveillance.detection.exceedance.quasi_poisson import Fit, fit
from surveillance.detection.report_delay import completeness
from surveillance.geography.distance import positions_km

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

# A coefficient takes so many cases: fewer, and the model would follow chance.
CASES_PER_COEFFICIENT = 10
SEASON_DAYS = 365.25
# Shorter than this, a season cannot be told from a trend, and a trend not from chance.
LEAST_FOR_SEASON, LEAST_FOR_TREND = 540, 180
# The last weeks, which are forecast from the days before them.
FORECAST_DAYS = 28
# Each check refuses so many of the baselines that are right; to refuse costs power only.
REFUSE_P = 0.001
# Of cases in a block of areas, for its total to say anything.
LEAST_IN_BLOCK = 5.0
# Areas that report alike where nobody says otherwise, and the cases that tell how late.
REPORTS_ALIKE, LEAST_FOR_DELAY = "lad", 200


@dataclass(frozen=True, eq=False)
class ModelledBaseline:
    """What was modelled.

    expected: (locations, days) cases, 0 where nobody reports; empty where there is no model at all. misfit:
    in words why it should not be used, or empty.
    """

    expected: Floats
    misfit: str


def model_baseline(study: Study, leave_out_days: int) -> ModelledBaseline:
    """Expected cases by area and day of a study whose population is known.

    In each reporting group, daily counts follow a log-linear model: weekday, bank holidays, trend and the
    season (one harmonic), each only where days and cases are enough, times the share of the day's cases that
    are reported by now. The areas share a day's cases by population and, where their local authority has
    cases enough to tell, by how much of the day it has reported. A group's expected cases are as many as it
    has.

    Checked, each at p = .001: that days, and weeks, vary no more than Poisson; that the last weeks are as the
    days before them forecast; that the totals of areas, and of blocks of neighbouring areas of every size,
    are as their population says. The last `leave_out_days` are left out of the checks of areas: what is to be
    found there must not hide itself.

    Source: quasi-Poisson regression as in Noufaily et al. (2013), Stat Med 32:1206; shares of an incomplete
    day as in Lawless (1994), Can J Stat 22:15.
    """
    population = study.locations.population
    if population is None or population.sum() <= 0:
        return ModelledBaseline(np.zeros((0, 0)), "the population of the areas is not known")
    if (population[study.location] <= 0).any():
        return ModelledBaseline(np.zeros((0, 0)), "there are cases where nobody lives")
    expected = np.zeros((len(population), study.days))
    misfit = ""
    for areas in _groups(study):
        of_group = np.isin(study.location, areas) & _in_coverage(study)
        people = float(population[areas].sum())
        if of_group.any() and people > 0:
            days, words = _expected_days(study, areas, of_group)
            misfit = misfit or words
            expected[areas] = _share_of_areas(study, areas, of_group) * days
    misfit = misfit or _misfit_of_areas(study, expected, study.days - leave_out_days)
    return ModelledBaseline(expected, misfit)


def _groups(study: Study) -> list[Ints]:
    reporting = study.locations.reporting
    group = np.zeros(len(study.locations.codes), np.int64) if reporting is None else reporting
    return [np.flatnonzero(group == one) for one in np.unique(group)]


def _in_coverage(study: Study) -> npt.NDArray[np.bool_]:
    if study.locations.covered is None:
        return np.ones(len(study.ids), np.bool_)
    first, last = study.locations.covered[study.location].T
    day = study.start.toordinal() + study.day
    return np.asarray((first <= day) & (day <= last))


def _expected_days(study: Study, areas: Ints, cases: npt.NDArray[np.bool_]) -> tuple[Floats, str]:
    """(days,) expected cases of one reporting group, and what is wrong with them."""
    days = np.arange(study.days)
    known = np.ones(study.days, np.bool_)
    if study.locations.covered is not None:
        first, last = study.locations.covered[areas[0]] - study.start.toordinal()
        known = (days >= first) & (days <= last)
    counts = np.bincount(study.day[cases], minlength=study.days).astype(np.float64)
    share = completeness(study, cases)
    known &= share > 0
    if counts[~known].any():
        return counts, "its report delays cannot be modelled"
    design = _design(study.start, days, study.holidays, known, counts.sum())
    model = _fit(design[known], counts[known], share[known])
    if not model.converged:
        return np.where(known, counts.sum() / max(known.sum(), 1), 0.0), "its days cannot be fitted"
    expected = np.zeros(study.days)
    expected[known] = model.fitted * share[known]
    return expected, _misfit_of_days(design[known], counts[known], share[known], expected[known])


def _share_of_areas(study: Study, areas: Ints, cases: npt.NDArray[np.bool_]) -> Floats:
    """(areas, days) the share of each area in the group's cases of a day. Local authorities may report later
    than others: each has a share of its own reported."""
    assert study.locations.population is not None
    people = study.locations.population[areas][:, None]
    reported = np.tile(completeness(study, cases), (len(areas), 1))
    units = np.array(study.locations.units.get(REPORTS_ALIKE, ("",) * len(study.locations.codes)))
    for unit in np.unique(units[areas]):
        of_unit = cases & (units[study.location] == unit)
        if of_unit.sum() >= LEAST_FOR_DELAY:
            reported[units[areas] == unit] = completeness(study, of_unit)
    weight = people * reported
    weight = np.where(weight.sum(axis=0) > 0, weight, people)
    return np.asarray(weight / weight.sum(axis=0), np.float64)


def _fit(design: Floats, counts: Floats, share: Floats) -> Fit:
    """The model of complete days: a day of which a share is reported weighs as much less."""
    return fit(design, counts / share, share)


def _design(
    start: date, days: Ints, holidays: frozenset[date], known: npt.NDArray[np.bool_], cases: float
) -> Floats:
    """(days, coefficients): the constant, then as many terms as days and cases allow, weekday first."""
    weekday = (start.weekday() + days) % 7
    holiday = np.array([start + timedelta(days=int(day)) in holidays for day in days])
    angle = 2 * np.pi * days / SEASON_DAYS
    covered = int(known.sum())
    terms = (
        (covered >= 28, [weekday == one for one in range(1, 7)]),
        (int(holiday[known].sum()) >= 3, [holiday]),
        (covered >= LEAST_FOR_TREND, [(days - days[known].mean()) / SEASON_DAYS]),
        (covered >= LEAST_FOR_SEASON, [np.sin(angle), np.cos(angle)]),
    )
    columns: list[npt.NDArray[np.generic]] = [np.ones(len(days))]
    for wanted, added in terms:
        if wanted and cases >= CASES_PER_COEFFICIENT * (len(columns) + len(added)):
            columns += added
    return np.column_stack(columns).astype(np.float64)


def _misfit_of_days(design: Floats, counts: Floats, share: Floats, expected: Floats) -> str:
    spare = max(len(counts) - design.shape[1], 1)
    weeks = np.arange(len(counts)) // 7
    by_week = _totals(weeks, counts), _totals(weeks, expected)
    checks = (
        ("its days vary more than chance allows", _excess_p(counts, expected, spare)),
        (
            "its weeks vary more than chance allows",
            _excess_p(*by_week, max(len(by_week[0]) - design.shape[1], 1)),
        ),
        ("its forecast of the last weeks fails", _forecast_p(design, counts, share)),
    )
    return next((words for words, p in checks if p < REFUSE_P), "")


def _excess_p(counts: Floats, expected: Floats, freedom: int) -> float:
    """p of Pearson's statistic being as high, by a scaled chi-squared that has its mean and variance.

    Small expected counts make the statistic vary more than chi-squared: by sum(2 + 1 / expected).
    """
    some = expected > 0
    statistic = float((((counts - expected) ** 2)[some] / expected[some]).sum())
    scale = float((2 + 1 / expected[some]).sum()) / (2 * max(int(some.sum()), 1))
    return chi_squared_above(statistic / scale, freedom / scale)


def _totals(of: Ints, amounts: Floats) -> Floats:
    return np.bincount(of, amounts).astype(np.float64)


def _forecast_p(design: Floats, counts: Floats, share: Floats) -> float:
    """Two-sided p of the last weeks' total, as the days before them forecast it."""
    past = len(counts) - FORECAST_DAYS
    if past < LEAST_FOR_TREND:
        return 1.0
    model = _fit(design[:past], counts[:past], share[:past])
    forecast = np.exp(np.clip(design[past:] @ model.coefficients, -50, 50)) * share[past:]
    gradient = forecast @ design[past:]
    spread = float(forecast.sum() + gradient @ model.covariance @ gradient)
    return 2 * normal_above(abs(counts[past:].sum() - forecast.sum()) / np.sqrt(max(spread, 1e-9)))


def _misfit_of_areas(study: Study, expected: Floats, first_days: int) -> str:
    """Whether the totals of areas and of blocks of areas differ from those expected."""
    looked_at = _in_coverage(study) & (study.day < first_days)
    counts = np.bincount(study.location[looked_at], minlength=len(expected)).astype(np.float64)
    usual = expected[:, : max(first_days, 0)].sum(axis=1)
    if usual.sum() < 2 * LEAST_IN_BLOCK:
        return ""
    usual *= counts.sum() / usual.sum()
    positions = positions_km(study.locations.coordinates, study.locations.metric)
    blocks = np.zeros(len(counts), np.int64)
    checked = [np.arange(len(counts))]
    while (blocks := _halve(blocks, positions, usual)).max() < usual.sum() / LEAST_IN_BLOCK:
        checked.append(blocks)
        if blocks.max() + 1 >= len(counts) / 2:
            break
    for block in checked:
        observed, mean = _totals(block, counts), _totals(block, usual)
        if _excess_p(observed, mean, max(int((mean > 0).sum()) - 1, 1)) < REFUSE_P:
            return "areas differ more than their population says"
    return ""


def _halve(blocks: Ints, positions: Floats, usual: Floats) -> Ints:
    """Each block in two across its longer side, with as many expected cases in either half."""
    halves = np.zeros(len(blocks), np.int64)
    for one in range(int(blocks.max()) + 1):
        here = np.flatnonzero(blocks == one)
        place = positions[here]
        ordered = here[np.argsort(place[:, np.argmax(np.ptp(place, axis=0))], kind="stable")]
        upper = np.cumsum(usual[ordered]) > usual[ordered].sum() / 2
        halves[ordered] = 2 * one + upper
    return np.unique(halves, return_inverse=True)[1].reshape(-1).astype(np.int64)
