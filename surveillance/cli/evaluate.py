"""surveillance evaluate: how often a configuration is wrong, and how soon it is right."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli.errors import Mistake
from surveillance.cli.progress import console, progress_bar
from surveillance.configuration import Configuration, load_configuration
from surveillance.evaluation import stored
from surveillance.evaluation.plans import Plan, runs_of
from surveillance.evaluation.readme import readme_table
from surveillance.evaluation.runs import FILE, finished, run_all
from surveillance.evaluation.simulated import Background
from surveillance.evaluation.subject import Subject, subject_of
from surveillance.evaluation.writing import write_report
from surveillance.settings import Settings
from surveillance.store.database import Store

_DEFAULT_OUTPUT = Path("var/evaluation")
CASES_A_YEAR = {"incident": 290.0, "admission": 5000.0}


def add_to(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(evaluate)


def evaluate(
    use_case: Annotated[str | None, typer.Option(help="The use case's id.")] = None,
    scope: Annotated[str | None, typer.Option(help="Default: the use case's first.")] = None,
    years: Annotated[int, typer.Option(help="Simulated years without a cluster.", min=0)] = 10,
    clusters: Annotated[int, typer.Option(help="Injected clusters of each kind.", min=0)] = 20,
    cases_a_year: Annotated[
        float | None, typer.Option(help="Default: 290 incidents, 5,000 admissions.")
    ] = None,
    relative_risk: Annotated[
        list[float] | None, typer.Option(help="Of injected clusters; may be repeated.")
    ] = None,
    extra: Annotated[list[int] | None, typer.Option(help="Injected cases; may be repeated.")] = None,
    radius_km: Annotated[float, typer.Option(help="Of injected clusters.")] = 5.0,
    days: Annotated[int, typer.Option(help="That injected clusters last.", min=1)] = 14,
    unmodelled_log_sd: Annotated[
        float, typer.Option(help="Smooth differences between areas beyond population.")
    ] = 0.0,
    slow_share: Annotated[float, typer.Option(help="Share of areas reported five times later.")] = 0.0,
    joined_share: Annotated[float, typer.Option(help="Share of areas covered since 60 days only.")] = 0.0,
    first_seed: Annotated[
        int, typer.Option(help="Of the histories; others than a threshold was chosen from.", min=0)
    ] = 0,
    detector: Annotated[
        list[str] | None,
        typer.Option(help="Only this one, by itself; may be repeated. Default: each, and all together."),
    ] = None,
    past_days: Annotated[
        int | None,
        typer.Option(help="That partners have reported; default: as long as any detector looks back.", min=1),
    ] = None,
    output: Annotated[Path, typer.Option(help="Where runs and reports are written.")] = _DEFAULT_OUTPUT,
    scheduler: Annotated[
        str | None, typer.Option(help="A Dask scheduler, tcp://host:8786; default: this machine's cores.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes on this machine; default: its cores.")
    ] = None,
    from_store: Annotated[
        bool, typer.Option("--stored", help="What it would have raised on the stored history.")
    ] = False,
    start: Annotated[
        datetime | None, typer.Option(help="With --stored: first day.", formats=["%Y-%m-%d"])
    ] = None,
    end: Annotated[
        datetime | None, typer.Option(help="With --stored: last day.", formats=["%Y-%m-%d"])
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    as_readme: Annotated[
        bool, typer.Option("--readme-table", help="Print the README's table of all runs in the output.")
    ] = False,
) -> None:
    """Replay histories as they were known at each moment through the service's own looks.

    A run that was finished is never done again: start the same command once more to go on.
    """
    configuration = load_configuration(Settings().config_dir)
    if as_readme:
        typer.echo(readme_table(configuration, output))
        return
    subject = _subject(configuration, use_case, scope)
    if from_store:
        _stored(subject, start and start.date(), end and end.date(), as_json)
        return
    rate = cases_a_year or CASES_A_YEAR[subject.use_case.records]
    background = Background(rate, unmodelled_log_sd, slow_share, joined_share, past_days=past_days)
    injected = tuple(relative_risk or ()), tuple(extra or ()), radius_km, days
    plan = Plan(background, years, clusters, *injected, first_seed, _chosen(subject, detector))
    _simulate(subject, plan, output / subject.use_case.id, scheduler, workers, as_json)


def _subject(configuration: Configuration, use_case: str | None, scope: str | None) -> Subject:
    if use_case is None or use_case not in configuration.use_cases:
        raise Mistake(f"use case {use_case}: there is none; use one of: {', '.join(configuration.use_cases)}")
    scopes = configuration.use_cases[use_case].scopes
    chosen = scope or scopes[0]
    if chosen not in scopes:
        raise Mistake(f"scope {chosen}: {use_case} is not evaluated there; use one of: {', '.join(scopes)}")
    return subject_of(configuration, use_case, chosen)


def _chosen(subject: Subject, detectors: list[str] | None) -> tuple[str, ...] | None:
    known = dict.fromkeys(one.name for one in subject.use_case.detectors)
    for name in detectors or ():
        if name not in known:
            raise Mistake(
                f"--detector {name}: {subject.use_case.id} has none; use one of: {', '.join(known)}"
            )
    return tuple(detectors) if detectors else None


def _simulate(
    subject: Subject, plan: Plan, folder: Path, scheduler: str | None, workers: int | None, as_json: bool
) -> None:
    if subject.region.inside.population is None:
        raise Mistake(f"scope {subject.region.scope.id}: its area file has no populations to simulate from")
    runs = runs_of(plan)
    path = folder / FILE
    done = finished(path, subject.fingerprint)
    with progress_bar() as progress:
        task = progress.add_task(f"replaying {subject.use_case.id}", total=len(runs))
        progress.update(task, completed=sum(run.key in done for run in runs))
        for _ in run_all(subject, runs, path, scheduler, workers):
            progress.advance(task)
    lines = finished(path, subject.fingerprint)
    typer.echo(write_report(subject, [lines[run.key] for run in runs], plan, folder, as_json))
    console.print(f"report: {folder / 'report.html'}", highlight=False, soft_wrap=True)


def _stored(subject: Subject, start: date | None, end: date | None, as_json: bool) -> None:
    store = Store.open(Settings().database)
    store.check_schema()
    last = end or datetime.now(subject.region.zone).date() - timedelta(days=1)
    first = start or last - timedelta(days=364)
    if first > last:
        raise Mistake(f"--start {first} is after --end {last}; give an earlier one")
    with progress_bar() as progress:
        task = progress.add_task("replaying what is stored", total=(last - first).days + 1)
        found = stored.replay_stored(subject, store, first, last, lambda: progress.advance(task))
    store.close()
    typer.echo(stored.as_text(found, as_json))
