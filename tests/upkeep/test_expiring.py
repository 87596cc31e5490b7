"""Cases go when nobody needs them any more, with every trace of them; a count of them stays."""

import shutil
import zlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from lived_in import AUDIT, KEYS, desk, key

from small_house import House, incident, load_house, message
from surveillance.alerting.alert import Alert
from surveillance.alerting.workflow import Act, Details, Outcome
from surveillance.configuration import Configuration
from surveillance.deciding import Decision
from surveillance.deciding.decision import Lessons
from surveillance.events.envelope import as_test
from surveillance.line_list.record import RecordKey
from surveillance.store import audit, line_list, records
from surveillance.store.database import Store
from surveillance.store.tables import Base
from surveillance.store.tables_archive import archived_periods
from surveillance.upkeep.expiring import Expired, due, expire, policy_of
from surveillance.upkeep.verifying import verify

PERSON = 0xB
MARKERS = ("marked-4711", f"{PERSON:x}a" * 32, "school-4711", "concern-4711", "note-4711")


@pytest.fixture(scope="session")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Configuration:
    """The planet, whose use case keeps cases 30 days after their baseline of 60, and publishes nothing."""
    return load_house(tmp_path_factory.mktemp("planet"), retention={"keep_days": 30}, publication=None)


@pytest.fixture
def house(keeping: Configuration, store: Store) -> House:
    return House(keeping, store)


def go_on(house: House, days: int, uncounted_days: int | None = None) -> Expired:
    """What a worker's daily expiry does, so many days later."""
    house.now += timedelta(days=days)
    policy = policy_of(house.configuration, house.now, uncounted_days)
    found = due(house.store, house.configuration, policy, house.now)
    return expire(house.store, found, house.configuration, house.now, AUDIT)


def marked(n: int = 0, **changes: Any) -> dict[str, Any]:
    place = {"location_of_concern": "concern-4711"}
    name = f"marked-4711-{n}"
    return incident(name, days_ago=n, person=PERSON + n, school="school-4711", **place, **changes)


def lived(house: House) -> Alert:
    """An alert whose every record bears a marker, named wherever one can be named, finished."""
    house.service.prepare()
    tie = [{"record": "marked-4711-0", "type": "friend", "confidence": "confirmed", "source": "police"}]
    sent = [marked(0), marked(1), marked(2), marked(2, version=2, age=41)]
    sent += [
        incident("marked-4711-m", version=2, action="merged", merged_into="marked-4711-0", person=PERSON)
    ]
    sent += [incident("stays-1", days_ago=0, occurred_precision="no such", person=PERSON)]  # refused
    sent += [as_test(marked(0), "incident", "alpha", 1)]
    house.ingest(*(message(n, one, received_at=house.now) for n, one in enumerate(sent)))
    twin = incident("twin-marked-4711", partner="beta", person=PERSON, links=[{**tie[0], "record": "x"}])
    house.ingest(message(0, twin, "beta", received_at=house.now))
    house.evaluate()
    why = Decision("lead-1", house.now, "note-4711: seen by the group")
    (alert,) = house.alerts()
    at_desk = desk(house)
    at_desk.link((key("marked-4711-0"), key("marked-4711-1")), why)
    at_desk.decide_duplicate((key("marked-4711-0"), key("twin-marked-4711", "beta")), "rejected", why)
    at_desk.note(alert.id, "note-4711", why)
    for act in (Act.ACKNOWLEDGE, Act.ASSESS, Act.RESPOND):
        at_desk.move(alert.id, act, why)
    house.evaluate()
    return house.alerts()[0]


def close(house: House, alert: Alert) -> None:
    why = Decision("lead-1", house.now, "note-4711: it is over")
    lessons = Lessons("note-4711", "note-4711")
    desk(house).move(alert.id, Act.CLOSE, why, Details(Outcome.RESPONSE_COMPLETED), lessons)


def naming(store: Store) -> set[str]:
    """Where a marker stands: every value of every table, snapshots unpacked."""
    return {where for where, text in _words(store) if any(marker in text for marker in MARKERS)}


def _words(store: Store) -> Iterator[tuple[str, str]]:
    with store.reading() as tx:
        for table in Base.metadata.tables.values():
            for row in tx.execute(table.select()):
                for name, value in row._mapping.items():
                    packed = isinstance(value, bytes)
                    yield f"{table.name}.{name}", zlib.decompress(value).decode() if packed else repr(value)


def test_when_all_has_expired_nothing_personal_remains_in_any_table(house: House) -> None:
    alert = lived(house)
    before = naming(house.store)
    assert {
        "alert_history.alert",
        "alert_notes.text",
        "alerts.alert",
        "duplicates.record_a",
        "evaluations.snapshot",
        "line_list.tokens",
        "links.record_a",
        "persons.person_key",
        "record_versions.content",
        "test_records.record_id",
    } <= before
    close(house, alert)
    done = go_on(house, 150, uncounted_days=100)
    assert naming(house.store) == set()
    assert (done.records, done.alerts) == (5, 1)
    assert [c for c in verify(house.store, house.configuration, KEYS) if c.faults] == []
    with house.store.reading() as tx:
        audit.verify(tx, AUDIT)
        assert records.count_records(tx) == 0
    after = house.alerts()[0]
    assert (after.id, after.state, len(after.members)) == (alert.id, after.state, len(alert.members))
    house.evaluate_everything()
    assert naming(house.store) == set()


def test_nor_in_any_file_of_sqlite(keeping: Configuration, sqlite_template: Path, tmp_path: Path) -> None:
    shutil.copyfile(sqlite_template, tmp_path / "surveillance.db")
    house = House(keeping, Store.open(f"sqlite:///{tmp_path / 'surveillance.db'}"))
    close(house, lived(house))
    go_on(house, 150, uncounted_days=100)
    house.store.close()
    content = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert [marker for marker in MARKERS if marker.encode() in content] == []


def test_an_alert_that_goes_on_holds_its_records(house: House) -> None:
    alert = lived(house)
    assert go_on(house, 150).records == 0
    close(house, alert)
    assert go_on(house, 29).records == 0, "it is finished for fewer than 30 days"
    assert go_on(house, 2).records == 5


def test_what_a_detector_may_still_look_at_stays_and_a_month_goes_as_a_whole(house: House) -> None:
    house.service.prepare()
    house.ingest(*(message(n, incident(f"r-{n}", days_ago=n), received_at=house.now) for n in range(40)))
    with house.store.reading() as tx:
        first = len(line_list.current_entries(tx, [key(f"r-{n}") for n in range(40)]))
    assert first == 80
    policy = policy_of(house.configuration, house.now + timedelta(days=60), None)
    assert policy.last_days["dune-fever"] == date(2250, 5, 31)
    assert go_on(house, 59).records == 0
    done = go_on(house, 1)  # a baseline of 60 days and 30 kept: 1 June is the first day that is kept
    assert done.records == 10, "30 days of June stay, the ten of May are gone"
    assert go_on(house, 0) == Expired()
    assert go_on(house, 29).records == 0
    assert go_on(house, 1).records == 30


def test_a_month_is_counted_once_and_only_as_it_may_be_published(house: House) -> None:
    house.service.prepare()
    sent = [incident(f"r-{n}", days_ago=n % 20, area="n3") for n in range(11)]
    sent += [incident(f"s-{n}", days_ago=n, area="s1") for n in range(3)]
    house.ingest(*(message(n, one, received_at=house.now) for n, one in enumerate(sent)))
    assert go_on(house, 200).months == 2
    with house.store.reading() as tx:
        a = archived_periods.c
        rows = {
            row.scope: (row.first_day, row.cases)
            for row in tx.execute(sa.select(a.scope, a.first_day, a.cases))
        }
    assert rows == {"north": (date(2250, 6, 1), 10), "south": (date(2250, 6, 1), None)}
    late = message(len(sent), incident("late", days_ago=3, area="n3"), received_at=house.now)
    house.ingest(late)
    done = go_on(house, 1)
    assert (done.records, done.months) == (1, 0), "who comes late is in no count, so none can be subtracted"


def test_a_case_of_a_use_case_without_a_policy_stays(keeping: Configuration, store: Store) -> None:
    use_case = keeping.use_cases["dune-fever"].model_copy(update={"retention": None})
    house = House(replace(keeping, use_cases={"dune-fever": use_case}), store)
    house.service.prepare()
    house.ingest(message(0, incident("r-1"), received_at=house.now))
    assert go_on(house, 5_000, uncounted_days=1).records == 0


def test_what_is_still_to_be_published_waits_for_that(
    tmp_path_factory: pytest.TempPathFactory, store: Store
) -> None:
    configuration = load_house(tmp_path_factory.mktemp("planet"), retention={"keep_days": 0})
    house = House(configuration, store, settings=House(configuration, store).settings)
    house.service.prepare()
    house.ingest(message(0, incident("r-1"), received_at=house.now))
    assert go_on(house, 300).records == 0
    signed = house.settings.model_copy(update={"audit_key": _secret("a" * 32)})
    house.now -= timedelta(days=299)
    house.settings = signed
    house.service.tick()  # the clock sees the use case for the first time
    house.now += timedelta(days=299)
    house.service.tick()  # it publishes the month, then lets its cases expire
    with store.reading() as tx:
        assert records.count_records(tx) == 0
        assert tx.execute(sa.select(archived_periods)).all() == []
        assert audit.listed(tx, act="expired")
    assert [c for c in verify(store, configuration, KEYS) if c.faults] == []


def _secret(text: str) -> Any:
    from pydantic import SecretStr

    return SecretStr(text)


def test_records_that_merges_connect_go_together(house: House) -> None:
    house.service.prepare()
    merged = incident("m-1", days_ago=60, version=2, action="merged", merged_into="m-2")
    sent = [incident("m-1", days_ago=60), incident("m-2", days_ago=0), merged]
    house.ingest(*(message(n, one, received_at=house.now) for n, one in enumerate(sent)))
    assert go_on(house, 60).records == 0
    assert go_on(house, 90).records == 2


def test_others_forget_what_they_said_of_it(house: House) -> None:
    house.service.prepare()
    tie = [{"record": "old-1", "type": "friend", "confidence": "confirmed", "source": "police"}]
    sent = [incident("old-1", days_ago=60), incident("new-1", links=tie)]
    house.ingest(*(message(n, one, received_at=house.now) for n, one in enumerate(sent)))
    assert go_on(house, 65).records == 1
    assert not any("old-1" in text for _, text in _words(house.store))
    assert [c for c in verify(house.store, house.configuration, KEYS) if c.faults] == []
    with house.store.reading() as tx:
        assert line_list.current_entries(tx, {RecordKey("alpha", "incident", "new-1")})


def test_broken_off_it_goes_on_where_it_stopped(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.service.prepare()
    house.ingest(*(message(n, incident(f"r-{n}", days_ago=n), received_at=house.now) for n in range(6)))
    monkeypatch.setattr("surveillance.upkeep.expiring._CHUNK", 2)
    from surveillance.store import expiry

    real, calls = expiry.remove, []

    def fails_at_the_second(tx: Any, keys: Any) -> None:
        calls.append(len(keys))
        if len(calls) == 2:
            raise OSError("no space left")
        real(tx, keys)

    monkeypatch.setattr("surveillance.upkeep.expiring.expiry.remove", fails_at_the_second)
    with pytest.raises(OSError, match="no space"):
        go_on(house, 200)
    assert [c for c in verify(house.store, house.configuration, KEYS) if c.faults] == []
    done = go_on(house, 1)
    assert (done.records, done.months) == (4, 0)
    with house.store.reading() as tx:
        assert records.count_records(tx) == 0
