"""The answer of `surveillance scan` for people: a table, and what each number means."""

import math
from collections.abc import Iterator
from datetime import date
from itertools import islice

from rich.console import Console
from rich.table import Table

from surveillance.detection.scan.analysis import Analysis, ScanCluster, ScanResult
from surveillance.scan_files.study import ScanInput

_EXPECTED = {
    "permutation": "as many as if the days of the cases had nothing to do with their places",
    "poisson": "as many as if everybody in the population had the same risk, for their covariates and day",
    "bernoulli": "as many as if cases and controls lay together at random",
}
_MOST_SHOWN = 20


def print_table(analysis: Analysis, given: ScanInput, result: ScanResult) -> None:
    """Prints the clusters, the strongest first, and how to read them."""
    console = Console()
    console.print(_heading(analysis, given, result), highlight=False, markup=False)
    if not result.clusters:
        console.print("No cluster was found.", highlight=False)
        return
    table = Table("", "where", "when", box=None, pad_edge=False)
    once_in = ("once in",) if analysis.span == "prospective" else ()
    for name in ("observed", "expected", "risk", "statistic", "p", *once_in):
        table.add_column(name, justify="right")
    for rank, cluster in enumerate(result.clusters[:_MOST_SHOWN], 1):
        table.add_row(str(rank), *islice(_cells(cluster, given), len(table.columns) - 1))
    console.print(table, markup=False)
    for line in _meaning(analysis, result):
        console.print(line, highlight=False, markup=False)


def _heading(analysis: Analysis, given: ScanInput, result: ScanResult) -> str:
    study = given.study
    days = f", {_days(study.start, study.end)}" if given.dated else ""
    places = len(study.locations.codes)
    return (
        f"{analysis.model} scan, {analysis.span}: {result.cases:,} cases at {places:,} "
        f"{'location' if places == 1 else 'locations'}{days}"
    )


def _cells(cluster: ScanCluster, given: ScanInput) -> Iterator[str]:
    yield _where(cluster)
    yield _days(cluster.start, cluster.end).replace(" to ", "\nto ") if given.dated else "not dated"
    yield f"{cluster.observed:,}"
    yield f"{cluster.expected:,.2f}"
    yield f"{cluster.relative_risk:,.2f}" if math.isfinite(cluster.relative_risk) else "no limit"
    yield f"{cluster.statistic:.6f}"
    yield "-" if cluster.p_value is None else f"{cluster.p_value:.3g}"
    yield "-" if cluster.recurrence_interval_days is None else f"{cluster.recurrence_interval_days:,.0f} d"


def _where(cluster: ScanCluster) -> str:
    if cluster.centre is None:
        return "everywhere"
    others = len(cluster.locations) - 1
    return f"{cluster.centre}\n+ {others:,} within {cluster.radius_km:.2f} km" if others else cluster.centre


def _days(start: date, end: date) -> str:
    return f"{start}" if start == end else f"{start} to {end}"


def _meaning(analysis: Analysis, result: ScanResult) -> Iterator[str]:
    hidden = len(result.clusters) - _MOST_SHOWN
    if hidden > 0:
        yield f"and {hidden:,} weaker ones; --json tells all"
    yield ""
    yield f"expected: {_EXPECTED[analysis.model]}."
    yield "risk: the rate inside, against the rate outside. statistic: the log likelihood ratio."
    if analysis.replicates:
        yield (
            f"p: the share of studies without any true cluster, among {analysis.replicates:,} simulated ones "
            "and this one, whose strongest cluster is at least as strong."
        )
    if analysis.span == "prospective" and analysis.replicates:
        yield (
            "once in: how often chance alone shows one as strong, at one look each "
            + analysis.time_unit
            + "."
        )
    yield "Each of these may be chance."
