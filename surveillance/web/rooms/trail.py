"""The audit chain as a page: who saw and did what."""

from typing import Annotated

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse

from surveillance.access.person import Person
from surveillance.access.role import PERMISSIONS, Permission
from surveillance.store import alerts, audit
from surveillance.web import words
from surveillance.web.deeds import Typed
from surveillance.web.house import House, needs
from surveillance.web.summary import page_zone

PAGE = 100
Auditor = Annotated[Person, needs(Permission.READ_AUDIT)]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the page."""

    @app.get("/audit", response_class=HTMLResponse, include_in_schema=False)
    def trail(request: Request, person: Auditor) -> HTMLResponse:
        typed = Typed({key: tuple(request.query_params.getlist(key)) for key in request.query_params})
        wanted = {name: typed.one(name) for name in ("by", "act", "subject")}
        with house.desk.store.reading() as tx:
            subjects = None if _sees_all(person) else _within_reach(person, alerts.places(tx))
            rows = audit.listed(
                tx,
                **{name: text or None for name, text in wanted.items()},
                subjects=subjects,
                before=typed.number("before"),
                limit=PAGE + 1,
            )
            head = audit.head(tx) if subjects is None else None
        house.record(
            person, "viewed", "audit", **{f"wanted_{name}": text for name, text in wanted.items() if text}
        )
        zone = page_zone(house.source)
        return house.render(
            "audit.html",
            person,
            rows=[(number, words.at_time(entry.at, zone), entry) for number, entry in rows[:PAGE]],
            older=rows[PAGE - 1][0] if len(rows) > PAGE else None,
            wanted=wanted,
            head=head,
            time_zone=str(zone),
        )


def _sees_all(person: Person) -> bool:
    """Whether the person may read of every scope and use case."""
    return any(
        Permission.READ_AUDIT in PERMISSIONS[grant.role] and grant.scopes is None and grant.use_cases is None
        for grant in person.grants
    )


def _within_reach(person: Person, places: dict[str, tuple[str, str]]) -> list[str]:
    """The subjects that the person may read of: alerts in places of theirs, and nothing else."""
    return [
        f"alert/{alert_id}"
        for alert_id, (scope, use_case) in places.items()
        if person.may(Permission.READ_AUDIT, scope, use_case)
    ]
