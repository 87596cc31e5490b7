"""What is rebuilt from the records, or from the topics and an export, is what was there."""

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lived_in import AUDIT, KEYS, RECORDS, desk, key, live_in, tell

from small_house import House, NewHouse, house_maker, incident, message
from surveillance.alerting.workflow import Act
from surveillance.configuration import Configuration
from surveillance.deciding import Decision, Unknown
from surveillance.events.message import Message
from surveillance.events.refusal import RefusalCode
from surveillance.kafka.admin import Offsets
from surveillance.kafka.reader import Fetched
from surveillance.store import audit, dead_letters, exports, line_list
from surveillance.store import tables as t
from surveillance.store.audit import Broken
from surveillance.store.catalogue import Nature, tables_of
from surveillance.store.database import Store
from surveillance.store.erasures import KeyChanged
from surveillance.store.exports import ExportFault
from surveillance.store.ledger import LogPlace
from surveillance.upkeep.rebuilding import finish, read_export, rebuild, refill
from surveillance.upkeep.verifying import Keys, verify

_NUMBERS = {"id", "record", "letter"}  # row numbers, which are given anew


def rows(store: Store, *natures: Nature, but: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Every row of the tables of these natures, but for its row number."""
    with store.reading() as tx:
        return {
            table.name: sorted(
                repr({k: v for k, v in row._mapping.items() if k not in {*_NUMBERS, *but}})
                for row in tx.execute(table.select())
            )
            for table in tables_of(*natures)
        }


def whole(house: House) -> list[object]:
    return [c for c in verify(house.store, house.configuration, KEYS) if c.faults]


EVERYTHING = tuple(set(Nature) - {Nature.PASSING})


def test_the_derived_tables_are_what_they_were_and_no_alert_changes(house: House) -> None:
    live_in(house)
    house.evaluate_everything()
    was, raised = rows(house.store, *EVERYTHING), house.alerts()
    assert rebuild(house.store, house.configuration, house.now) == 8
    assert rows(house.store, *EVERYTHING) == was
    assert whole(house) == []
    house.evaluate()
    assert house.alerts() == raised


@pytest.mark.parametrize("table", [t.line_list, t.person_records, t.merges])
def test_what_is_damaged_is_mended(house: House, table: sa.Table) -> None:
    live_in(house)
    was = rows(house.store, *EVERYTHING)
    with house.store.transaction() as tx:
        tx.execute(sa.delete(table))
        tx.execute(
            sa.insert(t.duplicates).values(
                record_a="alpha/incident/r-3",
                record_b="alpha/incident/r-5",
                state="proposed",
                proposed_at=house.now,
            )
        )
    assert whole(house)
    rebuild(house.store, house.configuration, house.now)
    assert rows(house.store, *EVERYTHING) == was


def test_broken_off_it_has_changed_nothing(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    live_in(house)
    was = rows(house.store, *Nature)

    def fail(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("surveillance.upkeep.rebuilding.alerts.relist_members", fail)
    with pytest.raises(OSError, match="no space"):
        rebuild(house.store, house.configuration, house.now)
    assert rows(house.store, *Nature) == was


# --- any history ------------------------------------------------------------------------------------------

IDS = ("r1", "r2", "r3", "r4")


@pytest.fixture(scope="session")
def new_house(
    planet: Configuration, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> NewHouse:
    return house_maker(planet, sqlite_template, tmp_path_factory.mktemp("houses"))


@st.composite
def events(draw: st.DrawFn) -> tuple[str, Any]:
    """One thing that happens: a record's version comes, or a person decides something."""
    what = draw(st.sampled_from(["send"] * 6 + ["confirm", "reject", "link", "erase", "respond", "look"]))
    ours, other = draw(st.permutations(IDS))[:2]
    if what != "send":
        return what, (ours, other)
    action = draw(st.sampled_from(["reported", "reported", "amended", "withdrawn", "merged"]))
    extra: dict[str, Any] = {"action": action, "version": draw(st.integers(1, 3))}
    extra |= {"status": "withdrawn"} if action == "withdrawn" else {}
    extra |= {"merged_into": other} if action == "merged" else {}
    days, area = draw(st.integers(0, 2)), draw(st.sampled_from(["n1", "n2", "s1"]))
    person, school = draw(st.sampled_from([None, 1, 2])), draw(st.sampled_from([None, "s-1"]))
    return what, incident(ours, days_ago=days, area=area, person=person, school=school, **extra)


def happen(house: House, history: Sequence[tuple[str, Any]]) -> list[Message]:
    """Makes a history happen; returns what lies on the topic."""
    sent: list[Message] = []
    for what, of in history:
        house.now += timedelta(minutes=7)
        if what == "send":
            sent.append(message(len(sent), of, received_at=house.now))
            house.ingest(sent[-1])
        else:
            _decide(house, what, *of)
    house.evaluate_everything()
    return sent


def _decide(house: House, what: str, ours: str, other: str) -> None:
    why, both, at_desk = (
        Decision("lead-1", house.now, "seen by the group"),
        (key(ours), key(other)),
        desk(house),
    )
    acts: dict[str, Callable[[], object]] = {
        "confirm": lambda: at_desk.decide_duplicate(both, "confirmed", why),
        "reject": lambda: at_desk.decide_duplicate(both, "rejected", why),
        "link": lambda: at_desk.link(both, why),
        "erase": lambda: at_desk.erase(key(ours), why),
        "respond": lambda: [
            at_desk.move(a.id, Act.ACKNOWLEDGE, why) for a in house.alerts() if a.owner is None
        ],
        "look": house.evaluate_everything,
    }
    with suppress(Unknown):  # there is no such record yet
        acts[what]()


HISTORIES = st.lists(events(), min_size=3, max_size=14)
FEW = settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@FEW
@given(HISTORIES)
def test_after_any_history_a_rebuild_changes_nothing(
    new_house: NewHouse, history: list[tuple[str, Any]]
) -> None:
    house = new_house()
    house.service.prepare()
    happen(house, history)
    was, raised = rows(house.store, *EVERYTHING, but=frozenset({"person_key"})), house.alerts()
    rebuild(house.store, house.configuration, house.now)
    now = rows(house.store, *EVERYTHING, but=frozenset({"person_key"}))
    assert {name: some for name, some in now.items() if name != "persons"} == {
        name: some
        for name, some in was.items()
        if name != "persons"  # nobody's key stays behind
    }
    assert whole(house) == []
    house.evaluate()
    assert house.alerts() == raised
    house.store.close()


@FEW
@given(HISTORIES)
def test_after_any_history_the_topics_and_an_export_give_the_same(
    new_house: NewHouse, tmp_path: Path, history: list[tuple[str, Any]]
) -> None:
    house, again = new_house(), new_house()
    house.service.prepare()
    sent = happen(house, history)
    _refill(house, again, sent, tmp_path)
    assert records_of(again) == records_of(house)
    kept = [Nature.DECIDED, Nature.HAPPENED]
    but = frozenset({"evaluation_id", "proposed_at"})
    assert rows(again.store, *kept, but=but) == rows(house.store, *kept, but=but)
    assert whole(again) == []
    again.evaluate()
    assert again.alerts() == house.alerts()
    house.store.close()
    again.store.close()


def records_of(house: House) -> dict[str, object]:
    with house.store.reading() as tx:
        keys = [key(one) for one in IDS]
        return {
            "versions": line_list.versions_of(tx, keys),
            "rows": set(line_list.rows_of(tx, keys)),
            "persons": line_list.persons_of(tx, keys),
        }


def _refill(house: House, again: House, sent: list[Message], directory: Path) -> None:
    """Loses a database, and fills another from an export and what the topic holds."""
    file = directory / f"export-{len(list(directory.iterdir()))}"
    with house.store.reading() as tx:
        exports.write(tx, file, house.now)
    again.now = house.now
    again.settings = again.settings.model_copy(update={"replay": True})
    read_export(again.store, file, KEYS)
    place = LogPlace("cluster", "incidents.v1.alpha", "incarnation", 0)
    refill(
        again.store, {place: Offsets(0, len(sent))}, _reader(sent), again.service.ingest, lambda: again.now
    )
    finish(again.store, again.configuration, again.now)


def _reader(sent: Sequence[Message]) -> Callable[[str, int, int, int], Fetched]:
    def read(_topic: str, _partition: int, begin: int, end: int) -> Fetched:
        upto = min(begin + 3, end)
        return Fetched(tuple(sent[begin:upto]), (), (), upto)

    return read


# --- from topics ------------------------------------------------------------------------------------------


@pytest.fixture
def empty(
    database: str, planet: Configuration, request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[House]:
    """A house on another new database of the same kind."""
    if database == "sqlite":
        url = f"sqlite:///{tmp_path / 'again.db'}"
    else:
        url = request.getfixturevalue("fresh_postgresql")("template0")
    store = Store.open(url)
    store.upgrade()
    yield House(planet, store)
    store.close()


def _sent() -> list[Message]:
    tie = [{"record": "gone", "type": "friend", "confidence": "confirmed", "source": "police"}]
    sent = [incident(f"c{i}", days_ago=i % 3, school="s-1", person=i) for i in range(4)]
    sent += [incident("gone", person=9), incident("c5", links=tie), {"wrong": 1}]
    return [message(i, one) for i, one in enumerate(sent)]


def _lived(house: House) -> list[Message]:
    house.service.prepare()
    sent = _sent()
    house.ingest(*sent)
    house.evaluate()
    why = Decision("lead-1", house.now, "seen by the group")
    desk(house).erase(key("gone"), why)
    desk(house).note(house.alerts()[0].id, "The group meets.", why)
    desk(house).link((key("c0"), key("c1")), why)
    house.evaluate_everything()
    return sent


def test_what_was_erased_stays_erased_and_alerts_go_on(house: House, empty: House, tmp_path: Path) -> None:
    sent = _lived(house)
    _refill(house, empty, sent, tmp_path)
    with empty.store.reading() as tx:
        assert not line_list.current_entries(tx, {key("gone")})
        assert dead_letters.count(tx)[RefusalCode.ERASED] == 1
    assert whole(empty) == []
    empty.evaluate()
    assert empty.alerts() == house.alerts()
    why = Decision("lead-1", house.now, "the next one")
    desk(empty).note(empty.alerts()[0].id, "Another note.", why)  # rows are numbered on
    empty.settings = empty.settings.model_copy(update={"replay": False})
    tell(empty, incident("c9", school="s-1"))
    empty.evaluate()
    assert empty.alerts()[0].revision == house.alerts()[0].revision + 1
    assert whole(empty) == []


def test_an_export_that_is_cut_off_or_another_or_older_than_the_published_head_is_refused(
    house: House, empty: House, tmp_path: Path
) -> None:
    _lived(house)
    with house.store.reading() as tx:
        exports.write(tx, tmp_path / "export", house.now)
    lines = gzip.decompress((tmp_path / "export").read_bytes()).splitlines(keepends=True)
    (tmp_path / "cut").write_bytes(gzip.compress(b"".join(lines[:-3])))
    (tmp_path / "torn").write_bytes((tmp_path / "export").read_bytes()[:-200])
    older = json.dumps({"schema": "0011"}).encode() + b"\n"
    (tmp_path / "older").write_bytes(gzip.compress(older + b"".join(lines[1:])))
    for name in ("cut", "torn", "older"):
        with pytest.raises(ExportFault):
            read_export(empty.store, tmp_path / name, KEYS)
    desk(house).note(house.alerts()[0].id, "After the export.", Decision("lead-1", house.now))
    with house.store.reading() as tx:
        head = audit.head(tx)
    with pytest.raises(Broken, match=r"published, is not there: .* is older than that head"):
        read_export(empty.store, tmp_path / "export", KEYS, head)
    with pytest.raises(Broken):
        read_export(empty.store, tmp_path / "export", Keys(b"b" * 32, RECORDS))
    with pytest.raises(KeyChanged):
        read_export(empty.store, tmp_path / "export", Keys(AUDIT, b"another key of records"))
    assert rows(empty.store, Nature.DECIDED)["erasures"] == [], "a refused export leaves the database empty"
    read_export(empty.store, tmp_path / "export", KEYS)
    with pytest.raises(ExportFault, match="not empty"):
        read_export(empty.store, tmp_path / "export", KEYS)
    assert (tmp_path / "export").stat().st_mode & 0o777 == 0o600


def test_no_partner_is_answered_twice(
    planet: Configuration, house: House, empty: House, tmp_path: Path
) -> None:
    wanting = {name: one.model_copy(update={"receipts": True}) for name, one in planet.partners.items()}
    house.configuration = empty.configuration = replace(planet, partners=wanting)
    sent = _lived(house)
    _refill(house, empty, sent, tmp_path)
    with house.store.reading() as of_house, empty.store.reading() as of_empty:
        owed = sa.text("SELECT count(*) FROM receipts")
        assert (of_house.execute(owed).scalar_one() > 0, of_empty.execute(owed).scalar_one()) == (True, 0)
