"""The answer of `surveillance scan` for people: a table, and what each number means."""

import math
from collections.abc import Callable, Iterator, Mapping
from datetime import date

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
    console = Console(markup=False, highlight=False, emoji=False)  # ids are nobody's markup
    console.print(_heading(analysis, given, result))
    if not result.clusters:
        console.print("No cluster was found.")
        return
    table = Table("", *_columns(analysis, given), box=None, padding=(0, 1, 0, 0))
    for rank, cluster in enumerate(result.clusters[:_MOST_SHOWN], 1):
        table.add_row(str(rank), *(_COLUMNS[name](cluster) for name in _columns(analysis, given)))
    for column in table.columns:
        column.justify = "left" if column.header in ("", "where", "when") else "right"
        column.no_wrap = column.header != "where"
    console.print(table)
    for line in _meaning(analysis, result):
        console.print(line)


def _heading(analysis: Analysis, given: ScanInput, result: ScanResult) -> str:
    study = given.study
    days = f", {_days(study.start, study.end)}" if given.dated else ""
    places = _plural(len(study.locations.codes), "location")
    return f"{analysis.model} scan, {analysis.span}: {_plural(result.cases, 'case')} at {places}{days}"


def _plural(number: int, one: str) -> str:
    return f"{number:,} {one}{'' if number == 1 else 's'}"


def _columns(analysis: Analysis, given: ScanInput) -> list[str]:
    """The columns that say something in this analysis."""
    said = {"when": given.dated, "once in": analysis.span == "prospective"}
    return [name for name in _COLUMNS if said.get(name, True)]


def _where(cluster: ScanCluster) -> str:
    if cluster.centre is None:
        return "everywhere"
    others = len(cluster.locations) - 1
    return f"{cluster.centre}\n+ {others:,}, {cluster.radius_km:.2f} km" if others else cluster.centre


def _days(start: date, end: date) -> str:
    return f"{start}" if start == end else f"{start} to {end}"


def _once_in(cluster: ScanCluster) -> str:
    days = cluster.recurrence_interval_days
    return "-" if days is None else f"{days:,.0f} d"


def _risk(cluster: ScanCluster) -> str:
    return f"{cluster.relative_risk:,.2f}" if math.isfinite(cluster.relative_risk) else "no limit"


_COLUMNS: Mapping[str, Callable[[ScanCluster], str]] = {
    "where": _where,
    "when": lambda cluster: _days(cluster.start, cluster.end).replace(" to ", "\nto "),
    "observed": lambda cluster: f"{cluster.observed:,}",
    "expected": lambda cluster: f"{cluster.expected:,.2f}",
    "risk": _risk,
    "statistic": lambda cluster: f"{cluster.statistic:.6f}",
    "p": lambda cluster: "-" if cluster.p_value is None else f"{cluster.p_value:.3g}",
    "once in": _once_in,
}


def _meaning(analysis: Analysis, result: ScanResult) -> Iterator[str]:
    hidden = len(result.clusters) - _MOST_SHOWN
    if hidden > 0:
        yield f"and {hidden:,} weaker ones; --json tells all"
    yield ""
    yield "where: the centre, how many locations more, the distance to the last of them."
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
