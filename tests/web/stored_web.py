"""The pages over a real SQLite store of the small house, asked by whoever a test says."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import select

from small_house import House, load_house
from surveillance.access.person import Grant, Person
from surveillance.access.role import Role
from surveillance.deciding import Desk
from surveillance.store import audit
from surveillance.store.database import Store
from surveillance.store.tables_audit import audit as audit_table
from surveillance.web.app import make_web
from surveillance.web.house import OpenDoor
from surveillance.web.reading import Reading

AUDIT_KEY = b"a key of the audit chain, for tests only"
LEAD = Person("lead@example.org", (Grant(Role.LEAD),))
ANALYST = Person("analyst@example.org", (Grant(Role.ANALYST),))
NORTH = Person("north-lead@example.org", (Grant(Role.LEAD, frozenset({"north"})),))
SOUTH = Person("south-lead@example.org", (Grant(Role.LEAD, frozenset({"south"})),))
VIEWER = Person("viewer@example.org", (Grant(Role.VIEWER),))
PARTNER = Person("partner@example.org", (Grant(Role.PARTNER),))
OPERATOR = Person("operator@example.org", (Grant(Role.OPERATOR),))
NOBODY = Person("nobody@example.org")
WITHOUT_CASES = (VIEWER, PARTNER, OPERATOR, NOBODY)


@dataclass
class StoredWeb:
    """One house and its pages."""

    house: House
    options: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def build(cls, directory: Path, **changes: Any) -> "StoredWeb":
        configuration = load_house(directory / "config", **changes)
        store = Store.open(f"sqlite:///{directory}/house.db")
        store.upgrade()
        return cls(House(configuration, store))

    def app(self, person: Person) -> FastAPI:
        configuration, store = self.house.configuration, self.house.store
        return make_web(
            Reading(configuration, store),
            Desk(configuration, store),
            door=OpenDoor(person),
            now=lambda: self.house.now + timedelta(minutes=1),
            audit_key=AUDIT_KEY,
            **self.options,
        )

    def get(self, path: str, person: Person = LEAD, **headers: str) -> httpx.Response:
        return self.ask("GET", path, person, headers=headers)

    def post(self, path: str, form: Mapping[str, Any], person: Person = LEAD) -> httpx.Response:
        return self.ask("POST", path, person, data=form)

    def ask(self, method: str, path: str, person: Person, **sent: Any) -> httpx.Response:
        return asyncio.run(_ask(self.app(person), method, path, sent))

    def audited(self) -> list[audit.Entry]:
        """The whole audit chain, which must be whole."""
        with self.house.store.reading() as tx:
            audit.verify(tx, AUDIT_KEY)
            rows = tx.execute(select(audit_table).order_by(audit_table.c.sequence)).all()
        return [audit.Entry(row.by, row.act, row.subject, row.at, row.facts) for row in rows]


async def _ask(app: FastAPI, method: str, path: str, sent: dict[str, Any]) -> httpx.Response:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as asking:
        return await asking.request(method, path, **sent)
