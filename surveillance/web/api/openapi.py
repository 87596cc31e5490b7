"""The description of the API: how programs sign in, what each answer needs, and which version it is."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from surveillance.access.role import Permission
from surveillance.web.api.models import VERSION

TITLE = "Public health surveillance"
SCHEMES = {
    "token": {"type": "http", "scheme": "bearer", "description": "A token that an administrator made"},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "__Host-surveillance",
        "description": "The session of somebody who signed in on the pages; over http: `surveillance`",
    },
}
WORDS = f"""What the pages show, for programs. This is version {VERSION}: every answer says so in the
header `API-Version`. Fields may be added; one that changes its meaning or goes makes a version whose paths
begin with /api/v{int(VERSION) + 1}. Every answer has an `ETag`; `If-None-Match` with it gives 304 while
nothing changed.

Who asks sees what they would see on the pages, within their scopes and use cases. What lies outside is
answered like what does not exist. Every view is entered into the audit chain."""


def describe(app: FastAPI) -> None:
    """Makes the application tell all this at its openapi_url."""

    def document() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way to change it


def _document(app: FastAPI) -> dict[str, Any]:
    made = get_openapi(title=TITLE, version=VERSION, description=WORDS, routes=app.routes)
    made["components"]["securitySchemes"] = SCHEMES
    made["security"] = [{name: []} for name in SCHEMES]
    for route in app.routes:
        permission = _permission(route)
        if isinstance(route, APIRoute) and route.include_in_schema and permission is not None:
            for method in route.methods or ():
                made["paths"][route.path_format][method.lower()]["x-permission"] = permission
    return made


def _permission(route: object) -> Permission | None:
    """What somebody must be allowed to open a route: `needs` left it there."""
    calls = (d.call for d in route.dependant.dependencies) if isinstance(route, APIRoute) else ()
    return next((p for call in calls if (p := getattr(call, "permission", None))), None)
