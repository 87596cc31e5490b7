"""A small house on an invented planet: eight areas, two partners, one use case, and its messages.

North and south are two scopes, 100 km apart; within each the four areas are 1 km from the next.
"""

import json
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, cast

import yaml

from surveillance.alerting.alert import Alert, State
from surveillance.alerting.matching import FINISHED
from surveillance.configuration import Configuration, load_configuration
from surveillance.delivery.alerts_topic import AlertsTopic
from surveillance.delivery.parcel import Parcel
from surveillance.detection.cluster import Cluster
from surveillance.events.message import Message
from surveillance.offsets import TopicLogs
from surveillance.service import Service
from surveillance.settings import Settings
from surveillance.store import alerts, pending
from surveillance.store.database import Store
from surveillance.store.ledger import LogPlace

NOW = datetime(2250, 6, 30, 12, 0, tzinfo=UTC)
TODAY = date(2250, 6, 30)
AREAS = ("n1", "n2", "n3", "n4", "s1", "s2", "s3", "s4")
USE_CASE = "dune-fever"

_AREA_FILE = "code,name,x_km,y_km,population,region\n" + "".join(
    f"{code},Crater {code},{i % 4},{100 * (i // 4)},1000,{'north' if i < 4 else 'south'}\n"
    for i, code in enumerate(AREAS)
)
_SCOPES: dict[str, Any] = {
    "scopes": [
        {
            "id": region,
            "title": f"The {region} of the planet",
            "time_zone": "America/New_York",
            "areas": "areas/planet",
            "within": {"region": region},
        }
        for region in ("north", "south")
    ]
}
_DUNE_FEVER: dict[str, Any] = {
    "id": USE_CASE,
    "title": "Dune fever",
    "records": "incident",
    "cases": {"category": {"one_of": ["dune_fever"]}},
    "places": [
        {"name": "residence", "field": "residence_area"},
        {"name": "incident", "field": "incident_area"},
    ],
    "case_day": "occurred_from",
    "count": {"unit": "person"},
    "scopes": ["north", "south"],
    "baseline_days": 60,
    "detectors": [
        {
            "name": "permutation-scan",
            "parameters": {"max_radius_km": 2, "max_window_days": 7, "replicates": 99},
        },
        {"name": "proximity", "parameters": {"radius_km": 1, "window_days": 5, "min_cases": 3}},
        {
            "name": "links",
            "parameters": {"window_days": 20, "min_cases": 2, "token_types": ["school", "link"]},
        },
    ],
    "bands": [
        {
            "name": "severe",
            "any_of": [{"detector": "permutation-scan", "recurrence_interval_days": 50}],
        },
        {
            "name": "watch",
            "opens": "candidate",
            "any_of": [{"detector": "proximity", "observed": 3}, {"detector": "links", "observed": 2}],
        },
    ],
    "wording": {
        "one": "case of dune fever",
        "many": "cases of dune fever",
        "support_lines": ["The planet's advice line on 000"],
    },
}


def write_house(directory: Path, **changes: Any) -> Path:
    """The configuration's files; `changes` replace top-level keys of the use case."""
    for folder in ("use_cases", "partners", "areas"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    (directory / "areas" / "planet.csv").write_text(_AREA_FILE)
    (directory / "surveillance.yaml").write_text(yaml.safe_dump(_SCOPES))
    for partner in ("alpha", "beta"):
        (directory / "partners" / f"{partner}.yaml").write_text(yaml.safe_dump(_partner(partner)))
    use_case = {**_DUNE_FEVER, **changes}
    (directory / "use_cases" / f"{use_case['id']}.yaml").write_text(yaml.safe_dump(use_case))
    return directory


def _partner(partner: str) -> dict[str, Any]:
    return {
        "id": partner,
        "title": f"Clinic {partner}",
        "organisation": f"CLINIC-{partner.upper()}",
        "reporter_type": "hospital",
        "topics": ["incidents"],
        "coverage": [{"areas": "areas/planet", "since": date(2250, 1, 1)}],
    }


def incident(record: str, days_ago: int = 0, partner: str = "alpha", **changes: Any) -> dict[str, Any]:
    """A payload of one case in n1; `person` and `school` are short for the fields that hold them."""
    occurred = datetime.combine(TODAY - timedelta(days=days_ago), time(6), UTC)
    person, school = changes.pop("person", None), changes.pop("school", None)
    area = changes.pop("area", "n1")
    payload: dict[str, Any] = {
        "record_id": record,
        "version": 1,
        "action": "reported",
        "status": "suspected",
        "category": "dune_fever",
        "reporter_org": f"CLINIC-{partner.upper()}",
        "occurred_from": occurred.isoformat(),
        "occurred_to": (occurred + timedelta(hours=1)).isoformat(),
        "occurred_precision": "hour",
        "reported_at": (occurred + timedelta(hours=3)).isoformat(),
        "residence_area": {"code": area},
        "incident_area": {"code": area},
        **changes,
    }
    if person is not None:
        payload["person_keys"] = [{"scheme": "invented", "key_id": "k1", "value": f"{person:x}a" * 32}]
    if school is not None:
        payload["settings"] = [{"type": "school", "identifier": school}]
    return payload


def message(
    offset: int,
    payload: Mapping[str, Any] | bytes | None,
    partner: str = "alpha",
    received_at: datetime | None = None,
    backfill: bool = False,
) -> Message:
    """A payload on a partner's topic; received `offset` minutes after NOW unless said otherwise."""
    value = json.dumps(payload).encode() if isinstance(payload, Mapping) else payload
    topic = f"{'backfill.' if backfill else ''}incidents.v1.{partner}"
    return Message(topic, 0, offset, received_at or NOW + timedelta(minutes=offset), value)


def background(first_offset: int = 1000) -> list[Message]:
    """Ordinary cases of the last eight weeks, received as they happened: what a scan compares with.

    In each scope two at one time every sixth day in the last area, and now and then one in the first.
    """
    often = [(6 * (i // 4), AREAS[3 + 4 * (i % 2)]) for i in range(40)]
    seldom = [(20 + 10 * (i // 2), AREAS[4 * (i % 2)]) for i in range(8)]
    return [
        message(
            first_offset + i,
            incident(f"background-{i}", days_ago=days_ago, area=area),
            received_at=datetime.combine(TODAY - timedelta(days=days_ago), time(10), UTC),
        )
        for i, (days_ago, area) in enumerate([*often, *seldom])
    ]


def busy_weeks(first_offset: int = 2000) -> list[Message]:
    """Cases of the last seven weeks in n4, all received before today began: enough to compare today with."""
    evening = datetime.combine(TODAY - timedelta(days=1), time(20), UTC)
    usual = [incident(f"usual-{i}", days_ago=1 + i % 50, area="n4") for i in range(75)]
    return [message(first_offset + i, one, received_at=evening) for i, one in enumerate(usual)]


@dataclass
class Logs:
    """Stands for the broker's description of its topics: one log per topic and partition."""

    topics: tuple[str, ...]

    def place(self, topic: str, partition: int) -> LogPlace:
        return LogPlace("cluster", topic, "incarnation", partition)


@dataclass
class Told:
    """Stands for the alerts topic: remembers what was sent, or fails as often as it is told to."""

    messages: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def send(self, parcel: Parcel) -> None:
        if self.failures:
            raise self.failures.pop()
        self.messages.append((parcel.about, {**parcel.content, "idempotency_key": parcel.key}))


@dataclass
class House:
    """A service of this house over one database, with a clock that stands still until it is moved."""

    configuration: Configuration
    store: Store
    now: datetime = NOW + timedelta(hours=6)
    told: Told = field(default_factory=Told)
    settings: Settings = field(
        default_factory=lambda: Settings(config_dir=Path("/nowhere"), dead_letter_key="a key for tests only")  # type: ignore[arg-type]
    )

    @property
    def service(self) -> Service:
        """A new service each time, as after a restart."""
        return Service(
            settings=self.settings,
            configuration=self.configuration,
            store=self.store,
            logs=cast(TopicLogs, Logs(self.configuration.topics(self.settings.topic_prefix))),
            alerts_topic=cast(AlertsTopic, self.told),
            clock=lambda: self.now,
        )

    @property
    def as_of(self) -> date:
        return self.now.astimezone(self.configuration.regions["north"].zone).date()

    def ingest(self, *messages: Message) -> None:
        self.service.ingest(messages, read=self.service.read(messages))

    def report(self, *payloads: Mapping[str, Any], partner: str = "alpha") -> None:
        """Ingests payloads as the next messages of a partner's topic, received now."""
        first = getattr(self, "_next_offset", 1)
        self._next_offset = first + len(payloads)
        batch = [message(first + i, p, partner, received_at=self.now) for i, p in enumerate(payloads)]
        self.ingest(*batch)

    def evaluate(self) -> int:
        """Answers all that is pending; returns how many evaluations that were."""
        answered = 0
        while self.service.evaluate_next():
            answered += 1
        with self.store.reading() as tx:
            assert pending.waiting(tx) == 0, "an evaluation failed"
        return answered

    def evaluate_everything(self) -> None:
        """Asks for an evaluation of every use case and scope as of today, and answers it."""
        asked = [
            pending.Request(use_case.id, scope, self.as_of)
            for use_case in self.configuration.use_cases.values()
            for scope in use_case.scopes
        ]
        with self.store.transaction() as tx:
            pending.request(tx, asked, self.now)
        self.evaluate()

    def alerts(self) -> list[Alert]:
        """Every alert, the oldest first."""
        with self.store.reading() as tx:
            return alerts.listed(tx)

    def unfinished(self) -> list[Alert]:
        return [a for a in self.alerts() if a.state not in FINISHED and a.state is not State.MERGED]


def evidence(found: Iterable[Alert]) -> list[str]:
    """The clusters behind alerts that are alive, as sorted text: equal where all of them are equal."""
    clusters: list[tuple[str, str, Cluster]] = [
        (a.use_case, a.scope, c) for a in found if a.alive for c in a.clusters
    ]
    return sorted(
        f"{use_case} {scope} {c.detector} {c.place} {c.members} {c.areas} {c.start} {c.end} "
        f"{c.observed} {c.expected!r} {c.statistic!r} {c.p_value!r}"
        for use_case, scope, c in clusters
    )


def record_ids(alert: Alert) -> list[str]:
    """The partner's ids of an alert's members, sorted, without the version."""
    return sorted(member.rsplit("@", 1)[0].split("/", 2)[2] for member in alert.members)


NewHouse = Callable[[], House]


def house_maker(configuration: Configuration, template: Path, directory: Path) -> NewHouse:
    """Makes houses on databases of their own, each a copy of the template."""
    made = 0

    def make() -> House:
        nonlocal made
        made += 1
        copy = directory / f"house-{made}.db"
        shutil.copyfile(template, copy)
        return House(configuration, Store.open(f"sqlite:///{copy}"))

    return make


def load_house(directory: Path, **changes: Any) -> Configuration:
    return load_configuration(write_house(directory, **changes))
