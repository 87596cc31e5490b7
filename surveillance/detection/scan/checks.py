"""What cannot be scanned is refused before anything is computed, naming the field and the fix."""

import numpy as np

from surveillance.detection.scan.analysis import Analysis, Counts, ScanStudy


def check(study: ScanStudy, analysis: Analysis) -> None:
    """Raise ValueError for settings that do not fit together or rows that do not fit the study."""
    for refused, words in (*_settings(analysis), *_combinations(analysis), *_data(study, analysis)):
        if refused:
            raise ValueError(words)
    _check_rows("cases", study.cases, study)
    if study.controls is not None:
        _check_rows("controls", study.controls, study)
    _check_population(study)


def _settings(analysis: Analysis) -> tuple[tuple[bool, str], ...]:
    radius, share, longest = analysis.max_radius_km, analysis.max_window_share, analysis.max_window
    return (
        (not 0 < analysis.max_share <= 1, "max_share: must be above 0 and at most 1"),
        (radius is not None and not 0 < radius < float("inf"), "max_radius_km: must be above 0"),
        (analysis.min_window < 1, "min_window: must be at least 1"),
        (longest is not None and longest < 1, "max_window: must be at least 1"),
        (share is not None and not 0 < share <= 1, "max_window_share: must be above 0 and at most 1"),
        (longest is not None and share is not None, "max_window_share: leave it out or leave out max_window"),
        (analysis.min_cases < 1, "min_cases: must be at least 1"),
        (analysis.replicates < 0, "replicates: must be at least 0"),
        (analysis.threads < 1, "threads: must be at least 1"),
    )


def _combinations(analysis: Analysis) -> tuple[tuple[bool, str], ...]:
    poisson, stratified = analysis.model == "poisson", analysis.randomisation != "conditional"
    both = analysis.span in ("prospective", "retrospective")
    return (
        (
            analysis.model == "permutation" and not both,
            "model: permutation needs place and time; take a prospective or retrospective span",
        ),
        (
            analysis.day_of_week and not (analysis.model == "permutation" and analysis.time_unit == "day"),
            "day_of_week: goes with the permutation model and the time unit day only; leave it out",
        ),
        (
            analysis.log_linear_trend and not (poisson and analysis.span != "spatial"),
            "log_linear_trend: goes with the poisson model over time only; leave it out",
        ),
        (
            stratified and not (poisson and both),
            f"randomisation: {analysis.randomisation} goes with the poisson model in space and time only",
        ),
        (
            analysis.log_linear_trend and analysis.randomisation == "time-stratified",
            "log_linear_trend: time-stratified randomisation already allows for any trend; leave one out",
        ),
        (
            analysis.earlier_analyses_since is not None and analysis.span != "prospective",
            "earlier_analyses_since: goes with a prospective analysis only; leave it out",
        ),
    )


def _data(study: ScanStudy, analysis: Analysis) -> tuple[tuple[bool, str], ...]:
    shape = (len(study.locations.codes), (study.end - study.start).days + 1)
    expected = study.expected
    return (
        (not study.locations.codes, "locations: there are none"),
        (
            analysis.model == "bernoulli" and study.controls is None,
            "controls: the bernoulli model compares cases with controls; give them",
        ),
        (
            analysis.model == "poisson" and (study.population is None) == (expected is None),
            "population: the poisson model takes the population or the expected counts; give one",
        ),
        (
            expected is not None and expected.shape != shape,
            f"expected: must be of shape {shape} (locations, days)",
        ),
        (
            expected is not None and not (np.isfinite(expected).all() and (expected >= 0).all()),
            "expected: must be finite and at least 0 everywhere",
        ),
        (
            analysis.model == "bernoulli" and bool(np.any(study.cases.stratum)),
            "stratum: the bernoulli model takes no covariates; leave them out or take another model",
        ),
    )


def _check_rows(name: str, rows: Counts, study: ScanStudy) -> None:
    days = (study.end - study.start).days + 1
    if (rows.count < 0).any():
        raise ValueError(f"{name}: a count is below 0; correct it")
    _check_locations(name, rows.location, study)
    wrong = np.flatnonzero((rows.day < 0) | (rows.day >= days))
    if len(wrong):
        code = study.locations.codes[rows.location[wrong[0]]]
        raise ValueError(
            f"{name}: {len(wrong)} rows are outside the study ({study.start} to {study.end}), the first at "
            f"location {code}; leave them out or lengthen the study"
        )


def _check_population(study: ScanStudy) -> None:
    if study.population is None:
        return
    _check_locations("population", study.population.location, study)
    people = study.population.people
    if not (np.isfinite(people).all() and (people >= 0).all()):
        raise ValueError("population: must be finite and at least 0 everywhere")


def _check_locations(name: str, location: np.ndarray, study: ScanStudy) -> None:
    count = len(study.locations.codes)
    if ((location < 0) | (location >= count)).any():
        raise ValueError(f"{name}: a row names location number {location.max()}, but there are {count}")
