"""An answer of the API: its version, and a tag by which it need not be sent twice."""

import hashlib
from typing import Any

from fastapi import Request
from fastapi.responses import Response
from pydantic import BaseModel

from surveillance.web.api.models import VERSION, Problem

GEOJSON = "application/geo+json"
PROBLEMS: dict[int | str, dict[str, Any]] = {
    401: {"model": Problem, "description": "Nobody who is known asked"},
    403: {"model": Problem, "description": "Your role does not allow it"},
    404: {"model": Problem, "description": "There is none, or none within your scopes and use cases"},
    422: {"model": Problem, "description": "A parameter cannot be read; `faults` names it"},
}
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged since If-None-Match"}}


def answer(request: Request, value: BaseModel, media_type: str = "application/json") -> Response:
    """The value as JSON with its tag; 304 without a body where the asker has just that."""
    body = value.model_dump_json(by_alias=True).encode()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": tag, "API-Version": VERSION}
    if tag in _tags(request.headers.get("If-None-Match", "")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=media_type, headers=headers)


def _tags(header: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in header.split(",")}
