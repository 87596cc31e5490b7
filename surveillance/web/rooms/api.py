"""What the pages show, as JSON: for programs with a token, and for scripts of the pages."""

from typing import Annotated, Any

from fastapi import FastAPI, Query, Request
from fastapi.responses import Response
from pydantic import Field

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.web.api import models_alerts, models_cases, models_reports
from surveillance.web.api.answer import GEOJSON, PROBLEMS, UNCHANGED, answer
from surveillance.web.api.geojson import (
    AlertFeatures,
    FeatureCollection,
    features_of_alert,
    features_of_alerts,
)
from surveillance.web.api.openapi import describe
from surveillance.web.asked import AskedPage
from surveillance.web.detail import AlertPage, alert_page
from surveillance.web.house import House, needs
from surveillance.web.paged import alerts_page, part_of_alerts
from surveillance.web.queue import Asked
from surveillance.web.rooms.cases import read_cases, read_record
from surveillance.web.rooms.queue import AskingFor
from surveillance.web.rooms.reports import Anybody, Name, read_week


class GeoJson(Response):
    """How GeoJSON is sent."""

    media_type = GEOJSON


Reader = Annotated[Person, needs(Permission.READ_CASES)]


class AskingAlerts(AskingFor):
    """The query of a page of alerts."""

    size: Annotated[int, Field(ge=1, le=100, description="How many alerts a page holds")] = 25


def add_to(app: FastAPI, house: House) -> None:
    """Adds the API."""
    _add_geojson(app, house)  # before the alerts, whose ids would take its paths
    _add_alerts(app, house)
    _add_cases(app, house)
    _add_reports(app, house)
    describe(app)


def _add_geojson(app: FastAPI, house: House) -> None:
    shown: dict[str, Any] = {
        "response_model": FeatureCollection,
        "response_class": GeoJson,
        "responses": PROBLEMS | UNCHANGED,
        "tags": ["Map"],
    }

    @app.get("/api/alerts.geojson", **shown | {"response_model": AlertFeatures})
    def alerts_on_the_map(
        request: Request, person: Reader, asking: Annotated[AskingAlerts, Query()]
    ) -> Response:
        """A view of the alerts, a page at a time (follow `next`): the areas of each as one feature, and the
        circle of each detector that has one."""
        asked, path = Asked(**asking.model_dump(exclude={"size"})), "/api/alerts.geojson"
        part = part_of_alerts(house.source, person, asked, asking.size, house.now(), path)
        house.record(person, "viewed", "alerts", form="geojson", view=str(asked.view), page=asked.page)
        on_map = features_of_alerts((alert, house.source.areas(alert.scope)) for alert in part.alerts)
        return answer(request, AlertFeatures(features=on_map, found=part.found, next=part.next), GEOJSON)

    @app.get("/api/alerts/{alert_id}.geojson", **shown)
    def alert_on_the_map(request: Request, person: Reader, alert_id: str) -> Response:
        """One alert: its areas with its cases in each as known now, and the circle of each detector."""
        alert = house.alert(person, alert_id, Permission.READ_CASES)
        cases = house.source.cases(alert, alert.start, alert.as_of)
        house.record(person, "viewed", f"alert/{alert.id}", form="geojson", revision=alert.revision)
        areas = house.source.areas(alert.scope)
        return answer(request, features_of_alert(alert, areas, cases), GEOJSON)


def _add_alerts(app: FastAPI, house: House) -> None:
    @app.get(
        "/api/alerts",
        response_model=models_alerts.AlertsPage,
        responses=PROBLEMS | UNCHANGED,
        tags=["Alerts"],
    )
    def alerts(request: Request, person: Reader, asking: Annotated[AskingAlerts, Query()]) -> Response:
        """A view of the alerts, a page at a time (follow `next`): the strongest first, candidates last."""
        asked = Asked(**asking.model_dump(exclude={"size"}))
        page = alerts_page(house.source, person, asked, asking.size, house.now())
        house.record(person, "viewed", "alerts", form="json", view=str(asked.view), page=asked.page)
        return answer(request, models_alerts.AlertsPage.model_validate(page))

    @app.get(
        "/api/alerts/{alert_id}",
        response_model=models_alerts.AlertPage,
        responses=PROBLEMS | UNCHANGED,
        tags=["Alerts"],
    )
    def one_alert(request: Request, person: Reader, alert_id: str) -> Response:
        """One alert with its evidence, members, areas, daily cases, partners and history."""
        alert = house.alert(person, alert_id, Permission.READ_CASES)
        house.record(person, "viewed", f"alert/{alert.id}", form="json", revision=alert.revision)
        return answer(request, _alert(alert_page(house.source, alert, house.now())))


def _add_cases(app: FastAPI, house: House) -> None:
    @app.get(
        "/api/cases", response_model=models_cases.Cases, responses=PROBLEMS | UNCHANGED, tags=["Line list"]
    )
    def cases(request: Request, person: Reader, asked: Annotated[AskedPage, Query()]) -> Response:
        """The line list as known now, a page at a time: cases, or what does not count for a reason."""
        _, page = read_cases(house, person, asked, "json")
        return answer(request, models_cases.Cases.model_validate(page))

    @app.get(
        "/api/cases/{partner}/{kind}/{record_id}",
        response_model=models_cases.RecordPage,
        responses=PROBLEMS | UNCHANGED,
        tags=["Line list"],
    )
    def record(request: Request, person: Reader, partner: str, kind: str, record_id: str) -> Response:
        """One record: its versions and what each changed, what counts it, and what it belongs to."""
        page = read_record(house, person, partner, kind, record_id, "json")
        return answer(request, models_cases.RecordPage.model_validate(page))


def _add_reports(app: FastAPI, house: House) -> None:
    @app.get(
        "/api/reports/weekly",
        response_model=models_reports.WeeklyReport,
        responses=PROBLEMS | UNCHANGED,
        tags=["Reports"],
    )
    def weekly(
        request: Request, person: Anybody, use_case: Name = None, scope: Name = None, week: Name = None
    ) -> Response:
        """Cases of a week against usual, and its alerts; published periods for whoever may not read cases."""
        report = read_week(house, person, use_case, scope, week, "json")
        return answer(request, models_reports.WeeklyReport.model_validate(report))


def _alert(page: AlertPage) -> models_alerts.AlertPage:
    shown = {
        name: getattr(page, name) for name in models_alerts.AlertPage.model_fields if name != "cases_per_day"
    }
    return models_alerts.AlertPage.model_validate({**shown, "cases_per_day": page.epicurve.bars})
