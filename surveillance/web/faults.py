"""Parameters that cannot be read or met: a page or JSON that names each, with what to do."""

from collections.abc import Sequence

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response

from surveillance.web.api.models import VERSION, Fault, Problem
from surveillance.web.asked import BadParameter
from surveillance.web.house import Render


def add_faults(app: FastAPI, render: Render) -> None:
    """Answers 422 with what is wrong."""

    def unreadable(request: Request, error: RequestValidationError) -> Response:
        faults = [Fault(field=_name(e["loc"]), problem=e["msg"]) for e in error.errors()]
        return _answer(request, list({fault.field: fault for fault in faults}.values()), render)

    def unmet(request: Request, error: BadParameter) -> Response:
        return _answer(request, [Fault(field=error.field, problem=error.problem)], render)

    app.add_exception_handler(RequestValidationError, unreadable)  # type: ignore[arg-type]
    app.add_exception_handler(BadParameter, unmet)  # type: ignore[arg-type]


def _name(place: Sequence[str | int]) -> str:
    """The parameter's name: it is one of ours, for those that we do not know are not looked at."""
    return next((str(part) for part in place[1:]), str(place[0]))


def _answer(request: Request, faults: Sequence[Fault], render: Render) -> Response:
    if request.url.path.startswith("/api/"):
        body = Problem(error=422, faults=tuple(faults)).model_dump_json()
        return Response(body, 422, media_type="application/json", headers={"API-Version": VERSION})
    return render("faults.html", status=422, faults=faults)
