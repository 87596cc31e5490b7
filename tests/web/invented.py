"""An alert source for tests: invented alerts on real areas. Nobody in it exists."""

import shutil
import sqlite3
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from pathlib import Path
from tempfile import mkdtemp

import numpy as np

from surveillance.alerting import wording
from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.configuration import load_configuration
from surveillance.deciding import Desk
from surveillance.detection.cluster import Cluster
from surveillance.geography.area import AreaTable, load_areas
from surveillance.line_list.duplicates import CountedCase
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import alerts
from surveillance.store.database import Store
from surveillance.store.deliveries import Attempt, Delivery
from surveillance.store.queue import Choice, Cut, Listed, Mark, Reach, Revision, Step, View
from surveillance.store.seen import Seen
from surveillance.use_case.model import Partner, Scope, UseCase
from surveillance.web.reading import Reading
from surveillance.web.source import Known, Ties, Timeliness

DESK = Desk(load_configuration(Path("config")), Store.open(f"sqlite:///{mkdtemp()}/empty.db"))
DESK.store.upgrade()
"""Nobody decides anything about what is invented: its database holds who looked, and nothing else."""
NOTHING_STORED = Path(mkdtemp()) / "template.db"
with (
    sqlite3.connect(DESK.store.engine.url.database or "") as _upgraded,
    sqlite3.connect(NOTHING_STORED) as _template,
):
    _upgraded.backup(_template)
NOW = datetime(2025, 11, 22, 14, 5, tzinfo=UTC)
TODAY = date(2025, 11, 22)
MERSEYSIDE = load_areas("cheshire_merseyside", Path())
NEW_YORK = load_areas("new_york_zip", Path())

SUPPORT = ("Invented helpline, day and night, on 0000 000 000",)

DEATHS = UseCase.model_validate(
    {
        "id": "invented-deaths",
        "title": "Invented deaths",
        "records": "incident",
        "cases": {},
        "places": [
            {"name": "residence", "field": "residence_area"},
            {"name": "incident", "field": "incident_area"},
        ],
        "case_day": "occurred_from",
        "count": {"unit": "person"},
        "scopes": ["merseyside"],
        "detectors": [{"name": "permutation-scan"}, {"name": "proximity"}, {"name": "links"}],
        "bands": [
            {"name": "severe", "any_of": [{"detector": "permutation-scan", "recurrence_interval_days": 365}]},
            {"name": "raised", "any_of": [{"detector": "permutation-scan", "recurrence_interval_days": 100}]},
            {"name": "watch", "opens": "candidate", "any_of": [{"detector": "proximity", "observed": 3}]},
        ],
        "wording": {
            "one": "invented death",
            "many": "invented deaths",
            "usual_unit": "deaths",
            "next_steps": [
                "Check with the partners that each record is one person, and its dates and places.",
                "Look for what the people had in common, such as a school, a workplace or a service.",
                "Decide whether to call the response group together.",
            ],
            "support_lines": SUPPORT,
        },
    }
)
VISITS = DEATHS.model_copy(
    update={
        "id": "invented-visits",
        "title": "Invented fever visits",
        "records": "admission",
        "scopes": ("new-york",),
        "looks": "daily",
        "shadow": True,
        "places": DEATHS.places[:1],
        "wording": DEATHS.wording.model_copy(
            update={"one": "fever visit", "many": "fever visits", "usual_unit": "visits"}
        ),
    }
)
SCOPES = {
    "merseyside": Scope(
        id="merseyside",
        title="Cheshire and Merseyside",
        time_zone="Europe/London",
        areas="cheshire_merseyside",
    ),
    "new-york": Scope(
        id="new-york", title="New York City", time_zone="America/New_York", areas="new_york_zip"
    ),
}


def partner(name: str, topic: str, **changes: object) -> Partner:
    """A partner that covers Cheshire and Merseyside since 2024."""
    values = {
        "id": name,
        "title": f"Invented {name}",
        "organisation": f"org-{name}",
        "reporter_type": name,
        "topics": [topic],
        "coverage": [{"areas": "cheshire_merseyside", "since": date(2024, 1, 1)}],
    }
    return Partner.model_validate(values | changes)


TIMELINESS = (
    Timeliness(partner("police", "incidents"), "incident", NOW - timedelta(hours=3), 2.0, 6.0),
    Timeliness(partner("coroner", "incidents"), "incident", NOW - timedelta(days=5), 5.0, 13.0),
    Timeliness(partner("hospital", "admissions"), "admission", NOW - timedelta(minutes=4), 0.4, 1.5),
)


@dataclass
class InventedSource:
    """Holds what it is given; the methods are those of AlertSource."""

    changes: list[AlertChange] = field(default_factory=list)
    counted: list[CountedCase] = field(default_factory=list)
    partners: Sequence[Timeliness] = TIMELINESS
    ready: bool = True
    tied: Ties = field(default_factory=Ties)
    tables: dict[str, AreaTable] = field(
        default_factory=lambda: {"merseyside": MERSEYSIDE, "new-york": NEW_YORK}
    )

    @property
    def use_cases(self) -> Mapping[str, UseCase]:
        return {u.id: u for u in (DEATHS, VISITS)}

    @property
    def scopes(self) -> Mapping[str, Scope]:
        return SCOPES

    def areas(self, scope: str) -> AreaTable:
        return self.tables[scope]

    def is_ready(self) -> bool:
        return self.ready

    def alerts(self) -> Sequence[tuple[Alert, AlertChange]]:
        return [(change.alert, change) for change in {c.alert.id: c for c in self.changes}.values()]

    @cached_property
    def stored(self) -> Reading:
        """The same alerts in a database: what is listed, counted and cut there is not invented twice."""
        file = Path(mkdtemp()) / "alerts.db"
        shutil.copyfile(NOTHING_STORED, file)
        reading = Reading(DESK.configuration, Store.open(f"sqlite:///{file}"))
        with reading.store.transaction() as tx:
            for change in sorted(self.changes, key=lambda c: c.alert.revision):
                alerts.save(tx, [change])
        return reading

    def counts(self, choice: Choice) -> Mapping[View, int]:
        return self.stored.counts(choice)

    def listed(self, choice: Choice, cut: Cut) -> Sequence[Listed]:
        return self.stored.listed(choice, cut)

    def in_full(self, alert_ids: Collection[str]) -> Mapping[str, Alert]:
        return self.stored.in_full(alert_ids)

    def steps(self, after: Mapping[str, int]) -> Mapping[str, Sequence[Step]]:
        return self.stored.steps(after)

    def seen(self, person: str, alert_id: str) -> Seen | None:
        return self.stored.seen(person, alert_id)

    def revisions(self, known: Mapping[str, int]) -> Mapping[str, Revision]:
        return self.stored.revisions(known)

    def mark(self, within: Reach) -> Mark:
        return self.stored.mark(within)

    def known(self, alert_id: str, revision: int) -> Known | None:
        return self.stored.known(alert_id, revision)

    def ties(self, records: Collection[RecordKey]) -> Ties:  # noqa: ARG002
        return self.tied

    def alert(self, alert_id: str) -> Alert | None:
        return next((a for a, _ in self.alerts() if a.id == alert_id), None)

    def history(self, alert_id: str) -> Sequence[AlertChange]:
        return [c for c in self.changes if c.alert.id == alert_id]

    def sentence(self, alert: Alert) -> str:
        table = self.areas(alert.scope)
        names = dict(zip(table.codes, table.names, strict=True))
        return wording.sentence(alert, self.use_cases[alert.use_case].wording, names)

    def cases(self, alert: Alert, first: date, last: date) -> Sequence[CountedCase]:
        in_use = (c for c in self.counted if c.case.use_case == alert.use_case)
        return [c for c in in_use if first <= c.case.day <= last]

    def timeliness(self) -> Sequence[Timeliness]:
        return self.partners

    def deliveries(self, _alert_id: str, _now: datetime) -> tuple[Sequence[Delivery], Sequence[Attempt]]:
        return DELIVERIES, ATTEMPTS


ATTEMPTS = (
    Attempt(1, "email", "prevention-team", 1, 1, NOW - timedelta(hours=5), "failed", "TimeoutError", None),
    Attempt(1, "email", "prevention-team", 1, 2, NOW - timedelta(hours=4), "sent", None, 250),
)
_SENT = ("k1", NOW - timedelta(hours=5), "sent", None, 2, NOW - timedelta(hours=4), None, None)
_HELD = ("k2", NOW - timedelta(hours=1), "held", "quiet_hours", 0, None, NOW + timedelta(hours=8), None)
DELIVERIES = (
    Delivery(1, "email", "prevention-team", "alert-1", 1, "opened", *_SENT),
    Delivery(2, "webhook", "case-system", "alert-1", 1, "opened", *_HELD),
)


def case(record: str, area: str, day: date, **changes: object) -> Case:
    """A case of the police, received two days after its day."""
    received = min(datetime(day.year, day.month, day.day, 9, 30, tzinfo=UTC) + timedelta(days=2), NOW)
    made = Case(RecordKey("police", "incident", record), 1, DEATHS.id, "residence", area, day, received)
    return replace(made, **changes)  # type: ignore[arg-type]


def counted_once(*cases: Case) -> CountedCase:
    """Records of one person, the first one representing them."""
    return CountedCase(cases[0], tuple(sorted(c.member for c in cases)))


def nearest(table: AreaTable, centre: str, count: int) -> tuple[str, ...]:
    """The codes of so many areas around a centre, the centre first."""
    at = table.positions_km[table.index[centre]]
    order = np.argsort(((table.positions_km - at) ** 2).sum(axis=1), kind="stable")
    return tuple(table.codes[int(i)] for i in order[:count])


def scan(areas: tuple[str, ...], members: Sequence[str], **changes: object) -> Cluster:
    """A scan's cluster of the last 20 days, centred on the first area."""
    made = Cluster(
        detector="permutation-scan",
        detector_version="1",
        place="residence",
        members=tuple(sorted(members)),
        areas=areas,
        centre=areas[0],
        radius_km=2.4,
        start=TODAY - timedelta(days=19),
        end=TODAY,
        observed=len(members),
        expected=1.13,
        relative_risk=len(members) / 1.13,
        statistic=8.1,
        p_value=0.002,
        recurrence_interval_days=500.0,
        parameters={"max_radius_km": 20, "replicates": 999},
        expected_basis="cases in these areas over the past year",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def alert_of(name: str, clusters: tuple[Cluster, ...], members: Sequence[str], **changes: object) -> Alert:
    """An open alert that three hours ago began."""
    made = Alert(
        id=name,
        revision=1,
        use_case=DEATHS.id,
        scope="merseyside",
        state=State.OPEN,
        severity="severe",
        members=tuple(sorted(members)),
        areas=tuple(dict.fromkeys(a for c in clusters for a in c.areas)),
        start=min((c.start for c in clusters), default=TODAY),
        end=max((c.end for c in clusters), default=TODAY),
        clusters=clusters,
        alive=True,
        as_of=TODAY,
        opened_at=NOW - timedelta(hours=3),
        changed_at=NOW - timedelta(hours=3),
        acknowledge_due=NOW + timedelta(hours=1),
        assess_due=NOW + timedelta(hours=21),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def opened(alert: Alert, reason: str = "a cluster reached the severity severe") -> AlertChange:
    """The first row of its history."""
    return AlertChange(Change.OPENED, alert, alert.opened_at, "service", reason, True)


def one_alert() -> InventedSource:
    """One open alert with three cases, one of them reported by police and coroner."""
    areas = nearest(MERSEYSIDE, "E01006706", 12)
    first, second = case("p1", areas[0], TODAY - timedelta(days=3)), case("p2", areas[1], TODAY)
    late = case("p3", areas[1], TODAY - timedelta(days=9))
    double = replace(late, key=RecordKey("coroner", "incident", "c9"), version=2)
    members = [c.member for c in (first, second, late, double)]
    cluster = scan(areas, [first.member, second.member, late.member])
    alert = alert_of("alert-1", (cluster,), members)
    counted = [counted_once(first), counted_once(second), counted_once(late, double)]
    return InventedSource([opened(alert)], counted)


def a_full_day() -> InventedSource:
    """A queue as a lead may meet it: severe and growing, overdue, a candidate, closed, without boundaries."""
    rng = np.random.default_rng(7)
    source = InventedSource()
    areas = nearest(MERSEYSIDE, "E01006706", 26)
    chosen = [areas[i] for i in (0, 0, 1, 3, 3, 3, 7, 11)]
    days = [19, 15, 11, 9, 6, 3, 1, 0]
    counted = [
        counted_once(case(f"RX-{410 + i}", a, TODAY - timedelta(days=d), version=1 + (i == 2)))
        for i, (a, d) in enumerate(zip(chosen, days, strict=True))
    ]
    representative = counted[3].case
    coroner = replace(representative, key=RecordKey("coroner", "incident", "C-2025-77"))
    counted[3] = counted_once(representative, coroner)
    newest = replace(counted[7].case, received_at=NOW - timedelta(hours=2))
    counted[7] = counted_once(newest)
    members = [m for c in counted for m in c.records]
    others = [
        counted_once(
            case(f"RX-{i}", str(rng.choice(areas)), TODAY - timedelta(days=int(rng.integers(20, 90))))
        )
        for i in range(14)
    ]
    places = [counted_once(replace(c.case, place="incident")) for c in counted[3:6]]
    close = scan(
        areas[3:4],
        [c.case.member for c in counted[3:6]],
        detector="proximity",
        place="incident",
        radius_km=0.5,
        expected=0.08,
        relative_risk=3 / 0.08,
        start=TODAY - timedelta(days=9),
        end=TODAY - timedelta(days=3),
        p_value=None,
        recurrence_interval_days=None,
        statistic=3.0,
        parameters={"radius_km": 0.5, "window_days": 30, "min_cases": 3},
        expected_basis="cases within 0.5 km over the past year",
    )
    linked = scan(
        (areas[1], areas[7]),
        [counted[2].case.member, counted[6].case.member],
        detector="links",
        centre=None,
        radius_km=None,
        expected=None,
        relative_risk=None,
        p_value=None,
        statistic=None,
        recurrence_interval_days=None,
        parameters={"window_days": 180, "min_cases": 2},
        expected_basis="",
        linked_by=("school:x1y2",),
    )
    found = scan(areas, [c.case.member for c in counted], expected=2.2, relative_risk=8 / 2.2, radius_km=2.41)
    begun = alert_of(
        "c3f1a9d2",
        (found,),
        members[:6],
        severity="raised",
        opened_at=NOW - timedelta(days=2, hours=5),
        acknowledge_due=NOW - timedelta(days=2),
        assess_due=NOW - timedelta(days=1, hours=5),
    )
    taken = replace(
        begun, revision=2, state=State.ACKNOWLEDGED, owner="lead-4", acknowledge_due=None,
        assess_due=NOW + timedelta(hours=3),
    )  # fmt: skip
    grown = replace(
        taken,
        revision=3,
        severity="severe",
        members=tuple(sorted(members)),
        clusters=(found, close, linked),
        changed_at=NOW - timedelta(minutes=90),
    )
    late = alert_of(
        "77b0e4c1",
        (
            scan(
                nearest(MERSEYSIDE, "E01018326", 9),
                members[:4],
                radius_km=4.1,
                recurrence_interval_days=131.0,
            ),
        ),
        members[:4],
        severity="raised",
        opened_at=NOW - timedelta(hours=26),
        changed_at=NOW - timedelta(hours=26),
        acknowledge_due=NOW - timedelta(hours=19),
    )
    candidate = alert_of(
        "0aa91c55",
        (close,),
        members[3:6],
        severity="watch",
        state=State.CANDIDATE,
        acknowledge_due=None,
        assess_due=None,
    )
    closed = alert_of(
        "5d20bb18",
        (scan(areas[5:9], members[:3], start=TODAY - timedelta(days=60), end=TODAY - timedelta(days=40)),),
        members[:3],
        state=State.CLOSED,
        severity="watch",
        outcome="response_completed",
        alive=False,
        owner="lead-2",
        as_of=TODAY - timedelta(days=38),
        opened_at=NOW - timedelta(days=40),
        changed_at=NOW - timedelta(days=12),
    )
    zips = nearest(NEW_YORK, "10011", 9)
    visits = [
        counted_once(
            case(
                f"V-{i}", zips[i % 5], TODAY - timedelta(days=i % 4), use_case=VISITS.id,
                key=RecordKey("hospital", "admission", f"V-{i}"),
            )
        )
        for i in range(9)
    ]  # fmt: skip
    at_points = alert_of(
        "9e31f0aa",
        (scan(zips, [c.case.member for c in visits], radius_km=3.0, expected=2.5, relative_risk=9 / 2.5),),
        [c.case.member for c in visits],
        use_case=VISITS.id,
        scope="new-york",
        severity="watch",
        acknowledge_due=None,
    )
    source.counted = [*counted, *others, *places, *visits]
    source.changes = [
        opened(begun, "a cluster reached the severity raised"),
        AlertChange(Change.MOVED, taken, NOW - timedelta(days=2, hours=1), "lead-4", "taken on", False),
        AlertChange(
            Change.STRENGTHENED, grown, grown.changed_at, "service",
            "records that joined: 3; severity raised to severe", True,
        ),
        opened(late, "a cluster reached the severity raised"),
        opened(candidate, "a cluster reached the severity watch"),
        AlertChange(Change.MOVED, closed, closed.changed_at, "lead-2", "support given to the school", True),
        opened(at_points, "a cluster reached the severity watch"),
    ]  # fmt: skip
    return source
