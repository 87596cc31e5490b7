"""FHIR R4 bundles at the gateway: of pseudonyms only, and answered as FHIR answers."""

import importlib
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.adapters import publishing
from surveillance.submitting.feed import Feed, zone_of
from surveillance.submitting.gateway import Accepted, Gateway, Refusal
from surveillance.submitting.shape import Shape, media_type
from surveillance.submitting.spool import SpoolFull
from surveillance.use_case.model import Partner
from surveillance.web.api import models
from surveillance.web.house import House, needs
from surveillance.web.receiving import received
from surveillance.web.rooms.submissions import ANSWERS, check_topic, gateway_of

Sender = Annotated[Person, needs(Permission.SUBMIT)]
FHIR = "application/fhir+json"
_TYPES = (FHIR, "application/json", "")
_OUTCOME = {"type": "object", "required": ["resourceType", "issue"], "description": "OperationOutcome (R4)"}
_OUTCOMES = {
    200: "The broker has acknowledged every admission; `Location`: the submission",
    202: "Accepted and kept; the broker is away: ask `Location` for its state",
    422: "Nothing was accepted: every fault by its path, and no value of yours",
}
_DESCRIBED: dict[int | str, dict[str, Any]] = ANSWERS | {
    status: {"description": words, "content": {FHIR: {"schema": _OUTCOME}}}
    for status, words in _OUTCOMES.items()
}
_DESCRIBED |= {501: {"model": models.Problem, "description": "This service reads no FHIR"}}
_BUNDLE = {"type": "object", "description": "Bundle (R4) of Encounter, Condition, Patient, Organization"}


def add_to(app: FastAPI, house: House) -> None:
    """Adds the endpoint."""

    @app.post(
        "/api/partners/{partner}/fhir",
        response_model=None,
        responses=_DESCRIBED,
        tags=["Submissions"],
        name="submit_fhir",
        openapi_extra={"requestBody": {"required": True, "content": {FHIR: {"schema": _BUNDLE}}}},
    )
    async def submit(request: Request, person: Sender, partner: str) -> Response:
        """Hands in a bundle of encounters as admissions: all are accepted, or none. What says who a person
        is must have become keys before: a name, a birth date, an address or a number is refused."""
        mine = house.partner(person, partner, Permission.SUBMIT)
        gateway = gateway_of(house)
        check_topic(mine, "admission")
        if media_type(request.headers.get("content-type")) not in _TYPES:
            raise HTTPException(415, headers={"Accept-Post": ", ".join(_TYPES[:2])})
        content = await _body(request, gateway.most_bytes)
        try:
            return await run_in_threadpool(_submit, house, mine, content, person.id)
        except SpoolFull:
            raise HTTPException(507, headers={"Retry-After": "60"}) from None


async def _body(request: Request, most_bytes: int) -> bytes:
    """The body in memory: what may hold names or numbers is not written down. Raises a 413."""
    content = bytearray()
    async for piece in request.stream():
        content += piece
        if len(content) > most_bytes:
            raise HTTPException(413)
    return bytes(content)


def _submit(house: House, partner: Partner, content: bytes, by: str) -> Response:
    gateway = gateway_of(house)
    encounters, conversion = _fhir()
    zone = zone_of(gateway.configuration, partner)
    setting = encounters.Setting((), gateway.configuration.gazetteer, zone, pseudonymous=True)
    on_behalf = publishing.Partner(partner.id, partner.organisation)
    converted = conversion.fhir_to_events(content, on_behalf, setting, house.now())
    if not converted.accepted or not converted.events:
        return _answer(converted.outcome, 200 if converted.accepted else 422)
    done = _hand_in(gateway, partner, [value for _, value in converted.events], by)
    if isinstance(done, Refusal):
        words = [f"{row.fault.field}: {row.fault.rule}. {row.fault.fix}" for row in done.faults]
        issues = [{"severity": "error", "code": "business-rule", "diagnostics": one} for one in words]
        return _answer({"resourceType": "OperationOutcome", "issue": issues}, 422)
    state = {"severity": "information", "code": "informational", "diagnostics": done.state}
    told = {**converted.outcome, "issue": [*converted.outcome["issue"], state]}
    where = {"Location": f"/api/partners/{partner.id}/submissions/{done.id}"}
    return _answer(told, 200 if done.state == "published" else 202, where)


def _hand_in(gateway: Gateway, partner: Partner, events: Sequence[bytes], by: str) -> Accepted | Refusal:
    """The events go the way of all that is handed in."""
    with received(gateway) as body:
        with body.create() as file:
            for value in events:
                file.write(value + b"\n")
        zone = zone_of(gateway.configuration, partner)
        return gateway.submit(Feed(body, partner, "admission", {}, zone, named=Shape.JSON_LINES), by)


def _answer(outcome: Mapping[str, Any], status: int, headers: Mapping[str, str] | None = None) -> Response:
    told = {"API-Version": models.VERSION, **(headers or {})}
    return Response(json.dumps(outcome), status, told, FHIR)


def _fhir() -> tuple[Any, Any]:
    """What reads FHIR, which is an extra."""
    try:
        return (
            importlib.import_module("surveillance.adapters.fhir.encounter"),
            importlib.import_module("surveillance.adapters.fhir.conversion"),
        )
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("surveillance"):
            raise
        raise HTTPException(501) from None
