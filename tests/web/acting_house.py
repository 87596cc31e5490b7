"""A real store with an alert in it, and its pages, asked without a socket by whoever is said to ask."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import FastAPI, Request

from small_house import House, incident
from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.alerting.alert import Alert, State
from surveillance.alerting.workflow import Act, Details, Outcome
from surveillance.deciding import Decision, Desk, Lessons
from surveillance.line_list.record import RecordKey
from surveillance.web.app import make_web
from surveillance.web.reading import Reading

AUDIT, RECORDS = b"a" * 32, b"a key for tests only"
PATHS_TO: Mapping[State, tuple[Act, ...]] = {
    State.CANDIDATE: (),
    State.OPEN: (Act.OPEN,),
    State.ACKNOWLEDGED: (Act.ACKNOWLEDGE,),
    State.ASSESSING: (Act.ACKNOWLEDGE, Act.ASSESS),
    State.RESPONDING: (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND),
    State.MONITORING: (Act.ACKNOWLEDGE, Act.ASSESS, Act.MONITOR),
    State.NOT_A_CLUSTER: (Act.DISMISS,),
    State.CLOSED: (Act.DISMISS, Act.CLOSE),
}
"""By which acts a candidate comes to each state."""
PLAN = {
    "guidance": ["The planet's handbook"],
    "tasks": [
        {
            "id": "meet",
            "title": "Call the group together",
            "what": "Ask all.",
            "owner": "lead",
            "due_hours": 4,
        },
        {
            "id": "support",
            "title": "Refer to bereavement support",
            "what": "Ask who was not reached.",
            "owner": "liaison",
            "due_working_hours": 8,
        },
    ],
}


def key(record: str) -> RecordKey:
    return RecordKey("alpha", "incident", record)


def somebody(role: Role, scope: str | None = None) -> Person:
    scopes = None if scope is None else frozenset({scope})
    return Person(f"{role}@example.org", (Grant(role, scopes),))


@dataclass
class Asker:
    """Lets in whoever it is told."""

    now_asks: Person | None

    def person(self, _request: Request) -> Person | None:
        return self.now_asks


@dataclass
class Acting:
    """The pages over a house."""

    house: House
    app: FastAPI
    door: Asker

    @property
    def desk(self) -> Desk:
        return Desk(self.house.configuration, self.house.store, AUDIT, RECORDS)

    def get(self, path: str) -> httpx.Response:
        return asyncio.run(self._ask("GET", path))

    def post(self, path: str, **values: Any) -> httpx.Response:
        return asyncio.run(self._ask("POST", path, values))

    async def _ask(self, method: str, path: str, values: Mapping[str, Any] | None = None) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
            return await asking.request(method, path, data=values)

    def alert(self) -> Alert:
        return self.house.alerts()[0]

    def bring_to(self, state: State) -> Alert:
        for act in PATHS_TO[state]:
            alert = self.alert()
            details = Details(Outcome.NOT_A_CLUSTER, "lead-1")
            why = Decision("lead-1", self.house.now, "a reason")
            self.desk.move(alert.id, act, why, details, Lessons("the group", "the hours"))
        assert self.alert().state is state
        return self.alert()


def acting_house(house: House, people: Any = None) -> Acting:
    """A house with one candidate of four records, two of them one person's, and a record far away."""
    house.report(*(incident(f"rec-{i}", days_ago=i % 3, person=max(i, 1) + 1, age=30 + i) for i in range(4)))
    house.report(incident("rec-far", area="n4", days_ago=20))
    house.report(incident("rec-south", area="s1"))
    house.evaluate()
    door = Asker(somebody(Role.LEAD))
    source = Reading(house.configuration, house.store)
    desk = Desk(house.configuration, house.store, AUDIT, RECORDS)

    def now() -> datetime:
        return house.now

    more = {} if people is None else {"people": people}
    app = make_web(source, desk, door=door, now=now, audit_key=AUDIT, **more)
    return Acting(house, app, door)


def words_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))
