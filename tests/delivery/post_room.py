"""Alerts that change, receivers that are away at times, and a clock that is moved: delivery without a broker.

The outbox, the routing, the stages and the pipeline are the real ones; receivers only remember.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

from surveillance import pipeline
from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.alerting.due import WorkingTime, with_due_times
from surveillance.configuration import Configuration
from surveillance.delivery.parcel import NotTaken, Parcel, Send
from surveillance.sending import Delivered, Post
from surveillance.store import alerts, outbox
from surveillance.store.database import Store
from surveillance.use_case.model import Scope, UseCase
from surveillance.use_case.receiver import Receiver

START = datetime(2024, 5, 1, 8, tzinfo=UTC)  # a Wednesday, 9:00 in London
BANDS = ("severe", "raised", "watch")


def receiver(name: str, **changes: Any) -> Receiver:
    values = {"id": name, "channel": "webhook", "time_zone": "Europe/London"}
    return Receiver.model_validate(values | changes)


def configured(*receivers: Receiver, told: tuple[str, ...] = (), shadow: bool = False) -> Configuration:
    """Only what delivery looks at: one use case, one scope, these receivers."""
    use_case = UseCase.model_validate(
        {
            "id": "falls",
            "title": "Falls",
            "records": "incident",
            "cases": {},
            "places": [{"name": "residence", "field": "residence_area"}],
            "case_day": "occurred_from",
            "scopes": ["county"],
            "detectors": [{"name": "links"}],
            "bands": [{"name": name, "any_of": [{"detector": "links"}]} for name in BANDS],
            "receivers": told or [one.id for one in receivers],
            "shadow": shadow,
            "wording": {"one": "fall", "many": "falls"},
        }
    )
    scope = Scope(id="county", title="County", time_zone="Europe/London", areas="x")
    made = SimpleNamespace(
        use_cases={"falls": use_case},
        regions={"county": SimpleNamespace(scope=scope)},
        receivers={one.id: one for one in receivers},
        escalate_every=timedelta(hours=1),
    )
    return cast(Configuration, made)


@dataclass
class Inbox:
    """A receiver that remembers what it took, and takes nothing while it is away."""

    away: bool = False
    taken: list[Parcel] = field(default_factory=list)
    at: list[datetime] = field(default_factory=list)

    def revisions(self) -> list[int]:
        return [int(parcel.content["revision"]) for parcel in self.taken]


@dataclass
class PostRoom:
    """Delivery of one configuration over one database."""

    store: Store
    configuration: Configuration
    now: datetime = START
    inboxes: dict[str, Inbox] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.inboxes = {name: Inbox() for name in self.configuration.receivers}
        self.post = Post({name: self._sender(inbox) for name, inbox in self.inboxes.items()})

    def _sender(self, inbox: Inbox) -> Send:
        def send(parcel: Parcel) -> int:
            if inbox.away:
                raise NotTaken("Away", 503)
            inbox.taken.append(parcel)
            inbox.at.append(self.now)
            return 200

        return send

    def alert(self, name: str = "a1") -> Alert | None:
        with self.store.reading() as tx:
            return alerts.show(tx, name)

    def change(
        self,
        name: str = "a1",
        severity: str = "raised",
        kind: Change | None = None,
        told: bool = True,
        **changes: Any,
    ) -> AlertChange:
        """The alert's next revision, stored with the notices of it."""
        known = self.alert(name)
        before = known or _new_alert(name, self.now)
        after = replace(
            before, revision=before.revision + 1, severity=severity, changed_at=self.now, **changes
        )
        chosen = kind or (Change.STRENGTHENED if known else Change.OPENED)
        made = AlertChange(chosen, after, self.now, "service", f"revision {after.revision}", told)
        made = with_due_times(made, WorkingTime(ZoneInfo("Europe/London")))
        with self.store.transaction() as tx:
            alerts.save(tx, [made])
            outbox.add(tx, pipeline.notices_of([made], self.configuration))
        return made

    def deliver(self, most: int = 500) -> list[Delivered]:
        """Delivers until nothing is due."""
        done: list[Delivered] = []
        while (one := self.deliver_one()) is not None:
            done.append(one)
            assert len(done) < most, "delivery does not come to rest"
        return done

    def deliver_one(self) -> Delivered | None:
        return pipeline.deliver(self.store, self.post, self.configuration, lambda: self.now)

    def pass_time(self, **passed: float) -> list[Delivered]:
        """Moves the clock, then delivers."""
        self.now += timedelta(**passed)
        return self.deliver()

    def rows(self, where: Callable[[Any], bool] = lambda _: True) -> list[Any]:
        from sqlalchemy import select

        from surveillance.store.tables import outbox as table

        with self.store.reading() as tx:
            return [row for row in tx.execute(select(table).order_by(table.c.id)) if where(row)]

    def standing(self, receiver_id: str) -> Mapping[int, str | None]:
        """By revision: sent, or why it is not."""
        of = self.rows(lambda row: row.receiver == receiver_id and row.revision is not None)
        return {
            row.revision: "sent" if row.sent_at else (row.suppressed_reason or row.held_reason) for row in of
        }


def _new_alert(name: str, now: datetime) -> Alert:
    return Alert(
        id=name,
        revision=0,
        use_case="falls",
        scope="county",
        state=State.OPEN,
        severity="watch",
        members=("police/incident/a@1",),
        areas=("E1",),
        start=date(2024, 4, 1),
        end=date(2024, 4, 9),
        clusters=(),
        alive=True,
        as_of=date(2024, 5, 1),
        opened_at=now,
        changed_at=now,
    )
