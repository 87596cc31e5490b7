"""A report as tables: for people at a terminal, for a page, for the README."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from surveillance.evaluation.intervals import Estimate
from surveillance.evaluation.report import Report


@dataclass(frozen=True)
class Table:
    """Rows of words under a title; numbers are rounded already."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables_of(report: Report) -> tuple[Table, ...]:
    """All tables of a report, none that is empty."""
    years = f"{report.years:.0f} simulated years without a cluster, {report.looks_a_year:.0f} looks a year"
    made = (
        Table(
            f"False alerts a year ({years})",
            ("looks / detector", "band or stronger", "alerts", "a year (95 %)"),
            tuple((f.arm, f.band, str(f.alerts), in_words(f.rate)) for f in report.false_alerts),
        ),
        Table(
            "Episodes of scan alarms a year: alarms within 20 km and 28 days are one",
            ("looks", "recurrence interval", "episodes", "a year (95 %)"),
            tuple(
                (e.looks, f"{e.recurrence_interval_days:.0f} days", str(e.episodes), in_words(e.rate))
                for e in report.episodes
            ),
        ),
        Table(
            "Injected clusters",
            ("cluster", "looks / detector", "band or stronger", "found (95 %)", "median days (95 %)"),
            tuple(
                (
                    f"{p.cell}: {p.runs} of {p.injected:.1f} cases",
                    p.arm,
                    p.band,
                    share(p.found),
                    in_words(p.days, 1),
                )
                for p in report.power
            ),
        ),
        Table(
            "Smallest cluster found, in injected cases",
            ("looks / detector", "band or stronger", "ever", "in half of the runs or more"),
            tuple((s.arm, s.band, _whole(s.ever), _whole(s.half)) for s in report.smallest),
        ),
    )
    return tuple(table for table in made if table.rows)


def in_words(estimate: Estimate, digits: int = 2) -> str:
    """`0.75 (0.61-0.92)`; without the interval where none is known."""
    if estimate.value is None:
        return "-"
    value = f"{estimate.value:.{digits}f}"
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({estimate.low:.{digits}f}-{estimate.high:.{digits}f})"


def share(estimate: Estimate) -> str:
    """`42 % (31-54)`."""
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{100 * estimate.value:.0f} % ({100 * estimate.low:.0f}-{100 * estimate.high:.0f})"


def markdown(table: Table) -> str:
    """A table as Markdown, without its title."""
    rule = tuple("---" for _ in table.columns)
    lines = (table.columns, rule, *table.rows)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def page(title: str, words: Sequence[str], tables: Sequence[Table], pictures: Mapping[str, bytes]) -> str:
    """One HTML file with everything in it: it can be sent, and opens anywhere."""
    parts = [f"<h1>{escape(title)}</h1>", *(f"<p>{escape(one)}</p>" for one in words)]
    for name, picture in pictures.items():
        parts.append(f'<img alt="{escape(name)}" src="data:image/png;base64,{b64encode(picture).decode()}">')
    parts += [_html(table) for table in tables]
    style = (
        "body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}"
        "table{border-collapse:collapse;width:100%}img{max-width:100%}"
        "td,th{border-bottom:1px solid #ccc;padding:.2rem .6rem;text-align:left}"
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body>{''.join(parts)}</body></html>\n"
    )


def _html(table: Table) -> str:
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in table.columns)
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows
    )
    return f"<h2>{escape(table.title)}</h2><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _whole(number: int | None) -> str:
    return "-" if number is None else str(number)
