"""The README's tables of error rates, from the runs that were finished."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from surveillance.configuration import Configuration
from surveillance.evaluation.intervals import Estimate
from surveillance.evaluation.report import Power, Report, make_report
from surveillance.evaluation.runs import FILE, SCAN, finished
from surveillance.evaluation.spread import Line
from surveillance.evaluation.subject import subject_of
from surveillance.evaluation.tables import Table, in_words, markdown, share
from surveillance.use_case.model import UseCase

WRONG = (
    "use case",
    "simulated histories",
    "years",
    "looks",
    "a scan's alert: once in",
    "false scan alerts a year",
    "linked",
    "exceedance",
    "proximity",
    "all in any band",
)
FOUND = (
    "use case",
    "cluster put in",
    "cases, runs",
    "by the scan",
    "median days",
    "by a nightly scan",
    "median days",
    "by links",
    "by anything",
    "median days",
)
SMALLEST = ("use case", "looks", "found by", "smallest cluster found", "half of them found from")
OTHERS = ("links", "exceedance", "proximity")
NONE = "-"


@dataclass(frozen=True)
class _Rated:
    """A use case with what its finished runs say; cell: the null histories that count."""

    use_case: UseCase
    report: Report
    cell: str

    @property
    def ways(self) -> tuple[str, ...]:
        """How it looks, and at midnight only."""
        return tuple(dict.fromkeys((self.use_case.looks, "daily")))

    @property
    def strongest(self) -> str:
        return self.use_case.bands[0].name

    @property
    def weakest(self) -> str:
        return self.use_case.bands[-1].name


def readme_table(configuration: Configuration, output: Path) -> str:
    """What is wrong how often, what is found how soon, and the smallest cluster found: three tables of every
    use case with finished runs below `output`."""
    rated = list(_rated(configuration, output))
    tables = (
        Table("", WRONG, tuple(row for one in rated for row in _wrong(one))),
        Table("", FOUND, tuple(row for one in rated for row in _found(one))),
        Table("", SMALLEST, tuple(row for one in rated for row in _smallest(one))),
    )
    return "\n\n".join(markdown(table) for table in tables)


def null_cells(lines: Iterable[Line]) -> tuple[str, ...]:
    """The kinds of null histories, that with the most years first."""
    years = Counter(line["cell"] for line in lines if "alarms" in line)
    return tuple(cell for cell, _ in years.most_common())


def _rated(configuration: Configuration, output: Path) -> Iterator[_Rated]:
    for use_case in configuration.use_cases.values():
        subject = subject_of(configuration, use_case.id, use_case.scopes[0])
        lines = list(finished(output / use_case.id / FILE, subject.fingerprint).values())
        for cell in null_cells(lines):
            alike = [line for line in lines if line["cell"].split("; ")[-1] == cell]
            yield _Rated(use_case, make_report(use_case, alike, cell), cell)


def _wrong(one: _Rated) -> Iterator[tuple[str, ...]]:
    head: tuple[str, ...] = (one.use_case.title, one.cell, f"{one.report.years:.0f}")
    for looks in one.ways:
        others = (_rate(one, looks, name, one.weakest) for name in (*OTHERS, "combined"))
        yield (*head, _looks(looks), _threshold(one), _rate(one, looks, SCAN, one.strongest), *others)
        head = ("",) * len(head)


def _found(one: _Rated) -> Iterator[tuple[str, ...]]:
    title = one.use_case.title
    for cell in dict.fromkeys(p.cell for p in one.report.power):
        looks = one.use_case.looks
        scan = _power(one, looks, SCAN, one.strongest, cell)
        nightly = _power(one, "daily", SCAN, one.strongest, cell)
        links = _power(one, looks, "links", one.weakest, cell)
        every = _power(one, looks, "combined", one.weakest, cell)
        size = next(f"{p.injected:.1f}, {p.runs}" for p in one.report.power if p.cell == cell)
        yield (
            title,
            cell.split(";")[0],
            size,
            *_both(scan),
            *_both(nightly),
            _both(links)[0],
            *_both(every),
        )
        title = ""


def _smallest(one: _Rated) -> Iterator[tuple[str, ...]]:
    found = {(s.arm, s.band): s for s in one.report.smallest}
    title = one.use_case.title
    for looks in one.ways:
        for name in (SCAN, *OTHERS, "combined"):
            band = one.strongest if name == SCAN else one.weakest
            size = found.get((f"{looks}/{name}", band))
            if size is not None:
                yield title, _looks(looks), name, str(size.ever or NONE), str(size.half or NONE)
                title = ""


def _rate(one: _Rated, looks: str, detector: str, band: str) -> str:
    rates = (f.rate for f in one.report.false_alerts if (f.arm, f.band) == (f"{looks}/{detector}", band))
    return in_words(next(rates, Estimate(None, None, None)))


def _threshold(one: _Rated) -> str:
    """Of the strongest band, for the scan."""
    criteria = one.use_case.bands[0].any_of
    days = [c.recurrence_interval_days for c in criteria if c.detector == SCAN]
    return f"{days[0]:g} days" if days and days[0] is not None else NONE


def _power(one: _Rated, looks: str, detector: str, band: str, cell: str) -> Power | None:
    wanted = (f"{looks}/{detector}", band, cell)
    return next((p for p in one.report.power if (p.arm, p.band, p.cell) == wanted), None)


def _both(power: Power | None) -> tuple[str, str]:
    return (NONE, NONE) if power is None else (share(power.found), in_words(power.days, 1))


def _looks(looks: str) -> str:
    return "midnight" if looks == "daily" else "every event"
