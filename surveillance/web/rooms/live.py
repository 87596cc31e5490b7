"""What changes now, as server-sent events."""

import json
from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import FastAPI, Query
from sse_starlette import EventSourceResponse, ServerSentEvent

from surveillance.access.person import Person
from surveillance.access.role import Permission
from surveillance.web.house import House, needs
from surveillance.web.live import Missed, Watcher
from surveillance.web.source import AlertSource

HEARTBEAT_SECONDS = 15
RETRY_MILLISECONDS = 3_000
Reader = Annotated[Person, needs(Permission.READ_CASES)]
Since = Annotated[str, Query(pattern=r"^([0-9]{1,18}\.[0-9]{1,18})?$")]


def add_to(app: FastAPI, house: House) -> None:
    """Adds the stream of events."""
    watcher = app.state.watcher = Watcher(house.source.revisions)

    @app.get("/events", include_in_schema=False)
    async def events(person: Reader, since: Since = "") -> EventSourceResponse:
        def missed() -> bool:
            return since not in ("", mark_for(house.source, person))

        return EventSourceResponse(_told(watcher, person, missed), ping=HEARTBEAT_SECONDS)


def mark_for(source: AlertSource, person: Person) -> str:
    """The mark of the alerts whose changes the person is told of. Read before a page, it holds for the page:
    what changes while the page is made is told once too often, and never not at all."""
    within = person.reach(Permission.READ_CASES, source.use_cases, source.scopes)
    return ".".join(map(str, source.mark(within)))


async def _told(watcher: Watcher, person: Person, missed: Missed) -> AsyncIterator[ServerSentEvent]:
    """The changes within the person's grants: which alert and which revision, and nothing about it.

    First `missed`, where the alerts are not those of the mark that the listener has.
    """
    yield ServerSentEvent(comment="listening", retry=RETRY_MILLISECONDS)
    async for changed in watcher.changes(missed):
        if changed is None:
            yield ServerSentEvent("{}", event="missed")
            continue
        alert_id, now = changed
        if person.may(Permission.READ_CASES, now.scope, now.use_case):
            told = json.dumps({"id": alert_id, "revision": now.revision})
            yield ServerSentEvent(told, event="alert")
