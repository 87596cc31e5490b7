"""A report as files: JSON, plots, and one page with all of it."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from surveillance.evaluation.plans import Plan
from surveillance.evaluation.plots import plots
from surveillance.evaluation.report import make_report
from surveillance.evaluation.spread import Line
from surveillance.evaluation.subject import Subject
from surveillance.evaluation.tables import markdown, page, tables_of

LIMITS = (
    "Every history is simulated on real areas and replayed as it was known at each moment, through the code "
    "that the service runs. Simulated partners report late, revise and withdraw as they are assumed to; what "
    "people share (schools, employers, care homes) is assumed too, not measured."
)


def write_report(subject: Subject, lines: Sequence[Line], plan: Plan, folder: Path, as_json: bool) -> str:
    """Writes report.json, report.html and the plots into `folder`; returns the report as text."""
    report = make_report(subject.use_case, lines, plan.null_cell)
    tables = tables_of(report)
    folder.mkdir(parents=True, exist_ok=True)
    content = json.dumps(asdict(report), indent=2)
    (folder / "report.json").write_text(content + "\n")
    pictures = plots(report, subject.use_case.bands[0].name)
    for name, picture in pictures.items():
        (folder / name).write_bytes(picture)
    words = (f"{subject.use_case.title}, {subject.region.scope.title}; {plan.null_cell}.", LIMITS)
    (folder / "report.html").write_text(
        page(f"Error rates: {subject.use_case.title}", words, tables, pictures)
    )
    if as_json:
        return content
    return "\n\n".join(f"{table.title}\n\n{markdown(table)}" for table in tables)
