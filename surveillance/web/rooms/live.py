"""What changes now, as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import FastAPI
from sse_starlette import EventSourceResponse, ServerSentEvent

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.web.house import House, needs
from surveillance.web.live import Watcher

HEARTBEAT_SECONDS = 15
RETRY_MILLISECONDS = 3_000
Reader = Annotated[Person, needs(Permission.READ_CASES)]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the stream of events."""
    watcher = app.state.watcher = Watcher(house.source.revisions)

    @app.get("/events", include_in_schema=False)
    async def events(person: Reader) -> EventSourceResponse:
        return EventSourceResponse(_told(watcher, person), ping=HEARTBEAT_SECONDS)


async def _told(watcher: Watcher, person: Person) -> AsyncIterator[ServerSentEvent]:
    """The changes within the person's grants: which alert and which revision, and nothing about it."""
    yield ServerSentEvent(comment="listening", retry=RETRY_MILLISECONDS)
    async for alert_id, now in watcher.changes():
        if person.may(Permission.READ_CASES, now.scope, now.use_case):
            told = json.dumps({"id": alert_id, "revision": now.revision})
            yield ServerSentEvent(told, event="alert")
