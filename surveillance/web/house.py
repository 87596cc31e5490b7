"""What every page is given, and how a page says who may open it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

from surveillance.access.person import Grant, Person
from surveillance.access.role import Permission, Role
from surveillance.alerting.alert import Alert
from surveillance.deciding import Desk
from surveillance.store import audit
from surveillance.submitting.gateway import Gateway
from surveillance.submitting.taken import Taken
from surveillance.use_case.model import Partner
from surveillance.web.printing import Printer
from surveillance.web.source import AlertSource

HERE = Path(__file__).parent

Render = Callable[..., HTMLResponse]
"""Renders a template: its name, who asks, status=200, then its values."""


People = Callable[[str, str, Permission], Sequence[str]]
"""Ids of the people who have a permission in a scope for a use case; none: any text is somebody's id."""


def nobody_known(_scope: str, _use_case: str, _permission: Permission) -> Sequence[str]:
    """Where there are no accounts, an owner is whatever is typed."""
    return ()


def utc_now() -> datetime:
    """The clock of the pages."""
    return datetime.now(UTC)


class Door(Protocol):
    """Knows who asks."""

    def person(self, request: Request) -> Person | None:
        """Who sent this request; None: nobody who is known."""
        ...


LOCAL = Person("local", (Grant(Role.LEAD), Grant(Role.OPERATOR)))
"""Whoever can reach a service that listens on loopback only."""


@dataclass(frozen=True)
class OpenDoor:
    """Everybody who comes in is this person."""

    everybody: Person = LOCAL

    def person(self, _request: Request) -> Person | None:
        """That person."""
        return self.everybody


@dataclass(frozen=True)
class House:
    """What pages are made of: what is read, where people decide, how it looks, who asks, and the clock."""

    source: AlertSource
    desk: Desk
    render: Render
    door: Door
    now: Callable[[], datetime] = utc_now
    audit_key: bytes = b""
    people: People = nobody_known
    printer: Printer | None = None
    gateway: Gateway | None = None

    def alert(self, person: Person, alert_id: str, permission: Permission = Permission.READ_ALERTS) -> Alert:
        """An alert that the person may see. One out of reach is like one that does not exist: 404."""
        alert = self.source.alert(alert_id)
        if alert is None or not person.may(Permission.READ_ALERTS, alert.scope, alert.use_case):
            raise HTTPException(404)
        if not person.may(permission, alert.scope, alert.use_case):
            raise HTTPException(403)
        return alert

    def partner(
        self, person: Person, partner: str, permission: Permission = Permission.READ_PARTNERS
    ) -> Partner:
        """A partner that the person may see. One out of reach is like one that does not exist: 404."""
        found = self.desk.configuration.partners.get(partner)
        if found is None or not self.reaches(person, partner, Permission.READ_PARTNERS):
            raise HTTPException(404)
        if not self.reaches(person, partner, permission):
            raise HTTPException(403)
        return found

    def reaches(self, person: Person, partner: str, permission: Permission) -> bool:
        """Whether a person may do this for a partner, in any of the scopes that the partner covers."""
        covered: Sequence[str | None] = self.desk.configuration.scopes_of[partner] or (None,)
        return any(person.may_for_partner(permission, partner, scope) for scope in covered)

    def record(self, person: Person, act: str, subject: str, **facts: Any) -> None:
        """Enters into the audit chain that the person saw or did something, in a transaction of its own."""
        with self.desk.store.transaction() as tx:
            audit.append(tx, self.audit_key, audit.Entry(person.id, act, subject, self.now(), facts))

    def enter(self, submissions: Sequence[Taken]) -> None:
        """Enters into the audit chain who handed in what, all of them in one transaction: of nothing that
        they say, but how many records, and their names where they are few."""
        with self.desk.store.transaction() as tx:
            for one in submissions:
                facts = {
                    "partner": one.partner,
                    "kind": one.kind,
                    "records": one.records,
                    "ids": list(one.ids),
                }
                entry = audit.Entry(one.by, "submitted", f"submission/{one.id}", one.at, facts)
                audit.append(tx, self.audit_key, entry)


def needs(permission: Permission | None, everywhere: bool = False) -> Any:
    """A dependency: the person who asks, who has the permission somewhere (None: whoever signed in).

    `everywhere`: in every scope and use case, those to come included. Else 401 or 403.

    Where it matters which scope or use case, the page asks `house.alert` or `person.may` itself.
    """

    def admit(request: Request) -> Person:
        door: Door = request.app.state.door
        person = door.person(request)
        if person is None:
            raise HTTPException(401)
        may = person.may_everywhere if everywhere else person.may
        if permission is not None and not may(permission):
            raise HTTPException(403)
        return person

    # Read by the test of every route and role.
    admit.permission, admit.everywhere = permission, everywhere  # type: ignore[attr-defined]
    return Depends(admit)


Rooms = Sequence[Callable[[Any, House], None]]
"""Each adds the pages of one room to the application."""
