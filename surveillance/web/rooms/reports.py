"""Reports made for print, as pages and as PDF."""

from typing import Annotated

import structlog
from fastapi import FastAPI, Query
from fastapi.responses import HTMLResponse, Response
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.web.house import House, needs
from surveillance.web.printing import NotPrinted
from surveillance.web.reports.alert import alert_report
from surveillance.web.reports.weekly import WeeklyReport, weekly_report

log = structlog.get_logger(__name__)
Reader = Annotated[Person, needs(Permission.READ_CASES)]
Anybody = Annotated[Person, needs(Permission.READ_AGGREGATES)]
Name = Annotated[
    str | None, Query(max_length=63, description="Id, or a week such as 2025-W07; the first or last left out")
]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the reports."""

    @app.get("/reports/weekly", response_class=HTMLResponse, include_in_schema=False)
    def weekly(person: Anybody, use_case: Name = None, scope: Name = None, week: Name = None) -> HTMLResponse:
        return print_week(house, person, use_case, scope, week)

    @app.get("/reports/weekly.pdf", include_in_schema=False)
    def weekly_pdf(person: Anybody, use_case: Name = None, scope: Name = None, week: Name = None) -> Response:
        return _pdf(house, person, print_week(house, person, use_case, scope, week), "weekly-report")

    @app.get("/alerts/{alert_id}/report", response_class=HTMLResponse, include_in_schema=False)
    def alert(person: Reader, alert_id: str) -> HTMLResponse:
        return print_alert(house, person, alert_id)

    @app.get("/alerts/{alert_id}/report.pdf", include_in_schema=False)
    def alert_pdf(person: Reader, alert_id: str) -> Response:
        return _pdf(house, person, print_alert(house, person, alert_id), "alert-report")


def print_week(
    house: House, person: Person, use_case: str | None, scope: str | None, week: str | None
) -> HTMLResponse:
    """The report of a week as a page."""
    report = read_week(house, person, use_case, scope, week, "report")
    return house.render("report_weekly.html", person, report=report, support_lines=report.support_lines)


def read_week(
    house: House, person: Person, use_case: str | None, scope: str | None, week: str | None, form: str
) -> WeeklyReport:
    """The report of a week, entered into the audit chain. What is empty was not asked."""
    report = weekly_report(house, person, use_case or None, scope or None, week or None)
    facts = {"form": form, "scope": report.scope, "week": report.week, "full": report.full}
    house.record(person, "viewed", f"weekly-report/{report.use_case}", **facts)
    return report


def print_alert(house: House, person: Person, alert_id: str) -> HTMLResponse:
    """The report of an alert, entered into the audit chain."""
    alert = house.alert(person, alert_id, Permission.READ_CASES)
    report = alert_report(house, alert)
    house.record(person, "viewed", f"alert/{alert.id}", form="report", revision=alert.revision)
    return house.render("report_alert.html", person, report=report, support_lines=report.page.support_lines)


def _pdf(house: House, person: Person, page: HTMLResponse, name: str) -> Response:
    """The page as PDF; where Chromium is not installed, a page that says what to do instead."""
    if house.printer is None:
        return house.render("no_pdf.html", person, status=501)
    try:
        printed = house.printer.pdf(bytes(page.body).decode())
    except NotPrinted as problem:
        log.warning("report not printed", problem=str(problem))
        raise HTTPException(503) from problem
    headers = {"Content-Disposition": f'inline; filename="{name}-{house.now():%Y%m%dT%H%M%SZ}.pdf"'}
    return Response(printed, media_type="application/pdf", headers=headers)
