"""The gateway as an API: records handed in by programs of partners that have no Kafka."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import FastAPI, Query, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.events.columns import ColumnsError
from surveillance.events.decode import event_model
from surveillance.events.topics import Kind
from surveillance.submitting.columns import find_columns, parse_columns
from surveillance.submitting.feed import Feed, zone_of
from surveillance.submitting.gateway import Accepted, Gateway, Refusal
from surveillance.submitting.rows import open_table
from surveillance.submitting.shape import MEDIA_TYPES, Shape, media_type
from surveillance.submitting.spool import SpoolFull
from surveillance.use_case.model import Partner
from surveillance.web.api import models
from surveillance.web.api.answer import PROBLEMS, answer
from surveillance.web.api.models_submissions import RowFault, Submission, SubmissionRefused
from surveillance.web.asked import BadParameter
from surveillance.web.house import House, needs
from surveillance.web.receiving import receive, received

Sender = Annotated[Person, needs(Permission.SUBMIT)]
KINDS: tuple[Kind, ...] = ("incident", "admission")
_FILE_FIX, _NO_RECORD = "Correct the file or the mapping", "A submission has records"
_TABLE_SCHEMA = {"schema": {"type": "string", "format": "binary"}}
ANSWERS: dict[int | str, dict[str, Any]] = PROBLEMS | {
    200: {"model": Submission, "description": "The broker has acknowledged every record"},
    202: {
        "model": Submission,
        "description": "Accepted and kept; the broker is away: ask for its state",
    },
    413: {"model": models.Problem, "description": "Too large: send it in parts"},
    415: {"model": models.Problem, "description": "Not a content type that is read here"},
    422: {
        "model": SubmissionRefused,
        "description": "Nothing was accepted: every fault of every row",
    },
    429: {"model": models.Problem, "description": "Too many in a minute: wait as long as Retry-After says"},
    503: {"model": models.Problem, "description": "This service takes no submissions"},
    507: {
        "model": models.Problem,
        "description": "The disk is full, nothing was accepted: send it again later",
    },
}


class Asking(BaseModel):
    """How a table is read."""

    columns: Annotated[
        str | None,
        Query(max_length=8000, description="field=column,field==constant; without it the agreed mapping"),
    ] = None
    time_zone: Annotated[
        str | None,
        Query(max_length=64, description="zone of days and times without one; else your areas'"),
    ] = None
    test: Annotated[
        bool, Query(description="true: test records, which are checked and answered and never counted")
    ] = False


def add_to(app: FastAPI, house: House) -> None:
    """Adds the endpoints."""
    for kind in KINDS:
        _add_kind(app, house, kind)

    @app.get(
        "/api/partners/{partner}/submissions/{submission}",
        response_model=Submission,
        responses=PROBLEMS,
        tags=["Submissions"],
    )
    def submission(request: Request, person: Sender, partner: str, submission: str) -> Response:
        """Whether a submission of this partner is pending or published; known for 30 days."""
        mine = house.partner(person, partner, Permission.SUBMIT)
        found = gateway_of(house).state(mine.id, submission)
        if found is None:
            raise HTTPException(404)
        state, records = found
        return answer(request, Submission(id=submission, state=state, records=records, ids=()))


def _add_kind(app: FastAPI, house: House, kind: Kind) -> None:
    @app.post(
        f"/api/partners/{{partner}}/{kind}s",
        response_model=Submission,
        responses=ANSWERS,
        tags=["Submissions"],
        name=f"submit_{kind}s",
        openapi_extra={"requestBody": {"required": True, "content": _content(kind)}},
    )
    async def submit(
        request: Request, person: Sender, partner: str, asking: Annotated[Asking, Query()]
    ) -> Response:
        """Hands in one record or many: all are accepted, or none. The content type says what they are."""
        mine = house.partner(person, partner, Permission.SUBMIT)
        gateway = gateway_of(house)
        check_topic(mine, kind)
        shape = _shape(request)
        try:
            with received(gateway) as body:
                await receive(request, body, gateway.most_bytes)
                zone = _zone(gateway, mine, asking)
                feed = Feed(body, mine, kind, {}, zone, named=shape, test=asking.test)
                done = await run_in_threadpool(_submit, gateway, feed, asking, person.id)
        except SpoolFull:
            raise HTTPException(507, headers={"Retry-After": "60"}) from None
        return _answered(done)


def gateway_of(house: House) -> Gateway:
    """What takes submissions; 503 where nothing does."""
    if house.gateway is None:
        raise HTTPException(503)
    return house.gateway


def check_topic(partner: Partner, kind: Kind) -> None:
    """Says it where a partner does not publish this kind of records."""
    if f"{kind}s" not in partner.topics:
        raise BadParameter("topic", f"this partner publishes {' and '.join(partner.topics)} only")


def with_columns(feed: Feed, columns: Mapping[str, str] | None) -> Feed:
    """A feed with a mapping for a table: the given one, the agreed one, or columns named as fields."""
    if not feed.shape.is_table:
        return feed
    chosen = columns or find_columns(feed.partner, feed.kind, open_table(feed.path, feed.shape).header)
    return replace(feed, columns=chosen)


def _submit(gateway: Gateway, feed: Feed, asking: Asking, by: str) -> Accepted | Refusal | ColumnsError:
    try:
        given = None if asking.columns is None else parse_columns(asking.columns)
        return gateway.submit(with_columns(feed, given), by)
    except ColumnsError as problem:
        return problem


def _answered(done: Accepted | Refusal | ColumnsError) -> Response:
    if isinstance(done, Accepted):
        told = Submission.model_validate(done)
        return _json(told, 200 if done.state == "published" else 202)
    return _json(refused(done), 422)


def refused(done: Refusal | ColumnsError) -> SubmissionRefused:
    """Every fault in the words of the API."""
    if isinstance(done, ColumnsError):
        told = [
            RowFault(row=None, field="file", code="columns", rule=problem, fix=_FILE_FIX)
            for problem in done.problems
        ]
        return SubmissionRefused(error=422, rows=0, bad_rows=0, faults=tuple(told), left_out=0)
    told = [
        RowFault(row=f.row, field=f.fault.field, code=f.fault.code, rule=f.fault.rule, fix=f.fault.fix)
        for f in done.faults
    ]
    if not done.rows:
        told = [RowFault(row=None, field="file", code="empty", rule=_NO_RECORD, fix="Send one")]
    return SubmissionRefused(
        error=422, rows=done.rows, bad_rows=done.bad_rows, faults=tuple(told), left_out=done.left_out
    )


def _json(told: BaseModel, status: int) -> Response:
    return JSONResponse(told.model_dump(mode="json"), status, headers={"API-Version": models.VERSION})


def _shape(request: Request) -> Shape:
    said = media_type(request.headers.get("content-type"))
    if said not in MEDIA_TYPES and said:
        raise HTTPException(415, headers={"Accept-Post": ", ".join(MEDIA_TYPES)})
    return MEDIA_TYPES.get(said, Shape.JSON)


def _zone(gateway: Gateway, partner: Partner, asking: Asking) -> ZoneInfo:
    if asking.time_zone is None:
        return zone_of(gateway.configuration, partner)
    try:
        return ZoneInfo(asking.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadParameter(
            "time_zone", "there is none of this name; send one such as Europe/London"
        ) from None


def _content(kind: Kind) -> dict[str, Any]:
    """What may be sent: the contract of the events is published by itself (`surveillance contract`)."""
    event = {"type": "object", "example": event_model(kind).EXAMPLE}
    schemas = {
        Shape.JSON: {"schema": {"oneOf": [event, {"type": "array", "items": event}]}},
        Shape.JSON_LINES: {"schema": {"type": "string"}},
    }
    return {name: schemas.get(shape, _TABLE_SCHEMA) for name, shape in MEDIA_TYPES.items()}
