"""The options of `surveillance scan`: what they mean together, and which contradict each other."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from surveillance.cli.errors import Mistake
from surveillance.detection.scan.analysis import (
    Analysis,
    Model,
    Randomisation,
    Rates,
    Secondary,
    Span,
    TimeUnit,
)
from surveillance.scan_files.columns import ColumnChoice, CoordinatesIn
from surveillance.scan_files.days import Moment, read_moment
from surveillance.scan_files.study import ScanFiles

PICTURES = (".png", ".svg")


@dataclass(frozen=True)
class ScanOptions:
    """As given on the command line, under the same names; None where an option was left out."""

    cases: Path
    locations: Path | None
    controls: Path | None
    population: Path | None
    model: Model | None
    analysis: Span
    start: str | None
    end: str | None
    time_unit: TimeUnit
    location_column: list[str]
    date_column: list[str]
    count_column: list[str]
    covariate: list[str]
    coordinates: CoordinatesIn | None
    max_share: float | None
    max_radius_km: float | None
    min_window: int | None
    max_window: int | None
    max_window_share: float | None
    min_cases: int
    rates: Rates
    secondary: Secondary
    day_of_week: bool
    trend: Literal["log-linear"] | None
    randomisation: Literal["time-stratified", "space-stratified"] | None
    earlier_analyses_since: str | None
    replicates: int
    seed: int
    threads: int
    as_json: bool
    maxima: bool
    geojson: Path | None
    map: Path | None

    @property
    def files(self) -> ScanFiles:
        """Where to read from."""
        return ScanFiles(self.cases, self.locations, self.controls, self.population)

    @property
    def columns(self) -> ColumnChoice:
        """What was said of the columns."""
        return ColumnChoice(
            self.location_column, self.date_column, self.count_column, self.covariate, self.coordinates
        )

    @property
    def in_space(self) -> bool:
        """Whether clusters have a place."""
        return self.analysis != "temporal"

    @property
    def in_time(self) -> bool:
        """Whether clusters have days."""
        return self.analysis != "spatial"

    @property
    def chosen_model(self) -> Model:
        """The model; where none was named, the one that the files are for."""
        by_files: Model = "permutation"
        if self.population is not None:
            by_files = "poisson"
        elif self.controls is not None:
            by_files = "bernoulli"
        return self.model or by_files

    @property
    def period(self) -> tuple[date | None, date | None]:
        """First and last day of the study. Raises Mistake where a text is no day."""
        first = None if self.start is None else _moment("--start", self.start).first
        last = None if self.end is None else _moment("--end", self.end).last
        return first, last


def analysis_of(options: ScanOptions) -> Analysis:
    """The analysis that is asked for; raises Mistake with every contradiction, each with its fix."""
    words = [words for applies, words in _CONTRADICTIONS if applies(options)]
    words += _outputs(options)
    if words:
        raise Mistake("\n".join(words))
    window_share = options.max_window_share
    if options.in_time and options.max_window is None and window_share is None:
        window_share = 0.5
    since = options.earlier_analyses_since
    return Analysis(
        model=options.chosen_model,
        span=options.analysis,
        time_unit=options.time_unit,
        max_share=0.5 if options.max_share is None else options.max_share,
        max_radius_km=options.max_radius_km,
        min_window=1 if options.min_window is None else options.min_window,
        max_window=options.max_window,
        max_window_share=window_share,
        min_cases=options.min_cases,
        replicates=options.replicates,
        day_of_week=options.day_of_week,
        log_linear_trend=options.trend is not None,
        randomisation=_randomisation(options),
        earlier_analyses_since=None if since is None else _moment("--earlier-analyses-since", since).first,
        secondary=options.secondary,
        rates=options.rates,
        threads=options.threads,
    )


def _randomisation(options: ScanOptions) -> Randomisation:
    return "conditional" if options.randomisation is None else options.randomisation


def _moment(option: str, text: str) -> Moment:
    try:
        return read_moment(text)
    except ValueError as error:
        raise Mistake(f"{option}: {text!r} {error}") from None


def _share_fails(share: float | None) -> bool:
    return share is not None and not 0.0 < share <= 1.0


def _since_is_outside(o: ScanOptions) -> bool:
    first, last = o.period
    if o.earlier_analyses_since is None or first is None or last is None:
        return False
    return not first <= _moment("--earlier-analyses-since", o.earlier_analyses_since).first <= last


def _ends_first(o: ScanOptions) -> bool:
    first, last = o.period
    return first is not None and last is not None and last < first


# When an option contradicts another one, and what to do about it.
_CONTRADICTIONS: tuple[tuple[Callable[[ScanOptions], bool], str], ...] = (
    (
        lambda o: o.chosen_model == "poisson" and o.population is None,
        "--model poisson: needs --population FILE; or use --model permutation, which needs none",
    ),
    (
        lambda o: o.chosen_model == "bernoulli" and o.controls is None,
        "--model bernoulli: needs --controls FILE",
    ),
    (
        lambda o: o.population is not None and o.chosen_model != "poisson",
        "--population: only --model poisson looks at it; leave one of the two out",
    ),
    (
        lambda o: o.controls is not None and o.chosen_model != "bernoulli",
        "--controls: only --model bernoulli looks at them; leave one of the two out",
    ),
    (
        lambda o: o.chosen_model == "permutation" and o.analysis in ("spatial", "temporal"),
        "--model permutation: is of space and time together; use --analysis prospective or retrospective, "
        "or give --population or --controls for another model",
    ),
    (
        lambda o: o.locations is None and o.in_space,
        "--locations: needed to know where the cases are; only --analysis temporal does without",
    ),
    (
        lambda o: (o.start is None) != (o.end is None),
        "--start, --end: give both, the first and the last day of the study",
    ),
    (
        lambda o: o.start is None and o.end is None and o.in_time,
        "--start, --end: give the first and the last day of the study, such as --start 2024-01-01",
    ),
    (_ends_first, "--end: is before --start; swap them"),
    (
        lambda o: o.model == "bernoulli" and bool(o.covariate),
        "--covariate: the Bernoulli model adjusts for none; compare like with like by the choice of controls",
    ),
    (
        lambda o: o.day_of_week and o.chosen_model != "permutation",
        "--day-of-week: only with --model permutation; leave it out",
    ),
    (
        lambda o: o.day_of_week and o.time_unit != "day",
        "--day-of-week: only with --time-unit day; a longer unit holds every weekday",
    ),
    (
        lambda o: o.trend is not None and o.chosen_model != "poisson",
        "--trend: only with --model poisson; leave it out",
    ),
    (
        lambda o: o.trend is not None and not o.in_time,
        "--trend: a purely spatial analysis has no time; leave it out",
    ),
    (
        lambda o: o.trend is not None and o.randomisation == "time-stratified",
        "--trend: --randomisation time-stratified adjusts for time already; leave one of the two out",
    ),
    (
        lambda o: o.randomisation is not None and o.chosen_model != "poisson",
        "--randomisation: only with --model poisson; leave it out",
    ),
    (
        lambda o: o.randomisation is not None and not (o.in_space and o.in_time),
        "--randomisation: needs space and time; use --analysis prospective or retrospective",
    ),
    (
        lambda o: o.earlier_analyses_since is not None and o.analysis != "prospective",
        "--earlier-analyses-since: only with --analysis prospective; leave it out",
    ),
    (
        _since_is_outside,
        "--earlier-analyses-since: lies outside the study; give the day of the first analysis",
    ),
    (
        lambda o: (
            not o.in_time and any(w is not None for w in (o.min_window, o.max_window, o.max_window_share))
        ),
        "--min-window, --max-window, --max-window-share: a purely spatial analysis has no window; "
        "leave them out",
    ),
    (
        lambda o: o.max_window is not None and o.max_window_share is not None,
        "--max-window, --max-window-share: give one of the two",
    ),
    (
        lambda o: o.max_window is not None and o.max_window < (o.min_window or 1),
        "--max-window: is shorter than --min-window (1 unless given); make it longer",
    ),
    (
        lambda o: o.min_window is not None and o.min_window < 1,
        "--min-window: give a whole number of time units, at least 1",
    ),
    (
        lambda o: not o.in_space and any(v is not None for v in (o.max_share, o.max_radius_km)),
        "--max-share, --max-radius-km: a purely temporal analysis has no circle; leave them out",
    ),
    (
        lambda o: _share_fails(o.max_share),
        "--max-share: give a share above 0 and at most 1, such as 0.5; a radius alone is "
        "--max-radius-km R --max-share 1",
    ),
    (
        lambda o: _share_fails(o.max_window_share),
        "--max-window-share: give a share above 0 and at most 1, such as 0.5",
    ),
    (
        lambda o: o.max_radius_km is not None and not 0.0 < o.max_radius_km < float("inf"),
        "--max-radius-km: give a radius above 0",
    ),
    (lambda o: o.min_cases < 1, "--min-cases: give a whole number, at least 1"),
    (lambda o: o.replicates < 0, "--replicates: give a whole number, such as 999; 0 for no p-value"),
    (lambda o: o.seed < 0, "--seed: give a whole number, 0 or more"),
    (lambda o: o.threads < 1, "--threads: give a whole number, at least 1"),
    (
        lambda o: o.maxima and not o.as_json,
        "--maxima: they are part of the JSON; add --json",
    ),
    (
        lambda o: o.maxima and o.replicates == 0,
        "--maxima: there are none with --replicates 0; give at least 1",
    ),
    (
        lambda o: not o.in_space and (o.geojson is not None or o.map is not None),
        "--geojson, --map: a purely temporal cluster has no place; leave them out",
    ),
)


def _outputs(options: ScanOptions) -> Iterator[str]:
    """Files that could not be written once a long run is done, or would overwrite what was read."""
    files = options.files
    read = {
        path.resolve() for path in (files.cases, files.locations, files.controls, files.population) if path
    }
    for option, path in (("--geojson", options.geojson), ("--map", options.map)):
        if path is None:
            continue
        if path.resolve() in read:
            yield f"{option} {path}: is one of the files to read; name another one"
        elif path.is_dir() or not path.resolve().parent.is_dir():
            yield f"{option} {path}: there is no such directory to write a file in; make it first"
    if options.map is not None and options.map.suffix.lower() not in PICTURES:
        yield f"--map {options.map}: name a .png or .svg file"
    if options.map is not None and options.geojson == options.map:
        yield "--map, --geojson: name two files"
