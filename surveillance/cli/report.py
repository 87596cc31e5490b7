"""surveillance report: the reports of the pages, as files."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.cli.errors import Mistake
from surveillance.deciding import Desk
from surveillance.settings import Settings
from surveillance.web.app import make_renderer
from surveillance.web.asked import BadParameter
from surveillance.web.house import House, OpenDoor
from surveillance.web.printing import NotPrinted, find_printer, on_its_own
from surveillance.web.reading import Reading
from surveillance.web.rooms.reports import print_alert, print_week

app = typer.Typer(no_args_is_help=True)

_OUT = typer.Option("--out", help="The file that is written; only you can read it.")
_PDF = typer.Option("--pdf", help="Write PDF, by headless Chromium, instead of HTML.")
_SUPPRESSED = typer.Option("--suppressed", help="Published counts instead of small numbers.")


def add_to(commands: typer.Typer) -> None:
    """Adds these commands."""
    commands.add_typer(app, name="report", help="Reports made for print.")


@app.command()
def weekly(
    out: Annotated[Path, _OUT],
    use_case: Annotated[str | None, typer.Option(help="The first one where left out.")] = None,
    scope: Annotated[str | None, typer.Option(help="The first of the use case where left out.")] = None,
    week: Annotated[str | None, typer.Option(help="Such as 2025-W07; the last whole one.")] = None,
    pdf: Annotated[bool, _PDF] = False,
    suppressed: Annotated[bool, _SUPPRESSED] = False,
) -> None:
    """The report of a week: cases against usual, alerts, how late partners run."""
    role = Role.VIEWER if suppressed else Role.LEAD
    _write(out, pdf, role, lambda house, person: print_week(house, person, use_case, scope, week))


@app.command()
def alert(alert_id: str, out: Annotated[Path, _OUT], pdf: Annotated[bool, _PDF] = False) -> None:
    """The report of one alert."""
    _write(out, pdf, Role.LEAD, lambda house, person: print_alert(house, person, alert_id))


def _write(out: Path, pdf: bool, role: Role, make: Callable[[House, Person], HTMLResponse]) -> None:
    with _house() as house:
        try:
            page = bytes(make(house, Person("command line", (Grant(role),))).body).decode()
        except HTTPException as problem:
            raise Mistake("no such use case, scope or alert; see: surveillance alerts list") from problem
        except BadParameter as problem:
            raise Mistake(f"--{problem.field}: {problem.problem}") from problem
        content = _printed(house, page) if pdf else on_its_own(page).encode()
    out.touch(mode=0o600)
    out.write_bytes(content)
    typer.echo(f"written: {out}")


def _printed(house: House, page: str) -> bytes:
    if house.printer is None:
        raise Mistake("Chromium is not installed, or set chromium to its path; or leave out --pdf")
    try:
        return house.printer.pdf(page)
    except NotPrinted as problem:
        raise Mistake(f"no PDF: {problem}") from problem


@contextmanager
def _house() -> Iterator[House]:
    settings = Settings()
    if settings.audit_key is None:
        raise Mistake("SURVEILLANCE_AUDIT_KEY: missing; a report is entered into the audit chain")
    with Reading.open(settings) as reading:
        yield House(
            reading,
            Desk(reading.configuration, reading.store),
            make_renderer(reading),
            OpenDoor(),
            audit_key=settings.audit_key.get_secret_value().encode(),
            printer=find_printer(settings.chromium),
        )
