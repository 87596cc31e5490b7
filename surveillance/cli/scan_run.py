"""One run of `surveillance scan`: read, scan, tell."""

import json

import numpy as np
import typer

from surveillance.cli.errors import Mistake
from surveillance.cli.progress import console, progress_bar
from surveillance.cli.scan_document import document, feature_collection
from surveillance.cli.scan_options import ScanOptions, analysis_of
from surveillance.cli.scan_table import print_table
from surveillance.detection.scan.analysis import Analysis, ScanResult
from surveillance.detection.scan.engine import run_scan
from surveillance.scan_files.study import ScanInput, read_scan

# Fields of the engine whose option is called otherwise.
_OPTIONS = {"span": "--analysis", "log_linear_trend": "--trend", "stratum": "--covariate"}


def run(options: ScanOptions) -> None:
    """Reads the files, scans, and writes everything asked for. Errors that a person can mend: in words."""
    analysis = analysis_of(options)
    given = read_scan(options.files, options.columns, analysis.span, analysis.time_unit, *options.period)
    _remark(options, given)
    result = _scan(given, analysis, options.seed)
    if options.as_json:
        typer.echo(_as_text(document(options, analysis, given, result)))
    else:
        print_table(analysis, given, result)
    if options.geojson is not None:
        options.geojson.write_text(_as_text(feature_collection(given, result)) + "\n", encoding="utf-8")
    if options.map is not None:
        from surveillance.cli.scan_map import draw_map  # the drawing library loads slowly

        draw_map(options.map, given, analysis, result)


def _scan(given: ScanInput, analysis: Analysis, seed: int) -> ScanResult:
    with progress_bar(quiet=not console.is_terminal) as progress:
        task = progress.add_task("simulating", total=analysis.replicates)

        def report(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        try:
            return run_scan(given.study, analysis, np.random.default_rng(seed), report)
        except ValueError as error:
            field, told, words = str(error).partition(": ")
            if not told or not field.isidentifier():
                raise  # a defect, not a study that the engine refuses by field and fix
            raise Mistake(f"{_OPTIONS.get(field, '--' + field.replace('_', '-'))}: {words}") from error


def _remark(options: ScanOptions, given: ScanInput) -> None:
    """What a person might not expect: a plane taken for degrees, or cases that are not looked at."""
    geo = options.locations is not None and options.locations.suffix.lower() == ".geo"
    if geo and options.coordinates is None and given.study.locations.metric == "great_circle":
        words = "read as latitude and longitude; if it holds x and y, add --coordinates km"
        console.print(f"{options.locations}: {words}", highlight=False, markup=False, soft_wrap=True)
    for reason, number in given.left_out.items():
        if number:
            console.print(f"left out: {number:,} {reason.replace('_', ' ')}", highlight=False)


def _as_text(content: object) -> str:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
