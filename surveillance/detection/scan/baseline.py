"""What each model expects where and when, and from what a replicate is drawn."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from surveillance.detection.scan import draw_kernel
from surveillance.detection.scan.analysis import Analysis, Counts, Population, ScanStudy
from surveillance.detection.scan.time_axis import TimeAxis

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Baseline:
    """The cases of a study and the measure they are compared with.

    The measure is the expected count (permutation, poisson) or cases and controls together (bernoulli).
    place, age: (C,) int64 location and interval of each case, intervals counted back from the last.
    cumulative: (locations, horizon + 1) float64 measure of the last 0, 1, ... intervals.
    weight: (locations,) float64 measure of the whole study, which the largest circle is a share of.
    persons: cases and controls in all, 0 unless the model is bernoulli.
    given: (horizon + 1,) float64, the cases of the last 0, 1, ... intervals where windows are compared with
    the rest of their own time only (time-stratified), else None: with the rest of the study.
    null: what a replicate draws.
    """

    place: Ints
    age: Ints
    cumulative: Floats
    weight: Floats
    persons: int
    given: Floats | None
    null: draw_kernel.Null

    @property
    def cases(self) -> int:
        return len(self.place)


def make_baseline(study: ScanStudy, analysis: Analysis, axis: TimeAxis, horizon: int) -> Baseline:
    """Cases and measure of a study with at least one case, as far back as `horizon` intervals."""
    make = {"permutation": _permutation, "poisson": _poisson, "bernoulli": _bernoulli}[analysis.model]
    return make(study, analysis, axis, horizon)


def _permutation(study: ScanStudy, analysis: Analysis, axis: TimeAxis, horizon: int) -> Baseline:
    """Place and time independent (within covariates and weekdays): C_z C_t / C (Kulldorff 2005)."""
    rows = study.cases
    stratum = rows.stratum.astype(np.int64)
    if analysis.day_of_week:
        stratum = stratum * 7 + (axis.starts[0].toordinal() + rows.day.astype(np.int64)) % 7
    stratum = np.unique(stratum, return_inverse=True)[1]
    age = axis.intervals - 1 - axis.interval_of(rows.day)
    at = np.zeros((len(study.locations.codes), int(stratum.max()) + 1))
    np.add.at(at, (rows.location, stratum), rows.count)
    recent = np.zeros((at.shape[1], horizon + 1))
    seen = age < horizon
    np.add.at(recent, (stratum[seen], age[seen] + 1), rows.count[seen])
    # A stratum without cases has none to share: 0 / 1.
    share = np.cumsum(recent, axis=1) / np.maximum(at.sum(axis=0), 1)[:, None]
    place, ages = _each(rows, axis)
    return Baseline(
        place=place,
        age=ages,
        cumulative=at @ share,
        weight=at.sum(axis=1),
        persons=0,
        given=None,
        null=draw_kernel.permute(place, ages, np.repeat(stratum, rows.count), horizon),
    )


def _bernoulli(study: ScanStudy, _: Analysis, axis: TimeAxis, horizon: int) -> Baseline:
    """Every case and control equally likely to be a case (Kulldorff and Nagarwalla 1995)."""
    assert study.controls is not None
    place, age = _each(study.cases, axis)
    places, ages = (
        np.concatenate(pair) for pair in zip((place, age), _each(study.controls, axis), strict=True)
    )
    measure = np.zeros((len(study.locations.codes), axis.intervals))
    np.add.at(measure, (places, ages), 1)
    return Baseline(
        place=place,
        age=age,
        cumulative=_cumulate(measure, horizon),
        weight=measure.sum(axis=1),
        persons=len(places),
        given=None,
        null=draw_kernel.label(places, ages, len(place), horizon),
    )


def _poisson(study: ScanStudy, analysis: Analysis, axis: TimeAxis, horizon: int) -> Baseline:
    """Proportional to the population at risk, or to the expected counts given."""
    place, age = _each(study.cases, axis)
    if study.expected is not None:
        measure = _from_expected(study.expected, axis, len(place))
    else:
        assert study.population is not None
        measure = _from_population(study, study.population, axis)
    _refuse_cases_outside(study, axis, measure)
    by_interval = np.bincount(axis.intervals - 1 - age, minlength=axis.intervals)
    if analysis.log_linear_trend:
        measure = measure * _trend(by_interval, measure.sum(axis=0))
    if analysis.randomisation == "time-stratified":
        measure = measure * _quotient(by_interval, measure.sum(axis=0))
    if analysis.randomisation == "space-stratified":
        at = np.bincount(place, minlength=len(measure))
        measure = measure * _quotient(at, measure.sum(axis=1))[:, None]
    measure = measure[:, ::-1]  # by age from here on
    stratified = analysis.randomisation == "time-stratified"
    return Baseline(
        place=place,
        age=age,
        cumulative=_cumulate(measure, horizon),
        weight=measure.sum(axis=1),
        persons=0,
        given=np.concatenate([[0.0], np.cumsum(by_interval[::-1][:horizon])]) if stratified else None,
        null=draw_kernel.scatter(measure, place, age, analysis.randomisation, horizon),
    )


def _each(rows: Counts, axis: TimeAxis) -> tuple[Ints, Ints]:
    """Location and age of every single case or control."""
    age = axis.intervals - 1 - axis.interval_of(rows.day)
    return np.repeat(rows.location.astype(np.int64), rows.count), np.repeat(age, rows.count)


def _cumulate(measure_by_age: Floats, horizon: int) -> Floats:
    result = np.zeros((len(measure_by_age), horizon + 1))
    np.cumsum(measure_by_age[:, :horizon], axis=1, out=result[:, 1:])
    return result


def _quotient(cases: npt.NDArray[np.integer], measure: Floats) -> Floats:
    return np.asarray(np.divide(cases, measure, out=np.zeros(len(measure)), where=measure > 0))


def _from_expected(expected: Floats, axis: TimeAxis, cases: int) -> Floats:
    by_interval = np.add.reduceat(expected, axis.bounds_days()[:-1], axis=1)
    total = by_interval.sum()
    if total <= 0:
        raise ValueError("expected: it is zero everywhere; give the counts expected by place and day")
    return np.asarray(by_interval * (cases / total))


def _from_population(study: ScanStudy, population: Population, axis: TimeAxis) -> Floats:
    """(locations, intervals): cases of each stratum shared out over its person-time, as in SaTScan.

    Person-time is the integral of the population, straight lines between its days, over the interval.
    """
    places = len(study.locations.codes)
    strata = int(max(population.stratum.max(initial=0), study.cases.stratum.max(initial=0))) + 1
    cases = np.bincount(study.cases.stratum, study.cases.count, strata).astype(np.int64)
    days, day_of = np.unique(population.day, return_inverse=True)
    key = population.stratum.astype(np.int64) * places + population.location
    series, series_of = np.unique(key, return_inverse=True)
    people = np.zeros((len(series), len(days)))
    np.add.at(people, (series_of, day_of), population.people)
    counted = np.zeros(people.shape, np.bool_)
    counted[series_of, day_of] = True
    for one in np.flatnonzero(~counted.all(axis=1)):
        people[one] = np.interp(days, days[counted[one]], people[one, counted[one]])
    person_days = _person_days(days.astype(np.float64), axis.bounds_days().astype(np.float64))
    total = np.zeros(strata)
    np.add.at(total, series // places, people @ person_days.sum(axis=1))
    for stratum in np.flatnonzero((cases > 0) & (total <= 0)):
        raise ValueError(
            f"population: nobody of stratum {stratum} is at risk, but it has {cases[stratum]} cases; "
            "give the population of every combination of covariates that cases have"
        )
    risk = _quotient(cases, total)
    at_risk = np.zeros((places, len(days)))
    np.add.at(at_risk, series % places, people * risk[series // places][:, None])
    return np.asarray(at_risk @ person_days)


def _person_days(days: Floats, bounds: Floats) -> Floats:
    """(days, intervals): what one person more, counted on a day, adds to each interval's person-days."""
    knots = np.union1d(bounds, days)
    result = np.empty((len(days), len(bounds) - 1))
    for one in range(len(days)):
        line = np.interp(knots, days, np.arange(len(days)) == one)
        area = np.concatenate([[0.0], np.cumsum(np.diff(knots) * (line[1:] + line[:-1]) / 2)])
        result[one] = np.diff(area[np.searchsorted(knots, bounds)])
    return result


def _refuse_cases_outside(study: ScanStudy, axis: TimeAxis, measure: Floats) -> None:
    rows = study.cases
    interval = axis.interval_of(rows.day)
    outside = np.flatnonzero((rows.count > 0) & (measure[rows.location, interval] <= 0))
    if len(outside):
        row = outside[0]
        what = "expected" if study.expected is not None else "population"
        raise ValueError(
            f"cases: {rows.count[outside].sum()} where nobody is at risk, the first at location "
            f"{study.locations.codes[rows.location[row]]} in the {axis.unit} from "
            f"{axis.starts[interval[row]]}; add it to the {what} or leave the cases out"
        )


def _trend(cases: npt.NDArray[np.integer], measure: Floats) -> Floats:
    """exp(beta t) by interval t, scaled to keep the sum: beta as of cases ~ Poisson(measure exp(a + beta t)).

    Found where the mean interval of the cases is that of the measure under the trend, by Newton's method.
    """
    time = np.arange(len(cases), dtype=np.float64)
    time -= time.mean()
    wanted = (cases * time).sum() / cases.sum()
    at_risk = np.flatnonzero(measure > 0)
    if len(at_risk) < 2 or not time[at_risk[0]] < wanted < time[at_risk[-1]]:
        raise ValueError(
            "log_linear_trend: all cases are in the first or in the last interval, so the trend is infinite; "
            "leave the trend out"
        )
    beta = 0.0
    for _ in range(200):
        weight = measure * np.exp(beta * time - (beta * time).max())
        weight /= weight.sum()
        mean = (weight * time).sum()
        step = (wanted - mean) / (weight * (time - mean) ** 2).sum()
        beta += float(np.clip(step, -1 / len(time), 1 / len(time)) if abs(step) > 1e-3 else step)
        if abs(step) < 1e-14:
            break
    factor = np.exp(beta * time - (beta * time).max())
    return np.asarray(factor * measure.sum() / (factor * measure).sum())
