"""A replay of what is stored opens the alerts that the service opened, at the same moments."""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from small_house import NOW, TODAY, USE_CASE, House, background, incident, load_house
from surveillance.alerting.alert import Alert
from surveillance.evaluation.known import Known
from surveillance.evaluation.replay import Arm, Replay
from surveillance.evaluation.stored import history_of, replay_stored
from surveillance.evaluation.subject import subject_of
from surveillance.line_list.record import Case, RecordKey
from surveillance.looking import Decided, Question, count
from surveillance.store import alerts, pending
from surveillance.store.database import Store
from surveillance.store.line_list import ListedRow

FIRST, LAST = TODAY, TODAY + timedelta(days=7)
SCAN = {
    "name": "permutation-scan",
    "parameters": {"max_radius_km": 2, "max_window_days": 7, "replicates": 299, "max_p": 0.05},
}
OTHERS = [
    {"name": "proximity", "parameters": {"radius_km": 1, "window_days": 5, "min_cases": 3}},
    {"name": "links", "parameters": {"window_days": 20, "min_cases": 2, "token_types": ["school", "link"]}},
]


def _events() -> list[tuple[float, Mapping[str, Any]]]:
    """(hours after noon of today, payload): an outbreak around n1, revised, then one in s1."""
    sent: list[tuple[float, Mapping[str, Any]]] = []

    def happened(record: str, hours: float, **changes: Any) -> Mapping[str, Any]:
        occurred = NOW + timedelta(hours=hours - 5)
        times = {
            "occurred_from": occurred.isoformat(),
            "occurred_to": (occurred + timedelta(hours=1)).isoformat(),
            "reported_at": (occurred + timedelta(hours=2)).isoformat(),
        }
        return incident(record, **{**times, **changes})

    for i in range(8):
        hours = 7.0 + 9 * i
        sent.append((hours, happened(f"r{i}", hours, area=f"n{1 + i % 2}", person=i + 1, school=f"s{i % 3}")))
    sent.append((30.0, happened("twice", 16.0, area="n1", person=2)))
    sent.append((75.0, {**happened("r3", 34.0, area="n4", person=4), "version": 2, "action": "amended"}))
    sent.append(
        (90.0, {**happened("r1", 16.0, person=2), "version": 2, "action": "withdrawn", "status": "withdrawn"})
    )
    sent.append(
        (100.0, {**happened("r5", 52.0, person=6), "version": 2, "action": "merged", "merged_into": "r6"})
    )
    for i in range(6):
        hours = 101.5 + 7 * i
        sent.append(
            (hours, happened(f"q{i}", hours, area="s1", person=10 + i, school="s9" if i > 3 else None))
        )
    return sorted(sent, key=lambda event: event[0])


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> House:
    """A service that has looked after each event and each midnight."""
    folder = tmp_path_factory.mktemp("replayed")
    shutil.copyfile(sqlite_template, folder / "surveillance.db")
    configuration = load_house(folder / "config", detectors=[SCAN, *OTHERS])
    house = House(configuration, Store.open(f"sqlite:///{folder / 'surveillance.db'}"))
    house.ingest(*background())
    house.evaluate()
    midnight = datetime.combine(TODAY + timedelta(days=1), time(4), UTC)  # in New York
    for hours, payload in _events():
        at = NOW + timedelta(hours=hours)
        while midnight <= at:
            _look_at_midnight(house, midnight)
            midnight += timedelta(days=1)
        house.now = at
        house.report(payload)
        house.evaluate()
    while midnight <= datetime.combine(LAST + timedelta(days=1), time(4), UTC):
        _look_at_midnight(house, midnight)
        midnight += timedelta(days=1)
    return house


def _look_at_midnight(house: House, midnight: datetime) -> None:
    house.now = midnight
    ended = midnight.date() - timedelta(days=1)
    with house.store.transaction() as tx:
        pending.request(tx, [pending.Request(USE_CASE, s, ended) for s in ("north", "south")], house.now)
    house.evaluate()


def _stored(house: House, scope: str) -> list[Alert]:
    with house.store.reading() as tx:
        found = alerts.listed(tx, scope=scope)
    return [alert for alert in found if alert.merged_into is None]


def _replayed(house: House, scope: str, screened: bool = True) -> Replay:
    with house.store.reading() as tx:
        rows, decided = history_of(tx, USE_CASE)
    arms = [Arm("every_event"), Arm("daily")]
    replay = Replay(
        house.configuration, USE_CASE, scope, rows, decided, (FIRST, LAST), arms, screened=screened
    )
    replay.run()
    return replay


@pytest.mark.parametrize("scope", ["north", "south"])
def test_a_replay_ends_with_the_alerts_of_the_service(house: House, scope: str) -> None:
    ours = _replayed(house, scope).alerts(Arm("every_event"))
    theirs = _stored(house, scope)
    assert theirs
    assert [_without_revision(a) for a in ours] == [_without_revision(a) for a in theirs]


def test_it_raises_them_by_the_same_detectors_at_the_same_moments(house: House) -> None:
    ours = [
        (one.alert, one.at, one.severity, one.detectors)
        for scope in ("north", "south")
        for one in _replayed(house, scope).done.raised
        if one.arm == "every_event/combined" and one.step
    ]
    theirs = [
        step
        for scope in ("north", "south")
        for alert in _stored(house, scope)
        for step in _steps(house, alert)
    ]
    assert sorted(ours) == sorted(theirs)
    assert {"permutation-scan", "proximity", "links"} == {name for *_, names in theirs for name in names}


def _steps(house: House, alert: Alert) -> list[tuple[str, datetime, str, tuple[str, ...]]]:
    """An alert's way to ever stronger bands, from its history."""
    rank = ["severe", "watch"].index
    with house.store.reading() as tx:
        history = [stored.change for stored in alerts.history(tx, alert.id)]
    steps = []
    for before, change in zip([None, *history], history, strict=False):
        was = 99 if before is None else rank(before.alert.severity)
        if rank(change.alert.severity) < was:
            names = tuple(sorted({c.detector for c in change.alert.clusters}))
            steps.append((alert.id, change.at, change.alert.severity, names))
    return steps


def _without_revision(alert: Alert) -> Alert:
    """Tuples and lists are the same here; the store keeps parameters as JSON."""
    clusters = tuple(replace(c, parameters=dict(c.parameters)) for c in alert.clusters)
    return replace(alert, clusters=clusters)


def test_leaving_out_looks_that_find_nothing_changes_no_alert(house: House) -> None:
    screened, every = _replayed(house, "north"), _replayed(house, "north", screened=False)
    assert screened.alerts(Arm("every_event")) == every.alerts(Arm("every_event"))
    assert screened.done.raised == every.done.raised
    assert screened.done.detections < every.done.detections


def test_what_would_have_been_raised_is_told_with_its_time_and_nobody_is_named(house: House) -> None:
    subject = subject_of(house.configuration, USE_CASE, "north")
    days = []
    found = replay_stored(subject, house.store, FIRST, LAST, lambda: days.append(1))
    assert len(days) == (LAST - FIRST).days + 1
    assert {a.opened_at for a in found.alerts} >= {a.opened_at for a in _stored(house, "north")}
    assert found.looks > len(_events())


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_cases_kept_up_to_date_are_those_counted_from_nothing(data: st.DataObject, region, use_case) -> None:  # type: ignore[no-untyped-def]
    rows = data.draw(st.lists(_rows(), max_size=12, unique_by=lambda row: row.entry.key))
    rows += [_second(row) for row in rows if row.known_until is not None and row.entry.version == 1]
    known = Known("residence", rows, Decided(), TODAY - timedelta(days=40), TODAY + timedelta(days=10))
    for hours in sorted(data.draw(st.lists(st.integers(0, 200), min_size=1, max_size=6))):
        at = NOW + timedelta(hours=hours)
        as_of = at.date() - timedelta(days=hours % 2)
        as_of = max(as_of, getattr(known, "last", as_of))
        known.last = as_of  # type: ignore[attr-defined]
        question = Question(use_case, region, as_of - timedelta(days=20), as_of, at)
        known.advance(question)
        cases = [
            row.entry
            for row in rows
            if row.known_from <= at
            and (row.known_until is None or row.known_until > at)
            and question.start <= row.entry.day <= as_of
        ]
        expected = count(question, {"residence": cases}, Decided())[0]["residence"]
        assert known.counted() == expected
        assert known.counts.sum() == len(expected)
        area = np.array([region.read.index[one.case.area] for one in expected], int)
        assert np.bincount(area, minlength=len(known.counts)).tolist() == known.counts.sum(axis=1).tolist()


@pytest.fixture(scope="module")
def region(house: House):  # type: ignore[no-untyped-def]
    return house.configuration.regions["north"]


@pytest.fixture(scope="module")
def use_case(house: House):  # type: ignore[no-untyped-def]
    return house.configuration.use_cases[USE_CASE]


@st.composite
def _rows(draw: st.DrawFn) -> ListedRow:
    begins = NOW + timedelta(hours=draw(st.integers(-20, 180)))
    ends = draw(st.none() | st.integers(1, 100))
    case = Case(
        key=RecordKey("alpha", "incident", str(draw(st.integers(0, 99)))),
        version=1,
        use_case=USE_CASE,
        place="residence",
        area=draw(st.sampled_from(["n1", "n2", "n3"])),
        day=draw(st.dates(date(2250, 6, 5), date(2250, 7, 6))),
        received_at=begins,
        person_keys=tuple(sorted(draw(st.sets(st.sampled_from(["p", "q", "r"]), max_size=2)))),
    )
    return ListedRow(case, begins, None if ends is None else begins + timedelta(hours=ends))


def _second(row: ListedRow) -> ListedRow:
    assert isinstance(row.entry, Case)
    assert row.known_until is not None
    return ListedRow(replace(row.entry, version=2, area="n4"), row.known_until, None)
