"""A database as after three years: 200,000 cases, 5,000 alerts. Nobody in it exists."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from surveillance.alerting.alert import Alert, AlertChange, Change, State
from surveillance.configuration import Configuration
from surveillance.detection.cluster import Cluster
from surveillance.line_list.record import Case, RecordKey
from surveillance.store import alerts, line_list
from surveillance.store.database import Store
from surveillance.store.tables import record_versions, records

NOW = datetime.now(UTC)
TODAY = NOW.date()
USE_CASE, SCOPE = "suspected-suicide", "cheshire-merseyside"
STATES = [*[State.OPEN] * 2, State.CANDIDATE, State.ACKNOWLEDGED, State.ASSESSING, State.RESPONDING]
FINISHED = [State.CLOSED, State.NOT_A_CLUSTER, State.MERGED]


def fill_cases(store: Store, configuration: Configuration, count: int, rng: random.Random) -> list[Case]:
    """Cases of the last three years in every area; one person in twenty was reported twice."""
    codes = configuration.regions[SCOPE].read.codes
    place = configuration.use_cases[USE_CASE].places[0].name
    cases: list[Case] = []
    while len(cases) < count:
        number = len(cases)
        day = TODAY - timedelta(days=rng.randrange(3 * 365))
        received = datetime.combine(day, datetime.min.time(), UTC) + timedelta(days=rng.uniform(1, 9))
        person = number - 1 if number and rng.random() < 0.05 else number
        key = RecordKey(rng.choice(("example-police", "example-coroner")), "incident", f"r{number}")
        cases.append(
            Case(
                key, 1, USE_CASE, place, rng.choice(codes), day, min(received, NOW),
                person_keys=(f"invented:{person}",), age=rng.randrange(12, 90),
                sex=rng.choice(("female", "male")), tokens=(f"link:{key}",),
            )
        )  # fmt: skip
    for start in range(0, count, 20_000):
        _store_cases(store, cases[start : start + 20_000], start)
    return cases


def _store_cases(store: Store, cases: Sequence[Case], first: int) -> None:
    numbered = list(enumerate(cases, first + 1))
    with store.transaction() as tx:
        tx.execute(records.insert(), [{"record": n, **c.key._asdict()} for n, c in numbered])
        tx.execute(
            record_versions.insert(),
            [
                {
                    "record": n,
                    "version": 1,
                    "content_hash": str(n),
                    "received_at": c.received_at,
                    "content": {},
                }
                for n, c in numbered
            ],
        )
        rows = [line_list.ListedRow(c, c.received_at, None) for c in cases]
        line_list.replace_rows(tx, [c.key for c in cases], rows)


def fill_alerts(store: Store, cases: Sequence[Case], count: int, rng: random.Random) -> None:
    """Half of them are finished. The first has 8 members; the second, 80 in 300 areas, and 30 revisions."""
    recent = sorted((c for c in cases if (TODAY - c.day).days < 30), key=lambda c: c.key)
    made: list[Alert] = []
    with store.transaction() as tx:
        for number in range(count):
            members = rng.sample(recent, 80 if number == 1 else 8)
            made.append(
                _alert(number, members, [c.area for c in rng.sample(recent, 300 if number == 1 else 20)], rng)
            )
            alerts.save(
                tx, [AlertChange(Change.OPENED, made[-1], made[-1].opened_at, "service", "8 records", True)]
            )
        for revision in range(2, 31):
            grown = _revised(made[1], revision)
            alerts.save(tx, [AlertChange(Change.STRENGTHENED, grown, NOW, "service", "records: 1", True)])


def _alert(number: int, members: Sequence[Case], areas: Sequence[str], rng: random.Random) -> Alert:
    within = tuple(dict.fromkeys([*(c.area for c in members), *areas]))
    days: list[date] = [c.day for c in members]
    finished = number > 1 and rng.random() < 0.5
    opened = NOW - timedelta(hours=rng.uniform(1, 9_000 if finished else 100))
    cluster = Cluster(
        "permutation-scan", "1", "residence", tuple(sorted(c.id for c in members)), within, within[0], 4.0,
        min(days), max(days), len(members), len(members) / 3, 3.0, 9.0, 0.002, 400.0,
        {"replicates": 999, "max_radius_km": 20}, "cases in these areas over the past year",
    )  # fmt: skip
    return Alert(
        id=f"alert-{number}", revision=1, use_case=USE_CASE, scope=SCOPE,
        state=rng.choice(FINISHED if finished else STATES),
        severity=rng.choice(("severe", "raised", "watch")),
        members=tuple(sorted(c.member for c in members)), areas=within, start=min(days), end=max(days),
        clusters=(cluster, cluster), alive=not finished, as_of=TODAY, opened_at=opened, changed_at=opened,
        acknowledge_due=opened + timedelta(hours=4), assess_due=opened + timedelta(hours=24),
        owner=rng.choice((None, "local", "lead-2")),
    )  # fmt: skip


def _revised(alert: Alert, revision: int) -> Alert:
    values = {name: getattr(alert, name) for name in Alert.__slots__}
    return Alert(**values | {"revision": revision, "changed_at": NOW})
