"""surveillance scan: a scan statistic over files, with neither broker nor database nor configuration."""

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

_FILES = "Files"
_COLUMNS = "Columns of the files"
_WINDOW = "Which clusters are looked at"
_MODEL = "Model and inference"
_OUTPUT = "Output"


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(scan)


def scan(
    cases: Annotated[
        Path, typer.Option(help="CSV with a header, or SaTScan's .cas.", rich_help_panel=_FILES)
    ],
    locations: Annotated[
        Path | None,
        typer.Option(
            help="CSV with latitude and longitude, or x_km and y_km; or SaTScan's .geo.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    controls: Annotated[
        Path | None, typer.Option(help="As --cases; or SaTScan's .ctl.", rich_help_panel=_FILES)
    ] = None,
    population: Annotated[
        Path | None,
        typer.Option(
            help="CSV of people at risk by location and, if it changes, date; or SaTScan's .pop.",
            rich_help_panel=_FILES,
        ),
    ] = None,
    location_column: Annotated[
        list[str] | None,
        typer.Option(
            help="The location's id. Repeat it where files name it differently. "
            "Default: the column that a file shares with the locations.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    date_column: Annotated[
        list[str] | None,
        typer.Option(
            help="YYYY-MM-DD, YYYY/MM/DD, YYYY-MM or YYYY. Repeatable. Default: date, day, month, year.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    count_column: Annotated[
        list[str] | None,
        typer.Option(
            help="How many. Repeatable. Default: cases, controls or population, or count; "
            "a row without one is one case or control.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            help="A column to adjust for, such as age_group, in cases and population. Repeatable.",
            rich_help_panel=_COLUMNS,
        ),
    ] = None,
    coordinates: Annotated[
        Literal["degrees", "km"] | None,
        typer.Option(help="Where a file could mean both. Default: degrees.", rich_help_panel=_COLUMNS),
    ] = None,
    model: Annotated[
        Literal["permutation", "poisson", "bernoulli"] | None,
        typer.Option(
            help="Default: poisson with --population, bernoulli with --controls, else permutation.",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    analysis: Annotated[
        Literal["prospective", "retrospective", "spatial", "temporal"],
        typer.Option(
            help="Prospective: clusters still going on at the end. Retrospective: any days.",
            rich_help_panel=_MODEL,
        ),
    ] = "prospective",
    start: Annotated[str | None, typer.Option(help="First day of the study.", rich_help_panel=_MODEL)] = None,
    end: Annotated[
        str | None,
        typer.Option(help="Last day of the study; cases outside it are left out.", rich_help_panel=_MODEL),
    ] = None,
    time_unit: Annotated[
        Literal["day", "week", "month", "year"],
        typer.Option(help="What windows are made of.", rich_help_panel=_WINDOW),
    ] = "day",
    max_share: Annotated[
        float | None,
        typer.Option(
            help="Largest circle, as a share of the cases (permutation), the population (poisson) or both "
            "cases and controls (bernoulli). Default: 0.5.",
            rich_help_panel=_WINDOW,
        ),
    ] = None,
    max_radius_km: Annotated[
        float | None, typer.Option(help="Largest circle, in km.", rich_help_panel=_WINDOW)
    ] = None,
    min_window: Annotated[
        int | None, typer.Option(help="In time units. Default: 1.", rich_help_panel=_WINDOW)
    ] = None,
    max_window: Annotated[
        int | None, typer.Option(help="In time units; or --max-window-share.", rich_help_panel=_WINDOW)
    ] = None,
    max_window_share: Annotated[
        float | None, typer.Option(help="Of the study period. Default: 0.5.", rich_help_panel=_WINDOW)
    ] = None,
    min_cases: Annotated[
        int, typer.Option(help="Fewest cases of a cluster of high rates.", rich_help_panel=_WINDOW)
    ] = 2,
    rates: Annotated[
        Literal["high", "low", "high-or-low"],
        typer.Option(help="More cases than expected, fewer, or both.", rich_help_panel=_WINDOW),
    ] = "high",
    secondary: Annotated[
        Literal["no-overlap", "no-centre-in-more-likely", "none"],
        typer.Option(
            help="Which clusters beside the strongest are told: those that share no location with a stronger "
            "one, those whose centre lies in no stronger one, or the strongest of every centre.",
            rich_help_panel=_WINDOW,
        ),
    ] = "no-overlap",
    day_of_week: Annotated[
        bool, typer.Option("--day-of-week", help="Adjust for weekdays (permutation).", rich_help_panel=_MODEL)
    ] = False,
    trend: Annotated[
        Literal["log-linear"] | None,
        typer.Option(help="Adjust for a trend over time (poisson).", rich_help_panel=_MODEL),
    ] = None,
    randomisation: Annotated[
        Literal["time-stratified", "space-stratified"] | None,
        typer.Option(
            help="Adjust for any pattern over time, or over space (poisson).", rich_help_panel=_MODEL
        ),
    ] = None,
    earlier_analyses_since: Annotated[
        str | None,
        typer.Option(
            help="Day of the first analysis: p-values allow for all since then (prospective).",
            rich_help_panel=_MODEL,
        ),
    ] = None,
    replicates: Annotated[
        int, typer.Option(help="Simulated studies; 0 for no p-value.", rich_help_panel=_MODEL)
    ] = 999,
    seed: Annotated[
        int, typer.Option(help="Same files, options and seed: same answer.", rich_help_panel=_MODEL)
    ] = 1,
    threads: Annotated[
        int, typer.Option(help="Changes no result. Default: all cores.", rich_help_panel=_MODEL)
    ] = os.cpu_count() or 1,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, numbers in full.", rich_help_panel=_OUTPUT)
    ] = False,
    maxima: Annotated[
        bool,
        typer.Option(
            "--maxima", help="With --json: each replicate's maximum, sorted.", rich_help_panel=_OUTPUT
        ),
    ] = False,
    geojson: Annotated[
        Path | None,
        typer.Option(help="Write circles and their locations to this file.", rich_help_panel=_OUTPUT),
    ] = None,
    map_: Annotated[
        Path | None,
        typer.Option("--map", help="Draw a map to this .png or .svg file.", rich_help_panel=_OUTPUT),
    ] = None,
) -> None:
    """Look for clusters in files of cases: the scan statistics of SaTScan, from CSV or from its own files.

    \b
    surveillance scan --cases tests/reference/cases/nyc_fever_2001_cases.csv
      --locations tests/reference/cases/nyc_fever_2001_zip_centroids.csv
      --start 2001-11-01 --end 2001-11-24 --max-window 7 --max-radius-km 3
    """
    given = {name: [] if value is None and name in _REPEATABLE else value for name, value in locals().items()}
    # Imported here because the numerics take a second to load, and --help needs none of them.
    from surveillance.cli.scan_options import ScanOptions
    from surveillance.cli.scan_run import run

    run(ScanOptions(map=given.pop("map_"), **given))


_REPEATABLE = frozenset({"location_column", "date_column", "count_column", "covariate"})
