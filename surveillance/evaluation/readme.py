"""The README's table of error rates, from the runs that were finished."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from surveillance.configuration import Configuration
from surveillance.evaluation.report import FalseAlerts, Power, Report, make_report
from surveillance.evaluation.runs import FILE, Line, finished
from surveillance.evaluation.subject import subject_of
from surveillance.evaluation.tables import Table, in_words, markdown, share
from surveillance.use_case.model import UseCase

COLUMNS = (
    "use case",
    "looks",
    "years",
    "cases",
    "false scan alerts a year, once in 365 days or rarer",
    "the same with the other looks",
    "false linked alerts a year",
    "injected cluster",
    "found by the scan",
    "by anything",
    "after days",
)
OTHER = {"every_event": "daily", "daily": "every_event"}
SCAN, LINKS = "permutation-scan", "links"


def readme_table(configuration: Configuration, output: Path) -> str:
    """One row for each use case with finished runs below `output`, and each kind of cluster put in."""
    rows: list[tuple[str, ...]] = []
    for use_case in configuration.use_cases.values():
        subject = subject_of(configuration, use_case.id, use_case.scopes[0])
        lines = list(finished(output / use_case.id / FILE, subject.fingerprint).values())
        cell = plain_cell(lines)
        if cell is not None:
            rows += _rows(use_case, make_report(use_case, lines, cell), cell)
    return markdown(Table("", COLUMNS, tuple(rows)))


def plain_cell(lines: Iterable[Line]) -> str | None:
    """The null histories without special circumstances that there are most of."""
    plain = Counter(line["cell"] for line in lines if "alarms" in line and "," not in line["cell"])
    return plain.most_common(1)[0][0] if plain else None


def _rows(use_case: UseCase, report: Report, cell: str) -> Iterable[tuple[str, ...]]:
    severe, weakest = use_case.bands[0].name, use_case.bands[-1].name
    looks = use_case.looks
    head: tuple[str, ...] = (
        use_case.title,
        looks.replace("_", " "),
        f"{report.years:.0f}",
        cell.removesuffix(" cases a year"),
        _rate(report.false_alerts, f"{looks}/{SCAN}", severe),
        _rate(report.false_alerts, f"{OTHER[looks]}/{SCAN}", severe),
        _rate(report.false_alerts, f"{looks}/{LINKS}", weakest),
    )
    kinds = [
        p for p in report.power if p.arm == f"{looks}/{SCAN}" and p.band == severe and p.cell.endswith(cell)
    ]
    for power in kinds:
        combined = next((p for p in report.power if _same_but_combined(p, power, looks, weakest)), power)
        yield (
            *head,
            power.cell.split(";")[0],
            share(power.found),
            share(combined.found),
            in_words(combined.days, 1),
        )
        head = ("",) * len(head)
    if not kinds:
        yield (*head, "", "", "", "")


def _same_but_combined(one: Power, other: Power, looks: str, band: str) -> bool:
    return one.cell == other.cell and one.arm == f"{looks}/combined" and one.band == band


def _rate(rates: Iterable[FalseAlerts], arm: str, band: str) -> str:
    found = next((one for one in rates if (one.arm, one.band) == (arm, band)), None)
    return "-" if found is None else in_words(found.rate)
